import { useSyncExternalStore } from "react";
import { asFailure, type Failure, request } from "../api/client";
import { type LiveEvent, live } from "../api/live";
import { type Row, rowOf, type Sync, syncs } from "./row";

export type LoadState = "idle" | "loading" | "ready" | "failed";

const settle = 250; // between two looks of the page at what changed
const mostRefetch = 500; // ids that one request may name
const reloadFrom = 5000; // changes at once from which the whole list is cheaper

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
class FleetStore {
  state: LoadState = "idle";
  failure: Failure | null = null;
  rows = new Map<number, Row>();
  expected = 0;
  version = 0;
  counts: Counts = noCounts();
  #watchers = new Set<() => void>();
  #pending: LiveEvent[] = [];
  #stale = new Set<number>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #loading: AbortController | null = null;

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

  /** Reads the fleet unless that was done. */
  ensure() {
    if (this.state === "idle" || this.state === "failed") void this.load();
  }

  clear() {
    this.#loading?.abort();
    this.#loading = null;
    this.state = "idle";
    this.rows = new Map();
    this.#pending = [];
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
      this.rows = new Map();
    }
    this.failure = null;
    this.#changed();
    const rows = first ? this.rows : new Map<number, Row>();
    try {
      await live.ready();
      await readRows(
        "api/fleet/devices",
        loading.signal,
        (count) => {
          this.expected = count;
        },
        (batch) => {
          for (const row of batch) rows.set(row.id, row);
          if (first) this.#changed();
        },
      );
      this.rows = rows;
      this.state = "ready";
    } catch (error) {
      if (loading.signal.aborted) return;
      this.failure = asFailure(error);
      if (first) this.state = "failed";
      else setTimeout(() => void this.load(), 5000);
    }
    this.#changed();
    this.#soon();
  }

  /** Has a change of one's own shown at once, without waiting for its event. */
  refresh(ids: Iterable<number>) {
    if (this.state === "idle") return;
    for (const id of ids) this.#stale.add(id);
    this.#soon();
  }

  #soon() {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#apply();
    }, settle);
  }

  async #apply() {
    if (this.state === "loading") return this.#soon();
    const events = this.#pending;
    this.#pending = [];
    for (const event of events) this.#take(event);
    if (events.length) this.#changed();
    if (this.#stale.size > reloadFrom) {
      this.#stale.clear();
      return this.load();
    }
    const ids = [...this.#stale].slice(0, mostRefetch);
    if (!ids.length) return;
    for (const id of ids) this.#stale.delete(id);
    try {
      const missing = new Set(ids);
      await readRows(
        `api/fleet/devices?ids=${ids.join(",")}`,
        undefined,
        () => {},
        (batch) => {
          for (const row of batch) {
            this.rows.set(row.id, row);
            missing.delete(row.id);
          }
        },
      );
      for (const id of missing) this.rows.delete(id);
      this.#changed();
    } catch {
      for (const id of ids) this.#stale.add(id);
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        void this.#apply();
      }, 5000);
    }
    if (this.#stale.size) this.#soon();
  }

  #take(event: LiveEvent) {
    const id = event.config_id;
    if (id === null) return;
    const row = this.rows.get(id);
    if (event.kind === "deleted") {
      this.rows.delete(id);
      return;
    }
    if (!row || event.mac_address !== row.mac || (event.revision ?? 0) > row.revision || changes.has(event.kind)) {
      this.#stale.add(id);
      if (!row || event.mac_address !== row.mac) return;
    }
    this.rows.set(id, {
      ...row,
      sync: event.sync as Sync,
      lastSeen: event.last_seen ? Date.parse(event.last_seen) / 1000 : row.lastSeen,
      deviceRevision: event.device_revision ?? row.deviceRevision,
      overdue: event.overdue,
      online: event.online,
    });
  }

  #changed() {
    this.version++;
    this.counts = count(this.rows.values());
    for (const watcher of this.#watchers) watcher();
  }
}

const changes = new Set<string>(["created", "updated", "restored", "replaced"]);

const noCounts = (): Counts => ({
  total: 0,
  sync: Object.fromEntries(syncs.map((s) => [s, 0])) as Record<Sync, number>,
  overdue: 0,
  online: 0,
  offline: 0,
});

const count = (rows: Iterable<Row>): Counts => {
  const counts = noCounts();
  for (const row of rows) {
    counts.total++;
    counts.sync[row.sync]++;
    if (row.overdue) counts.overdue++;
    if (row.online === true) counts.online++;
    if (row.online === false) counts.offline++;
  }
  return counts;
};

/** Reads a compact list as it comes: first how many there are about, then rows in batches. */
const readRows = async (
  path: string,
  signal: AbortSignal | undefined,
  begin: (count: number) => void,
  take: (rows: Row[]) => void,
) => {
  const response = await request(path, { signal: signal ?? null, cache: "no-store" });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let headed = false;
  let batch: Row[] = [];
  let shown = 0;
  for (;;) {
    const { value, done } = await reader.read();
    const lines = (rest + (value ?? "")).split("\n");
    rest = done ? "" : lines.pop()!;
    for (const line of lines) {
      if (!line) continue;
      const parsed = JSON.parse(line);
      if (headed) batch.push(rowOf(parsed));
      else begin(parsed.count);
      headed = true;
    }
    // The first screenful at once; then seldom, since each look of the page costs.
    if (done || (shown === 0 && batch.length > 100) || batch.length > 40_000) {
      shown += batch.length;
      take(batch);
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
