import { useEffect, useRef, useState } from "react";
import { asFailure } from "../../../api/client";
import { patch as change, restore } from "../../../api/write";
import { useFleet } from "../../../fleet/store";
import { Button } from "../../../ui/Button";
import { SyncBadge } from "../../../ui/SyncBadge";
import { counted, devices } from "../columns";
import css from "./bulk.module.css";
import { DeviceNames, type Named } from "./DeviceNames";
import { Foot } from "./Foot";
import type { Planned } from "./PreviewStep";
import { Progress } from "./Progress";
import { useRun, whyNot } from "./run";

const few = 5; // devices that have the change first

interface Props {
  plan: readonly Planned[];
  patch: string;
  message: string;
  foot: string;
  onBack(): void;
  onBusy(busy: boolean): void;
  onClose(): void;
}

interface Done {
  changed: (Planned & { now: number })[];
  meanwhile: Named[];
  failed: (Named & { why: string })[];
  left: readonly Planned[];
}

type Stage = "ask" | "first" | "look" | "rest" | "report" | "back" | "backed";

/** Makes the change: on a few devices first, so that one sees what they say of it. Then tells what became of each. */
export const ApplyStep = ({ plan, patch, message, foot, onBack, onBusy, onClose }: Props) => {
  const [stage, setStage] = useState<Stage>("ask");
  const [careful, setCareful] = useState(plan.length > few);
  const [undone, setUndone] = useState<{ back: number; failed: (Named & { why: string })[] } | null>(null);
  const { progress, run, stop } = useRun();
  const done = useRef<Done>({ changed: [], meanwhile: [], failed: [], left: [] });
  useEffect(() => onBusy(progress !== null), [progress, onBusy]);

  const apply = async (items: readonly Planned[], rest: readonly Planned[], then: Stage) => {
    const { left, stopped } = await run(
      items,
      (item) => change(item.id, patch, { revision: item.revision, message }),
      (outcome) => {
        const { item } = outcome;
        if ("value" in outcome) done.current.changed.push({ ...item, now: outcome.value.revision });
        else if (asFailure(outcome.error).status === 412) done.current.meanwhile.push(item);
        else done.current.failed.push({ ...item, why: whyNot(outcome.error) });
      },
    );
    done.current.left = [...left, ...rest];
    setStage(stopped || left.length ? "report" : then);
  };
  const start = () => {
    if (!careful) {
      setStage("rest");
      return void apply(plan, [], "report");
    }
    setStage("first");
    void apply(plan.slice(0, few), plan.slice(few), "look");
  };
  const goOn = () => {
    setStage("rest");
    void apply(done.current.left, [], "report");
  };
  const takeBack = async () => {
    setStage("back");
    const result = { back: 0, failed: [] as (Named & { why: string })[] };
    await run(
      done.current.changed,
      (item) => restore(item.id, item.revision, { revision: item.now, message: `Take back: ${message}` }),
      (outcome) => {
        if ("value" in outcome) result.back++;
        else result.failed.push({ ...outcome.item, why: whyNot(outcome.error) });
      },
    );
    setUndone(result);
    setStage("backed");
  };

  return (
    <div className={css.step}>
      {stage === "ask" && (
        <fieldset className={css.how}>
          <legend>How to change {devices(plan.length)}</legend>
          {plan.length > few && (
            <label className={css.choice}>
              <input type="radio" name="how" checked={careful} onChange={() => setCareful(true)} />
              <span>
                <strong>First {few}, then wait for me</strong>
                <small>One sees what the first devices say of it, and goes on or takes it back.</small>
              </span>
            </label>
          )}
          <label className={css.choice}>
            <input type="radio" name="how" checked={!careful} onChange={() => setCareful(false)} />
            <span>
              <strong>{plan.length > few ? "All at once" : "Now"}</strong>
              <small>Each gets it as soon as it asks, most within seconds.</small>
            </span>
          </label>
          <p className={css.note}>
            A device whose document was changed since the preview is left alone. All of it can be taken back afterwards.
          </p>
        </fieldset>
      )}
      {progress && <Progress label={stage === "back" ? "Taking it back" : "Changing"} {...progress} />}
      {stage === "look" && <FirstDevices changed={done.current.changed} left={done.current.left.length} />}
      {(stage === "look" || stage === "report" || stage === "backed") && (
        <Report done={done.current} ended={stage !== "look"} />
      )}
      {stage === "backed" && undone && (
        <>
          <p className={css.lead} role="status">
            {devices(undone.back)} have the former document again.
          </p>
          <DeviceNames title={`${devices(undone.failed.length)} could not be taken back`} items={undone.failed} open />
        </>
      )}
      <Foot id={foot}>
        {stage === "ask" && (
          <>
            <Button onClick={onBack}>Back</Button>
            <Button onClick={onClose}>Cancel</Button>
            <Button kind="primary" onClick={start}>
              Change {careful ? `the first ${few}` : devices(plan.length)}
            </Button>
          </>
        )}
        {progress && (
          <Button kind="danger" onClick={stop}>
            Stop
          </Button>
        )}
        {(stage === "look" || stage === "report") && done.current.changed.length > 0 && (
          <Button kind="danger" onClick={() => void takeBack()}>
            Take it back
          </Button>
        )}
        {stage === "look" && (
          <>
            <Button onClick={() => setStage("report")}>Stop here</Button>
            <Button kind="primary" onClick={goOn}>
              Go on with {devices(done.current.left.length)}
            </Button>
          </>
        )}
        {(stage === "report" || stage === "backed") && (
          <Button kind="primary" onClick={onClose}>
            Done
          </Button>
        )}
      </Foot>
    </div>
  );
};

/** How the first devices stand to their new document, as they fetch it and report. */
const FirstDevices = ({ changed, left }: { changed: readonly Planned[]; left: number }) => {
  const fleet = useFleet();
  const errors = changed.filter((item) => fleet.rows.get(item.id)?.sync === "error").length;
  return (
    <>
      <p className={css.lead} role="status">
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

const Report = ({ done, ended }: { done: Done; ended: boolean }) => (
  <div className={css.report}>
    {ended && (
      <p className={css.lead} role="status">
        {devices(done.changed.length)} changed.
        {done.left.length > 0 && ` ${devices(done.left.length)} were left as they are.`}
      </p>
    )}
    {ended && <DeviceNames title={`Changed: ${devices(done.changed.length)}`} items={done.changed} />}
    <DeviceNames
      title={`Changed by someone else meanwhile, left alone: ${devices(done.meanwhile.length)}`}
      items={done.meanwhile}
      open
    />
    <DeviceNames title={`Not changed: ${devices(done.failed.length)}`} items={done.failed} open />
    {ended && <DeviceNames title={`Not tried: ${devices(done.left.length)}`} items={done.left} />}
  </div>
);
