import { type FormEvent, type ReactNode, useId, useState } from "react";
import { devices } from "../../../fleet/counted";
import { Button } from "../../../ui/Button";
import { Dialog } from "../../../ui/Dialog";
import { toast } from "../../../ui/Toast";
import css from "./many.module.css";
import { Progress } from "./Progress";
import { Rest } from "./Rest";
import { useRun } from "./run";
import { StopToLeave } from "./StopToLeave";
import { type Became, findOut, type Named, nothingYet, tellStopped, writeMany } from "./writes";

interface Props<T> {
  items: readonly T[];
  title: string;
  description?: string;
  /** How it is called: "Deleting", "deleted"; and those that it could not be done to, or was not. */
  words: { doing: string; did: string; failed: string; left?: string };
  submit: { label: string; kind: "primary" | "danger"; disabled?: boolean };
  /** Does it to one, and answers the revision that it made. */
  work(item: T, attempt: string): Promise<number>;
  /** Takes it back, where that can be done. */
  undo?(items: readonly T[]): void;
  /** Hears of those that it was done to. */
  onDone?(items: readonly T[]): void;
  close(): void;
  /** What is asked for before. */
  children: ReactNode;
}

/** Asks, does one thing to each of many devices, and tells of those that it did not go well with. */
export const ManyDialog = <T extends Named>({ items, words, submit, work, undo, close, ...p }: Props<T>) => {
  const [report, setReport] = useState<Became<T> | null>(null);
  const { progress, run, stop, there } = useRun();
  const form = useId();
  const tell = (became: Became<T>) => {
    const { done, meanwhile, failed, unknown, left } = became;
    p.onDone?.(done);
    const action = undo && done.length > 0 ? { action: { label: "Undo", run: () => undo(done) } } : {};
    if (meanwhile.length || failed.length || unknown.length || left.length) {
      if (there.current) setReport(became);
      else tellStopped(`${words.doing} was stopped`, words.did, became, action);
      return;
    }
    toast({ title: `${devices(done.length)} ${words.did}`, ...action });
    close();
  };
  const go = async (some: readonly T[]) => tell((await writeMany(some, work, report ?? nothingYet<T>(), run)).became);
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (!submit.disabled && !progress) void go(items);
  };
  return (
    <Dialog
      open
      onOpenChange={() => !progress && close()}
      title={p.title}
      description={p.description}
      footer={
        progress ? (
          <Button kind="danger" onClick={stop}>
            Stop
          </Button>
        ) : report ? (
          <Ended report={report} kind={submit.kind} undo={undo} onGoOn={(left) => void go(left)} close={close} />
        ) : (
          <>
            <Button onClick={close}>Cancel</Button>
            <Button kind={submit.kind} type="submit" form={form} disabled={submit.disabled}>
              {submit.label}
            </Button>
          </>
        )
      }
    >
      <StopToLeave busy={progress !== null} />
      {progress && <Progress label={words.doing} {...progress} />}
      {!progress && report && (
        <div className={css.report}>
          <p className={css.lead} role="status">
            {devices(report.done.length)} {words.did}.
          </p>
          <Rest
            became={report}
            failed={words.failed}
            left={words.left}
            onFindOut={async () => tell(await findOut(report, run))}
          />
        </div>
      )}
      {!progress && !report && (
        <form id={form} onSubmit={send} className={css.form}>
          {p.children}
        </form>
      )}
    </Dialog>
  );
};

interface EndedProps<T> {
  report: Became<T>;
  kind: "primary" | "danger";
  undo: ((items: readonly T[]) => void) | undefined;
  onGoOn(left: readonly T[]): void;
  close(): void;
}

/** What can be done where it did not go well with all. */
const Ended = <T extends Named>({ report: { done, left }, kind, undo, onGoOn, close }: EndedProps<T>) => (
  <>
    {undo && done.length > 0 && (
      <Button
        onClick={() => {
          undo(done);
          close();
        }}
      >
        Undo
      </Button>
    )}
    {left.length > 0 && (
      <Button kind={kind === "danger" ? "danger" : "plain"} onClick={() => onGoOn(left)}>
        Go on with {devices(left.length)}
      </Button>
    )}
    <Button kind="primary" onClick={close}>
      Done
    </Button>
  </>
);
