import { useEffect, useRef, useState } from "react";
import { preview } from "../../../api/write";
import { diffName, makesNew, type Path, replacedAbove } from "../../../fleet/change";
import { counted, devices } from "../../../fleet/counted";
import type { Row } from "../../../fleet/row";
import { Button } from "../../../ui/Button";
import { DeviceNames } from "../../actions/many/DeviceNames";
import many from "../../actions/many/many.module.css";
import { Progress } from "../../actions/many/Progress";
import { useRun, whyNot } from "../../actions/many/run";
import type { Named } from "../../actions/many/writes";
import css from "./bulk.module.css";
import { Foot } from "./Foot";
import { UnifiedDiff } from "./UnifiedDiff";

const page = 100; // ways that are shown, until more are asked for

/** A document that is to be changed, if it is still of the revision that was looked at. */
export interface Planned extends Named {
  revision: number;
}

/** Documents in which the same lines would go and come. */
interface Group {
  name: string;
  unified: string;
  isNew: boolean;
  items: Planned[];
}

interface Found {
  groups: Map<string, Group>;
  unchanged: Named[];
  refused: (Named & { why: string })[];
}

interface Props {
  rows: readonly Row[];
  path: Path;
  patch: string;
  foot: string;
  onBack(): void;
  onCancel(): void;
  onNext(planned: readonly Planned[]): void;
}

/** Every difference that the change would make, the same ones together. Nothing is written. */
export const PreviewStep = ({ rows, path, patch, foot, onBack, onCancel, onNext }: Props) => {
  const { progress, run, stop } = useRun();
  const found = useRef<Found>({ groups: new Map(), unchanged: [], refused: [] });
  const [unread, setUnread] = useState<number | null>(null);
  const [shown, setShown] = useState(page);
  const [without, setWithout] = useState<ReadonlySet<string>>(new Set());
  const begin = useRef(run);
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is read once, of what was chosen then
  useEffect(() => {
    const into: Found = { groups: new Map(), unchanged: [], refused: [] };
    found.current = into;
    let gone = false;
    void begin
      .current(
        rows,
        (row, signal) => preview(row.id, patch, signal),
        (outcome) => take(into, outcome, path),
      )
      .then(({ left }) => !gone && setUnread(left.length));
    return () => {
      gone = true;
      stop();
    };
  }, []);
  const { groups, unchanged, refused } = found.current;
  const sorted = [...groups.values()].sort((a, b) => b.items.length - a.items.length);
  const planned = sorted.filter((group) => !without.has(group.name)).flatMap((group) => group.items);
  const ready = unread !== null;
  return (
    <div className={css.step}>
      {progress && <Progress label="Reading the differences" {...progress} />}
      <p className={many.lead} role="status">
        {ready &&
          `${sorted.length === 0 ? "Nothing would change" : `${devices(count(sorted))} would change, in ${counted(sorted.length)} ${sorted.length === 1 ? "way" : "ways"}`}${unread ? `. ${devices(unread)} were not looked at, and stay as they are` : ""}.`}
      </p>
      {sorted.slice(0, shown).map((group, i) => (
        <div key={group.name} className={css.group}>
          <label className={css.include}>
            <input
              type="checkbox"
              checked={!without.has(group.name)}
              onChange={() => {
                const next = new Set(without);
                if (!next.delete(group.name)) next.add(group.name);
                setWithout(next);
              }}
            />
            <strong>In {devices(group.items.length)}</strong>
            {group.isNew && <span className={css.tag}>new name</span>}
          </label>
          <UnifiedDiff text={group.unified} open={i < 5} of={group.items[0]!} alone={group.items.length === 1} />
          {group.items.length > 1 && <DeviceNames title="Which devices" items={group.items} />}
        </div>
      ))}
      {sorted.length > shown && (
        <div className={css.more}>
          <p className={css.note}>
            And {counted(sorted.length - shown)} more ways, in {devices(count(sorted.slice(shown)))}. They are changed
            too.
          </p>
          <Button onClick={() => setShown(shown + page)}>
            Show {counted(Math.min(page, sorted.length - shown))} more
          </Button>
        </div>
      )}
      <DeviceNames title={`Unchanged, as they have it so already: ${devices(unchanged.length)}`} items={unchanged} />
      <DeviceNames title={`Refused: ${devices(refused.length)}`} items={refused} open />
      <Foot id={foot}>
        {progress ? (
          <Button onClick={stop}>Stop reading</Button>
        ) : (
          <>
            <Button onClick={onBack}>Back</Button>
            <Button onClick={onCancel}>Cancel</Button>
            <Button kind="primary" disabled={planned.length === 0} onClick={() => onNext(planned)}>
              Go on with {devices(planned.length)}
            </Button>
          </>
        )}
      </Foot>
    </div>
  );
};

const count = (groups: readonly Group[]): number => groups.reduce((n, group) => n + group.items.length, 0);

type Shown = Awaited<ReturnType<typeof preview>>;

const take = (into: Found, outcome: { item: Row; value: Shown } | { item: Row; error: unknown }, path: Path) => {
  const { id, mac, name } = outcome.item;
  const refuse = (why: string) => void into.refused.push({ id, mac, name, why });
  if ("error" in outcome) return refuse(whyNot(outcome.error));
  const shown = outcome.value;
  if (!shown.changed) return void into.unchanged.push({ id, mac, name });
  if (shown.revision === null)
    return refuse("Another program wrote this document and gave it no revision. Save it here once, then change it.");
  const above = replacedAbove(path, shown);
  if (above !== null)
    return refuse(`A list or a plain value is at ${above}, and would be lost. Change it in the document itself.`);
  const key = diffName(shown);
  const group = into.groups.get(key);
  const item = { id, mac, name, revision: shown.revision };
  if (group) group.items.push(item);
  else into.groups.set(key, { name: key, unified: shown.unified, isNew: makesNew(path, shown), items: [item] });
};
