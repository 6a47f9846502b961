import { type Filter, matcherOf, mergeRows, type Order, type Row, sameIn, sortRows } from "./row";

/** Where rows come from, and which of them are others than they were. */
export interface Source {
  readonly version: number;
  readonly rows: ReadonlyMap<number, Row>;
  /** The ids of what changed after a version; null where that is not known any more. */
  changedSince(version: number): ReadonlySet<number> | null;
}

/**
 * The rows of a table: filtered, in order, and kept so as they change, for the price of what changed. While it is held, rows are
 * written anew where they stand, none comes in and none moves: `waiting` says how many would.
 */
export class View {
  /** What the table shows. */
  shown: readonly Row[] = [];
  /** How many rows would come, go or move if it were not held. */
  waiting = 0;
  #fresh: readonly Row[] = [];
  #source: Source | null = null;
  #version = -1;
  #query = "";

  /** Follows the source. Another filter or order is shown at once, held or not. */
  update(source: Source, filter: Filter, order: Order, held: boolean) {
    const query = JSON.stringify([filter, order]);
    const same = query === this.#query && source === this.#source;
    const changed = same ? source.changedSince(this.#version) : null;
    this.#query = query;
    this.#source = source;
    this.#version = source.version;
    const matches = matcherOf(filter);
    if (changed === null) {
      const found: Row[] = [];
      for (const row of source.rows.values()) if (matches(row)) found.push(row);
      this.#fresh = sortRows(found, order);
      if (!same || !held) return this.#release();
      this.shown = this.#standing(source, null);
    } else if (changed.size) {
      this.#fresh = this.#followed(source, changed, matches, order);
      if (held) this.shown = this.#standing(source, changed);
    }
    if (held) this.waiting = differing(this.shown, this.#fresh);
    else this.#release();
  }

  #release() {
    this.shown = this.#fresh;
    this.waiting = 0;
  }

  /** The rows with what changed: where they stand if that is where they belong, and else among the others anew. */
  #followed(
    source: Source,
    changed: ReadonlySet<number>,
    matches: (row: Row) => boolean,
    order: Order,
  ): readonly Row[] {
    const stayed = new Set<number>();
    const rows: Row[] = [];
    for (const row of this.#fresh) {
      if (!changed.has(row.id)) {
        rows.push(row);
        continue;
      }
      const now = source.rows.get(row.id);
      if (!now || !matches(now) || !sameIn(row, now, order)) continue;
      stayed.add(row.id);
      rows.push(now);
    }
    const others: Row[] = [];
    for (const id of changed) {
      const row = stayed.has(id) ? undefined : source.rows.get(id);
      if (row && matches(row)) others.push(row);
    }
    return others.length ? mergeRows(rows, others, order) : rows;
  }

  /** What is shown, as it is now; without what is not there any more. `changed` is null where it is not known. */
  #standing(source: Source, changed: ReadonlySet<number> | null): Row[] {
    const rows: Row[] = [];
    for (const row of this.shown) {
      const now = changed === null || changed.has(row.id) ? source.rows.get(row.id) : row;
      if (now) rows.push(now);
    }
    return rows;
  }
}

/** Of two orders of rows, how many rows one has that the other has not, or stand elsewhere. */
export const differing = (before: readonly Row[], after: readonly Row[]): number => {
  let start = 0;
  let end = 0;
  const least = Math.min(before.length, after.length);
  while (start < least && before[start]!.id === after[start]!.id) start++;
  while (end < least - start && before.at(-1 - end)!.id === after.at(-1 - end)!.id) end++;
  const places = new Map<number, number>();
  for (let i = start; i < before.length - end; i++) places.set(before[i]!.id, i);
  let common = 0;
  // Those that keep their order are the longest rising run of places; tails[n] is the least place that one of n + 1 ends with.
  const tails: number[] = [];
  for (let i = start; i < after.length - end; i++) {
    const place = places.get(after[i]!.id);
    if (place === undefined) continue;
    common++;
    let low = 0;
    let high = tails.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (tails[middle]! < place) low = middle + 1;
      else high = middle;
    }
    tails[low] = place;
  }
  const inner = (rows: readonly Row[]) => rows.length - end - start;
  return inner(before) - common + (inner(after) - common) + (common - tails.length);
};
