import { useEffect } from "react";
import { session, storedNames } from "../api/session";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";

/** Signs out; what was written and not saved is lost by that, so whoever has some is asked first. */
export const SignOut = ({ asked, close }: { asked: boolean; close(): void }) => {
  const drafts = asked ? storedNames("draft").length : 0;
  const leave = () => {
    close();
    session.signOut();
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each time that it is asked for
  useEffect(() => {
    if (asked && drafts === 0) leave();
  }, [asked]);
  return (
    <Dialog
      open={asked && drafts > 0}
      onOpenChange={(open) => !open && close()}
      title="Sign out?"
      description={
        drafts === 1
          ? "There is a draft in this browser that was not saved. Signing out deletes it."
          : `There are ${drafts} drafts in this browser that were not saved. Signing out deletes them.`
      }
      footer={
        <>
          <Button onClick={close}>Stay</Button>
          <Button kind="danger" onClick={leave}>
            Delete and sign out
          </Button>
        </>
      }
    />
  );
};
