import { useQuery } from "@tanstack/react-query";
import { CircleCheckBig, CircleDashed, Clock3, TriangleAlert } from "lucide-react";
import { useState } from "react";
import { asFailure } from "../../../api/client";
import { documentQuery } from "../../../api/queries";
import { Button } from "../../../ui/Button";
import { Time } from "../../../ui/Time";
import type { Device } from "../words";
import { CompareDialog } from "./Compare";
import css from "./document.module.css";

const verbs: Record<string, string> = { fetched: "was served", held: "has", applied: "runs", error: "has" };

/** What the device has now, against what it should have. */
export const Having = ({ id, revision, device }: { id: number; revision: number; device: Device | undefined }) => {
  const [open, setOpen] = useState(false);
  if (!device) return <div className={css.having} />;
  const has = device.has;
  if (!has)
    return (
      <div className={css.having}>
        <p>
          <CircleDashed aria-hidden />
          {device.last_seen
            ? "The device was seen, but it is not known what it has."
            : "Nothing is known of what the device has: it was never seen."}
        </p>
      </div>
    );
  const verb = verbs[has.level] ?? "has";
  if (has.revision === revision && has.level === "error")
    return (
      <div className={`${css.having} ${css.bad}`}>
        <p>
          <TriangleAlert aria-hidden />
          <span>
            The device has revision {revision}, which is the newest, and reported that it cannot use it (
            <Time at={has.at} />)
          </span>
        </p>
      </div>
    );
  if (has.revision === revision)
    return (
      <div className={`${css.having} ${css.same}`}>
        <p>
          <CircleCheckBig aria-hidden />
          <span>
            {has.level === "fetched" ? "The device" : "In sync: the device"} {verb} revision {revision}, which is the
            newest (<Time at={has.at} />)
          </span>
        </p>
      </div>
    );
  return (
    <div className={`${css.having} ${css.other}`}>
      <p>
        <Clock3 aria-hidden />
        <span>
          The device {verb} revision {has.revision}, this is {revision}
        </span>
      </p>
      <Button size="s" onClick={() => setOpen(true)}>
        Show difference
      </Button>
      {open && <Against id={id} has={has.revision} should={revision} close={() => setOpen(false)} />}
    </div>
  );
};

const Against = ({ id, has, should, close }: { id: number; has: number; should: number; close(): void }) => {
  const before = useQuery(documentQuery(id, has));
  const after = useQuery(documentQuery(id, should));
  const lost = before.isError ? { ...before, revision: has } : after.isError ? { ...after, revision: should } : null;
  const notKept = lost !== null && asFailure(lost.error).status === 404;
  return (
    <CompareDialog
      title="What the device has, against what it should have"
      label={`From revision ${has}, which the device has, to revision ${should}`}
      before={before.data}
      after={after.data}
      failed={
        lost && {
          what: notKept ? `Revision ${lost.revision} is not kept` : `Revision ${lost.revision} could not be read`,
          error: lost.error,
          ...(notKept ? {} : { retry: () => void lost.refetch() }),
        }
      }
      close={close}
    />
  );
};
