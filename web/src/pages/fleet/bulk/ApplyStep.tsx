import { useEffect, useRef, useState } from "react";
import { patch as change, restore } from "../../../api/write";
import { counted, devices } from "../../../fleet/counted";
import { useFleet } from "../../../fleet/store";
import { Button } from "../../../ui/Button";
import { SyncBadge } from "../../../ui/SyncBadge";
import { DeviceNames } from "../../actions/many/DeviceNames";
import many from "../../actions/many/many.module.css";
import { Progress } from "../../actions/many/Progress";
import { Rest } from "../../actions/many/Rest";
import { useRun } from "../../actions/many/run";
import { type Became, findOut, nothingYet, tellStopped, writeMany } from "../../actions/many/writes";
import { asMessage } from "../../actions/message";
import css from "./bulk.module.css";
import { Foot } from "./Foot";
import type { Planned } from "./PreviewStep";

const few = 5; // devices that have the change first

interface Props {
  plan: readonly Planned[];
  patch: string;
  message: string;
  foot: string;
  onBack(): void;
  /** Hears whether it is begun and not ended: documents are being changed, or wait for somebody to look at the first. */
  onBegun(begun: boolean): void;
  onClose(): void;
}

type Changed = Planned & { now: number };
type Stage = "ask" | "first" | "look" | "rest" | "report" | "back" | "backed";

const ended = (stage: Stage): boolean => stage === "report" || stage === "backed";

/** Makes the change: on a few devices first, so that one sees what they say of it. Then tells what became of each. */
export const ApplyStep = ({ plan, patch, message, foot, onBack, onBegun, onClose }: Props) => {
  const [careful, setCareful] = useState(plan.length > few);
  const { stage, done, undone, toTakeBack, progress, stop, ...step } = useChange(plan, patch, message, onBegun);
  const over = ended(stage);
  const doing = stage === "back" ? "Taking it back" : over ? "Finding out" : "Changing";
  return (
    <div className={css.step}>
      {stage === "ask" && <How of={plan.length} careful={careful} onCareful={setCareful} />}
      {progress && <Progress label={doing} {...progress} />}
      {stage === "look" && <FirstDevices changed={done.done} left={done.left.length} />}
      {(stage === "look" || over) && (
        <Report done={done} ended={over} onFindOut={progress ? undefined : () => void step.findOutDone()} />
      )}
      {stage === "backed" && undone && (
        <div className={many.report}>
          <p className={many.lead} role="status">
            {devices(undone.done.length)} {undone.done.length === 1 ? "has" : "have"} the former document again.
          </p>
          <Rest
            became={{ ...undone, left: toTakeBack }}
            failed="Could not be taken back"
            left="Not taken back yet"
            onFindOut={progress ? undefined : () => void step.findOutUndone()}
          />
        </div>
      )}
      <Foot id={foot}>
        {progress ? (
          <Button kind="danger" onClick={stop}>
            Stop
          </Button>
        ) : stage === "ask" ? (
          <>
            <Button onClick={onBack}>Back</Button>
            <Button onClick={onClose}>Cancel</Button>
            <Button kind="primary" onClick={() => void (careful ? step.first() : step.all())}>
              Change {careful ? `the first ${few}` : devices(plan.length)}
            </Button>
          </>
        ) : (
          <>
            {toTakeBack.length > 0 && (
              <Button kind="danger" onClick={() => void step.takeBack()}>
                {stage === "backed" ? `Take back ${devices(toTakeBack.length)}` : "Take it back"}
              </Button>
            )}
            {stage === "look" && <Button onClick={step.stopHere}>Stop here</Button>}
            {(stage === "look" || stage === "report") && done.left.length > 0 && (
              <Button kind={stage === "look" ? "primary" : "plain"} onClick={() => void step.goOn()}>
                Go on with {devices(done.left.length)}
              </Button>
            )}
            {over && (
              <Button kind="primary" onClick={onClose}>
                Done
              </Button>
            )}
          </>
        )}
      </Foot>
    </div>
  );
};

/** The change of all devices and the way back, with what became of each. */
const useChange = (plan: readonly Planned[], patch: string, message: string, onBegun: (begun: boolean) => void) => {
  const [stage, setStage] = useState<Stage>("ask");
  const [done, setDone] = useState<Became<Planned>>(nothingYet);
  const [undone, setUndone] = useState<Became<Changed> | null>(null);
  const { progress, run, stop, there } = useRun();
  const begun = progress !== null || !(stage === "ask" || ended(stage));
  useEffect(() => onBegun(begun), [begun, onBegun]);
  useToldOnLeaving(stage === "look" ? done : null);

  const apply = async (items: readonly Planned[], rest: readonly Planned[], then: Stage) => {
    const { became, stopped } = await writeMany(
      items,
      async (item, attempt) => (await change(item.id, patch, { revision: item.revision, message, attempt })).revision,
      done,
      run,
    );
    const broken = stopped || became.left.length > 0 || became.unknown.length > 0;
    const all = { ...became, left: [...became.left, ...rest] };
    if (!there.current) return tellStopped("The change was stopped", "changed", all);
    setDone(all);
    setStage(broken ? "report" : then);
  };
  const settled = new Set(
    undone ? [undone.done, undone.meanwhile, undone.failed, undone.unknown].flat().map((item) => item.id) : [],
  );
  const toTakeBack = done.done.filter((item) => !settled.has(item.id));
  const takeBack = async () => {
    setStage("back");
    const { became } = await writeMany(
      toTakeBack,
      async (item, attempt) => {
        const of = { revision: item.now, message: asMessage(`Take back: ${message}`), attempt };
        return (await restore(item.id, item.revision, of)).revision;
      },
      undone ?? nothingYet<Changed>(),
      run,
    );
    if (!there.current) return tellStopped("Taking it back was stopped", "taken back", became);
    setUndone(became);
    setStage("backed");
  };
  return {
    ...{ stage, done, undone, toTakeBack, progress, stop, takeBack },
    all: () => {
      setStage("rest");
      return apply(plan, [], "report");
    },
    first: () => {
      setStage("first");
      return apply(plan.slice(0, few), plan.slice(few), "look");
    },
    goOn: () => {
      setStage("rest");
      return apply(done.left, [], "report");
    },
    stopHere: () => setStage("report"),
    findOutDone: async () => setDone(await findOut(done, run)),
    findOutUndone: async () => undone && setUndone(await findOut(undone, run)),
  };
};

/** Tells what was done where the page is left while the first devices are looked at; null where there is nothing to tell. */
const useToldOnLeaving = (first: Became<Planned> | null) => {
  const latest = useRef(first);
  useEffect(() => {
    latest.current = first;
  });
  useEffect(() => () => void (latest.current && tellStopped("The change was stopped", "changed", latest.current)), []);
};

const How = ({ of, careful, onCareful }: { of: number; careful: boolean; onCareful(careful: boolean): void }) => (
  <fieldset className={css.how}>
    <legend>How to change {devices(of)}</legend>
    {of > few && (
      <label className={css.choice}>
        <input type="radio" name="how" checked={careful} onChange={() => onCareful(true)} />
        <span>
          <strong>First {few}, then wait for me</strong>
          <small>One sees what the first devices say of it, and goes on or takes it back.</small>
        </span>
      </label>
    )}
    <label className={css.choice}>
      <input type="radio" name="how" checked={!careful} onChange={() => onCareful(false)} />
      <span>
        <strong>{of > few ? "All at once" : "Now"}</strong>
        <small>Each gets it as soon as it asks, most within seconds.</small>
      </span>
    </label>
    <p className={css.note}>
      A device whose document was changed since the preview is left alone. All of it can be taken back afterwards.
    </p>
  </fieldset>
);

/** How the first devices stand to their new document, as they fetch it and report. */
const FirstDevices = ({ changed, left }: { changed: readonly Planned[]; left: number }) => {
  const fleet = useFleet();
  const errors = changed.filter((item) => fleet.rows.get(item.id)?.sync === "error").length;
  return (
    <>
      <p className={many.lead} role="status">
        {errors > 0
          ? `${devices(errors)} of the first cannot use it. Look before you go on.`
          : `The first ${counted(changed.length)} have it now; ${counted(left)} wait. This is how they take it:`}
      </p>
      <ul className={css.first}>
        {changed.map((item) => {
          const row = fleet.rows.get(item.id);
          return (
            <li key={item.id}>
              <span>{item.name ?? item.mac}</span>
              {row && <SyncBadge sync={row.sync} overdue={row.overdue} />}
            </li>
          );
        })}
      </ul>
    </>
  );
};

interface ReportProps {
  done: Became<Planned>;
  ended: boolean;
  onFindOut?: (() => void) | undefined;
}

const Report = ({ done, ended, onFindOut }: ReportProps) => (
  <div className={many.report}>
    {ended && (
      <>
        <p className={many.lead} role="status">
          {devices(done.done.length)} changed.
          {done.left.length > 0 &&
            ` ${devices(done.left.length)} ${done.left.length === 1 ? "was" : "were"} left as ${done.left.length === 1 ? "it is" : "they are"}.`}
        </p>
        <DeviceNames title={`Changed: ${devices(done.done.length)}`} items={done.done} />
      </>
    )}
    <Rest became={ended ? done : { ...done, left: [] }} failed="Not changed" onFindOut={onFindOut} />
  </div>
);
