import { useBlocker } from "@tanstack/react-router";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";

/** Asks before what was begun is left: by a link, the back button, or closing the tab. */
export const LeaveGuard = ({
  dirty,
  passes,
  onDiscard,
}: {
  dirty: boolean;
  passes(to: string): boolean;
  onDiscard(): void;
}) => {
  const blocker = useBlocker({
    shouldBlockFn: ({ next }) => dirty && !passes(next.pathname),
    enableBeforeUnload: () => dirty,
    withResolver: true,
  });
  return (
    <Dialog
      open={blocker.status === "blocked"}
      onOpenChange={() => blocker.reset?.()}
      title="Leave without creating it?"
      description="What you wrote is kept in this browser until you come back here, or throw it away."
      footer={
        <>
          <Button onClick={() => blocker.reset?.()}>Stay</Button>
          <Button
            kind="danger"
            onClick={() => {
              onDiscard();
              blocker.proceed?.();
            }}
          >
            Throw it away
          </Button>
          <Button kind="primary" onClick={() => blocker.proceed?.()}>
            Keep it and leave
          </Button>
        </>
      }
    />
  );
};
