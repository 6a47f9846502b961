import { useCallback, useEffect, useRef, useState } from "react";
import { idempotencyKey } from "../../api/client";
import { queries, serverQuery } from "../../api/queries";
import { type ImportItem, type ImportReport, importAll } from "../../api/write";
import { fleet } from "../../fleet/store";
import { type Entry, type Found, readFound } from "./intake";
import { countFates, type Planned, planOf, refusedOf, sourceOf } from "./plan";
import { tellImport, tellImportFailed } from "./told";

export type Phase =
  | { at: "choose" }
  | { at: "reading"; read: number; total: number }
  | { at: "checking"; files: number }
  | { at: "plan"; plan: Planned[] }
  | { at: "importing"; plan: Planned[] }
  | { at: "done"; plan: Planned[]; report: ImportReport; onConflict: "update" | "skip" }
  /** `plan`: of the import that failed; null where it was not yet known. */
  | { at: "failed"; error: unknown; plan: Planned[] | null };

export interface Choices {
  onConflict: "update" | "skip";
  keepGoing: boolean;
  message: string;
}

const mostTries = 3; // of a check, in a fleet that others change all the time

/** Waits until the fleet is known, or cannot be. */
const fleetKnown = (): Promise<void> =>
  new Promise((resolve, reject) => {
    const look = () => {
      if (fleet.state === "ready") resolve();
      else if (fleet.state === "failed") reject(fleet.failure);
      else return false;
      return true;
    };
    fleet.ensure();
    if (look()) return;
    const stop = fleet.watch(() => look() && stop());
  });

/** Reads the fleet as it is now. */
const fleetAnew = async (): Promise<void> => {
  await fleet.load();
  if (fleet.failure) throw fleet.failure;
};

const itemsOf = <T extends { mac: string | null; text: string | null }>(
  plan: readonly T[],
  more: (each: T) => Partial<ImportItem> | null,
): ImportItem[] =>
  plan.flatMap((each, i) => {
    const also = more(each);
    return each.mac === null || each.text === null || also === null
      ? []
      : [{ mac_address: each.mac, content: each.text, source: sourceOf(i), ...also }];
  });

/** Asks the server what an import of these would do; nothing is changed by it. */
const check = async (entries: readonly Entry[]): Promise<Planned[]> => {
  const items = itemsOf(
    entries.map((e) => (e.kind === "candidate" ? e : { mac: null, text: null })),
    () => ({}),
  );
  const nothing: ImportReport = {
    applied: false,
    dry_run: true,
    created: 0,
    updated: 0,
    unchanged: 0,
    skipped: 0,
    refused: [],
  };
  for (let tried = 1; ; tried++) {
    const [report] = await Promise.all([
      items.length ? importAll(items, { dryRun: true, onConflict: "fail", keepGoing: true }) : nothing,
      tried === 1 ? fleetKnown() : fleetAnew(),
    ]);
    const known = new Map<string, number>();
    for (const row of fleet.rows.values()) known.set(row.mac, row.id);
    const plan = planOf(entries, report, (mac) => known.get(mac) ?? null);
    // Which are new is told by the fleet, and how many by the server: where these differ, what is known of the fleet is old.
    if (tried === mostTries || countFates(plan).create === report.created) return plan;
  }
};

/** The way of an import: files are read, the server says what would become of them, and then it is done. */
export const useImport = () => {
  const [phase, setPhase] = useState<Phase>({ at: "choose" });
  const entries = useRef<Entry[]>([]);
  const run = useRef(0);
  const there = useRef(true);
  useEffect(() => {
    there.current = true;
    return () => {
      there.current = false;
    };
  }, []);

  const recheck = useCallback(async () => {
    const mine = ++run.current;
    setPhase({ at: "checking", files: entries.current.length });
    try {
      const plan = await check(entries.current);
      if (run.current === mine) setPhase({ at: "plan", plan });
    } catch (error) {
      if (run.current === mine) setPhase({ at: "failed", error, plan: null });
    }
  }, []);

  const choose = useCallback(
    async (choosing: Promise<Found[]>) => {
      const mine = ++run.current;
      setPhase({ at: "reading", read: 0, total: 0 });
      try {
        const [found, server] = await Promise.all([choosing, queries.ensureQueryData(serverQuery)]);
        if (run.current !== mine) return;
        setPhase({ at: "reading", read: 0, total: found.length });
        found.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
        const read = await readFound(found, server.max_content_bytes, (n) => {
          if (run.current === mine) setPhase({ at: "reading", read: n, total: found.length });
        });
        if (run.current !== mine) return;
        entries.current = read;
      } catch (error) {
        if (run.current === mine) setPhase({ at: "failed", error, plan: null });
        return;
      }
      await recheck();
    },
    [recheck],
  );

  const send = useCallback(async (plan: Planned[], { onConflict, keepGoing, message }: Choices) => {
    const mine = ++run.current;
    setPhase({ at: "importing", plan });
    try {
      const wanted = (each: Planned) => each.fate === "create" || (each.fate === "update" && onConflict === "update");
      // What is not as it was checked is refused one by one: nothing is written over that nobody has seen.
      const items = itemsOf(plan, (each) => (wanted(each) ? { if_revision: each.revision } : null));
      const report = await importAll(items, {
        dryRun: false,
        onConflict: "update",
        keepGoing,
        message,
        key: idempotencyKey(),
      });
      void fleet.load();
      if (run.current !== mine) return;
      const done = refusedOf(plan, report);
      // What is left alone because it was changed can be checked again, and so can all of it where nothing was kept.
      if (report.applied) entries.current = entries.current.filter((_, i) => done[i]?.changed);
      const counts = countFates(plan);
      const unchanged = report.unchanged + counts.same;
      const skipped = report.skipped + (onConflict === "skip" ? counts.update : 0);
      const all = { ...report, unchanged, skipped };
      if (!there.current) return tellImport(done, all);
      setPhase({ at: "done", plan: done, report: all, onConflict });
    } catch (error) {
      if (!there.current) return tellImportFailed(error);
      if (run.current === mine) setPhase({ at: "failed", error, plan });
    }
  }, []);

  const reset = useCallback(() => {
    run.current++;
    entries.current = [];
    setPhase({ at: "choose" });
  }, []);

  return { phase, choose, recheck, send, reset };
};
