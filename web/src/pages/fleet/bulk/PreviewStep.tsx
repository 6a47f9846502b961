import { memo, useCallback, useEffect, useRef, useState } from "react";
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
  /** The difference, as it is in one of them. */
  unified: string;
  of: Planned;
  isNew: boolean;
  items: Planned[];
  /** The place of the first of them among all devices. */
  first: number;
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
  /** The names of the ways that were taken out: they stay so for whoever comes back to the same change. */
  without: ReadonlySet<string>;
  onWithout(without: ReadonlySet<string>): void;
  foot: string;
  onBack(): void;
  onCancel(): void;
  onNext(planned: readonly Planned[]): void;
}

/** Every difference that the change would make, the same ones together. Nothing is written. */
export const PreviewStep = ({ rows, path, patch, without, onWithout, foot, onBack, onCancel, onNext }: Props) => {
  const { progress, run, stop } = useRun();
  const found = useRef<Found>({ groups: new Map(), unchanged: [], refused: [] });
  const [unread, setUnread] = useState<readonly Row[] | null>(null);
  const begin = useRef(run);
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is read once, of what was chosen then
  useEffect(() => {
    const into: Found = { groups: new Map(), unchanged: [], refused: [] };
    found.current = into;
    const place = new Map(rows.map((row, i) => [row.id, i]));
    let gone = false;
    const read = async () => {
      const { left } = await begin.current(
        rows,
        (row, signal) => preview(row.id, patch, signal),
        (outcome) => take(into, outcome, path, place.get(outcome.item.id)!),
      );
      // Answers come as they like; devices are named, and changed, in the order that they were given in.
      for (const [name, group] of into.groups) {
        const items = [...group.items].sort((a, b) => place.get(a.id)! - place.get(b.id)!);
        into.groups.set(name, { ...group, items });
      }
      if (!gone) setUnread(left);
    };
    void read();
    return () => {
      gone = true;
      stop();
    };
  }, []);
  const { groups, unchanged, refused } = found.current;
  const sorted = [...groups.values()].sort((a, b) => b.items.length - a.items.length || a.first - b.first);
  const planned = sorted.filter((group) => !without.has(group.name)).flatMap((group) => group.items);
  return (
    <div className={css.step}>
      {progress && <Progress label="Reading the differences" {...progress} />}
      <p className={many.lead} role="status">
        {unread &&
          `${sorted.length === 0 ? "Nothing would change" : `${devices(count(sorted))} would change, in ${counted(sorted.length)} ${sorted.length === 1 ? "way" : "ways"}`}${unread.length ? `. ${devices(unread.length)} ${unread.length === 1 ? "was not looked at, and stays as it is" : "were not looked at, and stay as they are"}` : ""}.`}
      </p>
      <Ways groups={sorted} without={without} onWithout={onWithout} />
      <DeviceNames title={`Not looked at: ${devices(unread?.length ?? 0)}`} items={unread ?? []} open />
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

interface WaysProps {
  groups: readonly Group[];
  /** The names of those that are not to be. */
  without: ReadonlySet<string>;
  onWithout(without: ReadonlySet<string>): void;
}

/** In which ways documents would change, each to be looked at and taken out. */
const Ways = ({ groups, without, onWithout }: WaysProps) => {
  const [shown, setShown] = useState(page);
  const latest = useRef({ without, onWithout });
  useEffect(() => {
    latest.current = { without, onWithout };
  });
  const toggle = useCallback((name: string) => {
    const next = new Set(latest.current.without);
    if (!next.delete(name)) next.add(name);
    latest.current.onWithout(next);
  }, []);
  const more = groups.slice(shown);
  return (
    <>
      {groups.slice(0, shown).map((group, i) => (
        <Way
          key={group.name}
          group={group}
          of={group.items.length}
          open={i < 5}
          included={!without.has(group.name)}
          onToggle={toggle}
        />
      ))}
      {more.length > 0 && (
        <div className={css.more}>
          <p className={css.note}>
            And {counted(more.length)} more ways, in {devices(count(more))}. They are changed too.
          </p>
          <Button onClick={() => setShown(shown + page)}>Show {counted(Math.min(page, more.length))} more</Button>
        </div>
      )}
    </>
  );
};

interface WayProps {
  group: Group;
  /** How many devices it is of by now: others join it while differences are read. */
  of: number;
  open: boolean;
  included: boolean;
  onToggle(name: string): void;
}

/** One way. It is drawn again where something of it changed, and not with each other that comes. */
const Way = memo(({ group: { name, isNew, unified, of: example, items }, of, open, included, onToggle }: WayProps) => (
  <div className={css.group}>
    <label className={css.include}>
      <input type="checkbox" checked={included} onChange={() => onToggle(name)} />
      <strong>In {devices(of)}</strong>
      {isNew && <span className={css.tag}>new name</span>}
    </label>
    <UnifiedDiff text={unified} open={open} of={example} alone={of === 1} />
    {of > 1 && <DeviceNames title="Which devices" items={items} />}
  </div>
));
Way.displayName = "Way";

const count = (groups: readonly Group[]): number => groups.reduce((n, group) => n + group.items.length, 0);

type Shown = Awaited<ReturnType<typeof preview>>;

const take = (
  into: Found,
  outcome: { item: Row; value: Shown } | { item: Row; error: unknown },
  path: Path,
  place: number,
) => {
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
  if (group) {
    group.items.push(item);
    group.first = Math.min(group.first, place);
  } else
    into.groups.set(key, {
      name: key,
      unified: shown.unified,
      of: item,
      isNew: makesNew(path, shown),
      items: [item],
      first: place,
    });
};
