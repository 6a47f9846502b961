import { useSyncExternalStore } from "react";
import { asFailure, type Failure, request } from "../api/client";
import { type LiveEvent, live } from "../api/live";
import { type Row, rowOf, type Sync, syncs } from "./row";
import type { Source } from "./view";

export type LoadState = "idle" | "loading" | "ready" | "failed";

const settle = 250; // between two looks of the page at what changed
const mostRefetch = 500; // ids that one request may name
const reloadFrom = 5000; // changes at once from which the whole list is cheaper
const remembered = 40; // steps of which it is known what changed

export interface Counts {
  total: number;
  sync: Record<Sync, number>;
  overdue: number;
  online: number;
  offline: number;
}

/**
 * The whole fleet in the memory of the page: read once as a stream, and kept as it is by the live events. `version` rises
 * with each change that there is to show.
 */
export class FleetStore implements Source {
  state: LoadState = "idle";
  failure: Failure | null = null;
  rows: ReadonlyMap<number, Row> = new Map();
  /** How many rows there are about, while they are read. */
  expected = 0;
  version = 0;
  counts: Counts = noCounts();
  #rows = new Map<number, Row>();
  #watchers = new Set<() => void>();
  #pending: LiveEvent[] = [];
  #stale = new Set<number>();
  #touched = new Set<number>();
  #history: { version: number; ids: ReadonlySet<number> }[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #loading: AbortController | null = null;
  #applying = false;

  constructor() {
    live.follow((event) => {
      if (this.state === "idle") return;
      this.#pending.push(event);
      this.#soon();
    });
    live.onReset(() => {
      if (this.state !== "idle") void this.load();
    });
  }

  watch = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  };

  changedSince(version: number): ReadonlySet<number> | null {
    if (version === this.version) return nothing;
    if (!this.#history.length || this.#history[0]!.version > version + 1) return null;
    const later = this.#history.filter((step) => step.version > version);
    if (later.length === 1) return later[0]!.ids;
    const all = new Set<number>();
    for (const step of later) for (const id of step.ids) all.add(id);
    return all;
  }

  /** Reads the fleet unless that was done. */
  ensure() {
    if (this.state === "idle" || this.state === "failed") void this.load();
  }

  clear() {
    this.#loading?.abort();
    this.#loading = null;
    this.state = "idle";
    this.#pending = [];
    this.#stale.clear();
    this.#replace(new Map());
    this.#changed();
  }

  /** Reads the whole fleet anew. What is shown stays until then; the first time, rows are shown as they come. */
  async load() {
    this.#loading?.abort();
    const loading = new AbortController();
    this.#loading = loading;
    const first = this.state !== "ready";
    if (first) {
      this.state = "loading";
      this.#replace(new Map());
    }
    this.failure = null;
    this.#changed();
    const rows = new Map<number, Row>();
    try {
      await live.ready();
      if (loading.signal.aborted) return;
      await readRows("api/fleet/devices", loading.signal, {
        begin: (count) => {
          this.expected = count;
        },
        take: (batch) => {
          for (const row of batch) {
            if (first) this.#put(row);
            else rows.set(row.id, row);
          }
          if (first) this.#changed();
        },
      });
      if (!first) this.#replace(rows);
      this.state = "ready";
    } catch (error) {
      if (loading.signal.aborted) return;
      this.failure = asFailure(error);
      if (first) this.state = "failed";
      else setTimeout(() => this.state === "ready" && this.#loading === null && void this.load(), 5000);
    }
    this.#loading = null;
    this.#changed();
    this.#soon();
  }

  /** Has a change of one's own shown at once, without waiting for its event. */
  refresh(ids: Iterable<number>) {
    if (this.state === "idle") return;
    for (const id of ids) this.#stale.add(id);
    this.#soon();
  }

  #soon(pause = settle) {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#apply();
    }, pause);
  }

  async #apply() {
    // What is being read now may be older than these events; they are taken after it.
    if (this.#loading || this.#applying || this.state !== "ready") return;
    this.#applying = true;
    const events = this.#pending;
    this.#pending = [];
    for (const event of events) this.#take(event);
    if (this.#touched.size) this.#changed();
    const read = await this.#readStale();
    this.#applying = false;
    if (!read) this.#soon(5000);
    else if (this.#stale.size || this.#pending.length) this.#soon();
  }

  /** Reads some rows of which only the server knows how they are. Answers false where it could not. */
  async #readStale(): Promise<boolean> {
    if (this.#stale.size > reloadFrom) {
      this.#stale.clear();
      await this.load();
      return true;
    }
    const ids = [...this.#stale].slice(0, mostRefetch);
    if (!ids.length) return true;
    for (const id of ids) this.#stale.delete(id);
    const found: Row[] = [];
    try {
      await readRows(`api/fleet/devices?ids=${ids.join(",")}`, undefined, {
        begin: () => {},
        take: (batch) => void found.push(...batch),
      });
    } catch {
      for (const id of ids) this.#stale.add(id);
      return false;
    }
    if (this.#loading || this.state !== "ready") return true;
    const missing = new Set(ids);
    for (const row of found) {
      this.#put(row);
      missing.delete(row.id);
    }
    for (const id of missing) this.#drop(id);
    if (this.#touched.size) this.#changed();
    return true;
  }

  #take(event: LiveEvent) {
    const id = event.config_id;
    if (id === null) return;
    const row = this.#rows.get(id);
    if (event.kind === "deleted") {
      this.#drop(id);
      return;
    }
    if (!row || event.mac_address !== row.mac || (event.revision ?? 0) > row.revision || changes.has(event.kind)) {
      this.#stale.add(id);
      if (!row || event.mac_address !== row.mac) return;
    }
    this.#put({
      ...row,
      sync: event.sync as Sync,
      lastSeen: event.last_seen ? Math.floor(Date.parse(event.last_seen) / 1000) : row.lastSeen,
      deviceRevision: event.device_revision ?? row.deviceRevision,
      overdue: event.overdue,
      online: event.online,
    });
  }

  #put(row: Row) {
    const before = this.#rows.get(row.id);
    if (before && alike(before, row)) return;
    if (before) tally(this.counts, before, -1);
    tally(this.counts, row, 1);
    this.#rows.set(row.id, row);
    this.#touched.add(row.id);
  }

  #drop(id: number) {
    const before = this.#rows.get(id);
    if (!before) return;
    tally(this.counts, before, -1);
    this.#rows.delete(id);
    this.#touched.add(id);
  }

  #replace(rows: Map<number, Row>) {
    for (const [id, row] of rows) {
      const before = this.#rows.get(id);
      if (before && alike(before, row)) rows.set(id, before);
    }
    this.#rows = rows;
    this.rows = rows;
    this.counts = noCounts();
    for (const row of rows.values()) tally(this.counts, row, 1);
    this.#history = [];
    this.#touched.clear();
    // Nobody can tell what changed between two lists.
    this.version += 2;
  }

  #changed() {
    this.version++;
    this.#history.push({ version: this.version, ids: this.#touched });
    if (this.#history.length > remembered) this.#history.shift();
    this.#touched = new Set();
    this.counts = { ...this.counts, sync: { ...this.counts.sync } };
    for (const watcher of this.#watchers) watcher();
  }
}

const nothing: ReadonlySet<number> = new Set();

const alike = (a: Row, b: Row): boolean => {
  for (const key in a) if (a[key as keyof Row] !== b[key as keyof Row]) return false;
  return true;
};

const changes = new Set<string>(["created", "updated", "restored", "replaced"]);

const noCounts = (): Counts => ({
  total: 0,
  sync: Object.fromEntries(syncs.map((s) => [s, 0])) as Record<Sync, number>,
  overdue: 0,
  online: 0,
  offline: 0,
});

const tally = (counts: Counts, row: Row, by: 1 | -1) => {
  counts.total += by;
  counts.sync[row.sync] += by;
  if (row.overdue) counts.overdue += by;
  if (row.online === true) counts.online += by;
  if (row.online === false) counts.offline += by;
};

/** Reads a compact list as it comes: first how many there are about, then rows in batches. */
const readRows = async (
  path: string,
  signal: AbortSignal | undefined,
  o: { begin(count: number): void; take(rows: Row[]): void },
) => {
  const response = await request(path, { signal: signal ?? null });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let headed = false;
  let batch: Row[] = [];
  let shown = false;
  for (;;) {
    const { value, done } = await reader.read();
    const text = rest + (value ?? "");
    const end = done ? text.length : text.lastIndexOf("\n");
    rest = end < 0 ? text : text.slice(end + 1);
    const lines = end < 0 ? "" : text.slice(0, end).trim().replaceAll("\n", ",");
    for (const line of lines ? JSON.parse(`[${lines}]`) : []) {
      if (headed) batch.push(rowOf(line));
      else o.begin(line.count);
      headed = true;
    }
    // The first screenful at once; then seldom, since each look of the page costs.
    if (done || (!shown && batch.length > 100) || batch.length > 40_000) {
      shown = true;
      o.take(batch);
      batch = [];
    }
    if (done) break;
  }
  if (!headed) throw new Error("the list ended before it began");
};

export const fleet = new FleetStore();

/** The fleet, as state of a component: it renders again with each change that there is to show. */
export const useFleet = (): FleetStore => {
  useSyncExternalStore(fleet.watch, () => fleet.version);
  return fleet;
};
