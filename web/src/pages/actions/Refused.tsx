import { Link } from "@tanstack/react-router";
import type { Failure } from "../../api/client";
import { Button } from "../../ui/Button";
import { Notice } from "../../ui/Notice";
import type { ActionDevice } from "./device";

/** Why an action on a device was refused. Where it was changed meanwhile: the way to look, and to go on all the same. */
export const Refused = ({
  what,
  failure,
  device,
  close,
  anyway,
}: {
  what: string;
  failure: Failure;
  device: ActionDevice;
  close(): void;
  /** Does it to the revision that there is now. */
  anyway(revision: number): void;
}) => {
  const now = failure.currentRevision;
  if (failure.code !== "PRECONDITION_FAILED" || now === undefined)
    return (
      <Notice kind="danger" title={what}>
        <p>{failure.fields.map((f) => `${f.field} ${f.message}`).join("; ") || failure.message}</p>
        {failure.detail && <p>{failure.detail}</p>}
      </Notice>
    );
  return (
    <Notice
      kind="danger"
      title="Somebody changed this device meanwhile"
      action={
        <>
          <Link
            to="/devices/$id/history"
            params={{ id: device.id }}
            search={{ from: device.revision, to: now }}
            onClick={close}
          >
            See what was changed
          </Link>
          <Button size="s" kind="danger" onClick={() => anyway(now)}>
            Go on all the same
          </Button>
        </>
      }
    >
      <p>
        You looked at revision {device.revision}, and it is at {now} now. Nothing was done.
      </p>
    </Notice>
  );
};
