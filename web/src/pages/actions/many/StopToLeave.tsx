import { useBlocker } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { Button } from "../../../ui/Button";
import { Dialog } from "../../../ui/Dialog";

/** Asks before work with many devices is left half done: by a link, the back button, or closing the tab. */
export const StopToLeave = ({ busy }: { busy: boolean }) => {
  const blocker = useBlocker({
    shouldBlockFn: ({ current, next }) => busy && current.pathname !== next.pathname,
    enableBeforeUnload: () => busy,
    withResolver: true,
  });
  const asked = blocker.status === "blocked";
  // What was to be left has ended: there is a report to look at now.
  useEffect(() => {
    if (asked && !busy) blocker.reset();
  }, [asked, busy, blocker]);
  const latest = useRef(blocker);
  useEffect(() => {
    latest.current = blocker;
  });
  // Who was asked and did not answer before all was done stays: the address goes back to the page that is shown.
  useEffect(() => () => latest.current.reset?.(), []);
  return (
    <Dialog
      open={asked}
      onOpenChange={(open) => !open && blocker.reset?.()}
      title="Stop here, and leave?"
      description="What is done stays done, and the rest is left as it is. You are told how many."
      footer={
        <>
          <Button kind="danger" onClick={() => blocker.proceed?.()}>
            Stop and leave
          </Button>
          <Button kind="primary" onClick={() => blocker.reset?.()}>
            Stay
          </Button>
        </>
      }
    />
  );
};
