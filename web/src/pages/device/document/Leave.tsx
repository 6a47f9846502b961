import { useBlocker } from "@tanstack/react-router";
import { type RefObject, useEffect, useRef } from "react";
import { Button } from "../../../ui/Button";
import { Dialog } from "../../../ui/Dialog";

interface Props {
  /** Whether there is something that would be left behind. */
  unsaved: RefObject<() => boolean>;
  discard(): void;
}

/** Asks before what was written is left behind: by a link, the back button, or closing the tab. */
export const Leave = ({ unsaved, discard }: Props) => {
  const blocker = useBlocker({
    shouldBlockFn: ({ current, next }) => unsaved.current() && current.pathname !== next.pathname,
    enableBeforeUnload: () => unsaved.current(),
    withResolver: true,
  });
  // The answer is asked for once; what was blocked may be another when it is asked again.
  const asked = useRef(blocker);
  useEffect(() => {
    asked.current = blocker;
  });
  const stay = () => asked.current.reset?.();
  const leave = () => asked.current.proceed?.();
  return (
    <Dialog
      open={blocker.status === "blocked"}
      onOpenChange={(open) => !open && stay()}
      title="Leave without saving?"
      description="What you changed is not saved. It can stay as a draft in this browser, and is offered when you open the document again."
      footer={
        <>
          <Button
            kind="danger"
            onClick={() => {
              discard();
              leave();
            }}
          >
            Discard the changes
          </Button>
          <Button onClick={leave}>Leave, keep the draft</Button>
          <Button kind="primary" onClick={stay}>
            Stay
          </Button>
        </>
      }
    />
  );
};
