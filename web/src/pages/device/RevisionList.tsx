import {
  Cpu,
  FileInput,
  FilePlus,
  GitCompareArrows,
  type LucideIcon,
  Pencil,
  RotateCcw,
  ShieldQuestionMark,
  Trash2,
} from "lucide-react";
import { type KeyboardEvent, useRef, useState } from "react";
import { useShortcuts } from "../../app/shortcuts";
import { Button, IconButton } from "../../ui/Button";
import { Failed } from "../../ui/states";
import { Time } from "../../ui/Time";
import type { Log } from "./log";
import shared from "./Revision.module.css";
import css from "./RevisionList.module.css";
import { useBottom } from "./useBottom";
import { Who } from "./Who";
import { bytes, type Device, happened, type Revision, type Source } from "./words";

/** What two revisions are compared: without `from`, one with that before it. */
export interface Picked {
  from?: number | undefined;
  to?: number | undefined;
}

interface Props {
  revisions: Log<Revision>;
  picked: Picked;
  has: Device["has"];
  pick(picked: Picked): void;
}

const icons: Record<Source, LucideIcon> = {
  create: FilePlus,
  edit: Pencil,
  import: FileInput,
  restore: RotateCcw,
  replace: Cpu,
  delete: Trash2,
  adopt: ShieldQuestionMark,
};

/** Two revisions, the older one first. */
export const pair = (a: number, b: number): Picked =>
  a === b ? { to: a } : { from: Math.min(a, b), to: Math.max(a, b) };

/** Every revision, newest first: one is compared with that before it by a press, any two by a second one. */
export const RevisionList = ({ revisions, picked, has, pick }: Props) => {
  const { items, more, loading, loadMore } = revisions;
  const list = useRef<HTMLOListElement>(null);
  const [at, setAt] = useState<number>();
  const bottom = useBottom(() => void loadMore(), more && !loading && !revisions.error);
  const entry = items.some((r) => r.revision === at)
    ? at
    : items.some((r) => r.revision === picked.to)
      ? picked.to
      : items[0]?.revision;

  const move = (by: number) => {
    const rows = [...(list.current?.querySelectorAll<HTMLElement>("[data-row]") ?? [])];
    const here = rows.findIndex((row) => row.dataset.row === String(entry));
    const inside = list.current?.contains(document.activeElement) ?? false;
    const next = rows[inside ? Math.max(0, Math.min(rows.length - 1, here + by)) : Math.max(0, here)];
    next?.focus();
    if (here + by >= rows.length - 5) void loadMore();
  };
  const second = (n: number | undefined) => {
    if (n !== undefined && picked.to !== undefined) pick(pair(n, picked.to));
  };
  useShortcuts({
    j: () => move(1),
    k: () => move(-1),
    x: () => second(entry),
  });
  const arrows = (event: KeyboardEvent) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    move(by);
  };

  return (
    <>
      <ol ref={list} className={css.rows} onKeyDown={arrows}>
        {items.map((r, i) => (
          <li key={r.revision} className={css.item}>
            <Row
              r={r}
              before={items[i + 1]}
              newest={i === 0}
              has={has?.revision === r.revision}
              side={picked.to === r.revision ? "after" : picked.from === r.revision ? "before" : null}
              reached={entry === r.revision}
              onFocus={() => setAt(r.revision)}
              onPick={(two) => (two ? second(r.revision) : pick({ to: r.revision }))}
            />
            <IconButton
              size="s"
              className={css.with!}
              label={`Compare revision ${r.revision} with revision ${picked.to}`}
              icon={<GitCompareArrows />}
              tabIndex={entry === r.revision ? 0 : -1}
              disabled={picked.to === r.revision}
              aria-pressed={picked.from === r.revision}
              onClick={() => second(r.revision)}
            />
          </li>
        ))}
      </ol>
      {revisions.error ? (
        <Failed what="Older revisions could not be read" error={revisions.error} retry={revisions.retry} />
      ) : more ? (
        <div ref={bottom} className={css.more}>
          <Button size="s" busy={loading} onClick={() => void loadMore()}>
            Show older
          </Button>
        </div>
      ) : (
        <p className={css.end}>
          {items.at(-1)?.revision === 1 ? "This is how it began." : "Older revisions are not kept any more."}
        </p>
      )}
    </>
  );
};

interface RowProps {
  r: Revision;
  before: Revision | undefined;
  newest: boolean;
  has: boolean;
  side: "before" | "after" | null;
  reached: boolean;
  onFocus(): void;
  onPick(second: boolean): void;
}

const Row = ({ r, before, newest, has, side, reached, onFocus, onPick }: RowProps) => {
  const Icon = icons[r.source];
  return (
    <button
      type="button"
      data-row={r.revision}
      data-side={side ?? undefined}
      className={css.row}
      aria-current={side === "after" ? "true" : undefined}
      tabIndex={reached ? 0 : -1}
      onFocus={onFocus}
      onClick={(event) => onPick(event.shiftKey)}
    >
      <span className={css.number}>
        <span className="visually-hidden">Revision </span>
        {r.revision}
      </span>
      <span className={css.text}>
        <span className={css.what}>
          <Icon aria-hidden />
          <span>{happened(r, before)}</span>
          {newest && <span className={shared.tag}>newest</span>}
          {has && <span className={`${shared.tag} ${shared.inForce}`}>on the device</span>}
          {side && <span className={`${shared.tag} ${css.side}`}>{side}</span>}
        </span>
        {r.message && <span className={css.message}>{r.message}</span>}
        <span className={`${shared.about} ${css.about}`}>
          <Time at={r.created_at} />
          <Who principal={r.principal} address={r.address} />
          {r.etag !== null && <span>{bytes(r.size)}</span>}
        </span>
      </span>
    </button>
  );
};
