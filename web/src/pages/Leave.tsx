import { useBlocker } from "@tanstack/react-router";
import { useEffect, useLayoutEffect, useRef } from "react";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";

interface Place {
  pathname: string;
}

interface Props {
  /** What would be left, as a question: "Leave without saving?". */
  title: string;
  /** Whether there is something that would be left behind. */
  unsaved(): boolean;
  /** Whether who goes there leaves it behind. */
  leaves(from: Place, to: Place): boolean;
  /** Has it kept in this browser as it is. */
  keep(): void;
  /** It is kept in this browser as it is; otherwise who leaves it loses it. */
  kept: boolean;
  discard(): void;
}

/** Asks before what was written is left behind: by a link, the back button, or closing the tab. */
export const Leave = ({ title, unsaved, leaves, keep, kept, discard }: Props) => {
  const blocker = useBlocker({
    shouldBlockFn: ({ current, next }) => unsaved() && leaves(current, next),
    enableBeforeUnload: unsaved,
    withResolver: true,
  });
  // The answer is asked for once; what was blocked may be another when it is asked again.
  const asked = useRef(blocker);
  useEffect(() => {
    asked.current = blocker;
  });
  // What was kept before may have been thrown away by now, in another tab.
  const blocked = blocker.status === "blocked";
  const keeps = useRef(keep);
  keeps.current = keep;
  useLayoutEffect(() => {
    if (blocked) keeps.current();
  }, [blocked]);
  const stay = () => asked.current.reset?.();
  const leave = () => asked.current.proceed?.();
  return (
    <Dialog
      open={blocked}
      onOpenChange={(open) => !open && stay()}
      title={title}
      description={
        kept
          ? "What you wrote is not saved. It can stay as a draft in this browser, and is offered when you come back here."
          : "What you wrote is not saved, and this browser cannot keep it as a draft: who leaves it loses it."
      }
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
          {kept && <Button onClick={leave}>Leave, keep the draft</Button>}
          <Button kind="primary" onClick={stay}>
            Stay
          </Button>
        </>
      }
    />
  );
};
