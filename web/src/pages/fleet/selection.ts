import { useMemo, useState } from "react";
import type { Row } from "../../fleet/row";

/** Which devices are selected, by their ids; also those that a filter hides meanwhile. */
export interface Selection {
  readonly ids: ReadonlySet<number>;
  toggle(id: number): void;
  /** Selects what lies between the row that was touched last, or `from`, and another, both included. */
  range(rows: readonly Row[], to: number, from?: number): void;
  all(rows: readonly Row[]): void;
  clear(): void;
  /** Forgets those that are not there any more. */
  keep(there: { has(id: number): boolean }): void;
}

// It is kept while one looks at a device.
let kept: ReadonlySet<number> = new Set();
let anchor: number | null = null;

export const useSelection = (): Selection => {
  const [ids, setIds] = useState(kept);
  return useMemo(() => {
    const set = (next: ReadonlySet<number>) => {
      kept = next;
      setIds(next);
    };
    return {
      ids,
      toggle(id) {
        const next = new Set(kept);
        if (!next.delete(id)) next.add(id);
        anchor = id;
        set(next);
      },
      range(rows, to, from) {
        const known = anchor === null ? -1 : rows.findIndex((row) => row.id === anchor);
        const start = known >= 0 ? known : (from ?? to);
        anchor = rows[start]?.id ?? null;
        const next = new Set(kept);
        for (let i = Math.min(start, to); i <= Math.max(start, to); i++) next.add(rows[i]!.id);
        set(next);
      },
      all(rows) {
        const next = new Set(kept);
        for (const row of rows) next.add(row.id);
        set(next);
      },
      clear() {
        anchor = null;
        if (kept.size) set(new Set());
      },
      keep(there) {
        const left = [...kept].filter((id) => there.has(id));
        if (left.length < kept.size) set(new Set(left));
      },
    };
  }, [ids]);
};
