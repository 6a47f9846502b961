import { type FormEvent, useState } from "react";
import { asFailure } from "../../../api/client";
import { remove, undelete } from "../../../api/write";
import { runMany } from "../../../fleet/many";
import type { Row } from "../../../fleet/row";
import { Button } from "../../../ui/Button";
import { Dialog } from "../../../ui/Dialog";
import { Field } from "../../../ui/Field";
import { toast } from "../../../ui/Toast";
import { devices } from "../columns";
import css from "./bulk.module.css";
import { DeviceNames, type Named } from "./DeviceNames";
import { Progress } from "./Progress";
import { useRun, whyNot } from "./run";

const typedFrom = 10; // devices from which the number must be typed

/** Asks before many configurations go: which, what is lost, and what is not. */
export const DeleteMany = ({ rows, close }: { rows: readonly Row[]; close(): void }) => {
  const [message, setMessage] = useState("");
  const [typed, setTyped] = useState("");
  const [report, setReport] = useState<{ gone: number[]; failed: (Named & { why: string })[]; left: number } | null>(
    null,
  );
  const { progress, run, stop } = useRun();
  const sure = rows.length < typedFrom || typed.replaceAll(/\D/g, "") === String(rows.length);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (!sure || progress) return;
    const gone: number[] = [];
    const failed: (Named & { why: string })[] = [];
    const { left } = await run(
      rows,
      (row) => remove(row.id, { revision: row.revision, message }),
      (outcome) => {
        if ("value" in outcome) gone.push(outcome.item.id);
        else {
          const meanwhile = asFailure(outcome.error).status === 412;
          const { id, mac, name } = outcome.item;
          failed.push({
            id,
            mac,
            name,
            why: meanwhile ? "It was changed since you selected it, and is left alone." : whyNot(outcome.error),
          });
        }
      },
    );
    if (gone.length)
      toast({
        title: `${devices(gone.length)} deleted`,
        action: { label: "Undo", run: () => void bringBack(gone) },
      });
    if (failed.length || left.length) setReport({ gone, failed, left: left.length });
    else close();
  };
  return (
    <Dialog
      open
      onOpenChange={() => !progress && close()}
      title={`Delete ${rows.length === 1 ? `the configuration of ${rows[0]!.name ?? rows[0]!.mac}` : `${devices(rows.length)}`}?`}
      footer={
        progress ? (
          <Button kind="danger" onClick={stop}>
            Stop
          </Button>
        ) : report ? (
          <Button kind="primary" onClick={close}>
            Done
          </Button>
        ) : (
          <>
            <Button onClick={close}>Cancel</Button>
            <Button kind="danger" type="submit" form="delete-many" disabled={!sure}>
              Delete {devices(rows.length)}
            </Button>
          </>
        )
      }
    >
      {progress && <Progress label="Deleting" {...progress} />}
      {report ? (
        <div className={css.report}>
          <p className={css.lead} role="status">
            {devices(report.gone.length)} deleted.
            {report.left > 0 && ` ${devices(report.left)} were left as they are.`}
          </p>
          <DeviceNames title={`Not deleted: ${devices(report.failed.length)}`} items={report.failed} open />
        </div>
      ) : (
        !progress && (
          <form id="delete-many" onSubmit={submit} className={css.form}>
            <p>
              {rows.length === 1 ? "The device finds" : "These devices find"} no configuration here any more: most go on
              with what they have until they start anew, and then have none.
            </p>
            <p className={css.note}>
              Documents and their history are kept for a while, so this can be undone: here at once, and later under
              Deleted.
            </p>
            <DeviceNames title="Which devices" items={rows} open={rows.length <= 5} />
            <Field label="Message" value={message} onChange={(event) => setMessage(event.target.value)} />
            {rows.length >= typedFrom && (
              <Field
                label={`Type ${rows.length} to delete them`}
                inputMode="numeric"
                autoComplete="off"
                value={typed}
                onChange={(event) => setTyped(event.target.value)}
              />
            )}
          </form>
        )
      )}
    </Dialog>
  );
};

const bringBack = async (ids: readonly number[]) => {
  let back = 0;
  let why = "";
  const left = await runMany(ids, (id) => undelete(id), {
    at: 4,
    signal: new AbortController().signal,
    hopeless: (error) => asFailure(error).unreachable,
    done: (outcome) => {
      if ("error" in outcome) why ||= whyNot(outcome.error);
      else back++;
    },
  });
  const missing = ids.length - back;
  if (missing) toast({ title: `${devices(missing)} could not be brought back`, detail: why, bad: true });
  if (back) toast({ title: `${devices(back)} brought back` });
  return left;
};
