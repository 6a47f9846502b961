import type { ImportReport } from "../../api/write";
import type { Entry } from "./intake";

export type Fate = "create" | "update" | "same" | "refused" | "other";

/** What becomes of one file. */
export interface Planned {
  path: string;
  mac: string | null;
  fate: Fate;
  /** Why it is refused, or is no configuration. */
  reason: string;
  /** The document; null where none is sent. */
  text: string | null;
  /** The configuration that there is already. */
  id: number | null;
}

export const fates: readonly Fate[] = ["create", "update", "same", "refused", "other"];

/** The name under which an entry is sent: short, because the server shortens long ones. */
export const sourceOf = (index: number): string => String(index);

/**
 * What an import will do with each entry. `report` is of a trial that was to refuse whatever would change a configuration, so that
 * these are known from the new ones; `known` finds the configuration of a MAC address.
 */
export const planOf = (
  entries: readonly Entry[],
  report: ImportReport,
  known: (mac: string) => number | null,
): Planned[] => {
  const refused = new Map(report.refused.map((refusal) => [refusal.source, refusal]));
  return entries.map((entry, index): Planned => {
    if (entry.kind !== "candidate")
      return { path: entry.path, mac: entry.mac, fate: entry.kind, reason: entry.reason, text: null, id: null };
    const id = known(entry.mac);
    const planned = { path: entry.path, mac: entry.mac, reason: "", text: entry.text, id };
    const refusal = refused.get(sourceOf(index));
    if (refusal?.code === "RECORD_EXISTS") return { ...planned, fate: "update" };
    if (refusal) return { ...planned, fate: "refused", reason: refusal.reason };
    return { ...planned, fate: id === null ? "create" : "same" };
  });
};

export const countFates = (plan: readonly Planned[]): Record<Fate, number> => {
  const counts: Record<Fate, number> = { create: 0, update: 0, same: 0, refused: 0, other: 0 };
  for (const each of plan) counts[each.fate]++;
  return counts;
};

/** What an import has done with a file, in a word. */
export type Outcome = "created" | "updated" | "unchanged" | "skipped" | "refused" | "no configuration" | "not imported";

export const outcomeOf = (fate: Fate, onConflict: "update" | "skip", applied: boolean): Outcome => {
  if (fate === "refused") return "refused";
  if (fate === "other") return "no configuration";
  if (fate === "same") return "unchanged";
  if (!applied) return "not imported";
  if (fate === "create") return "created";
  return onConflict === "update" ? "updated" : "skipped";
};

const cell = (text: string): string => {
  // A spreadsheet would run what begins like a formula.
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

/** The report of an import for a spreadsheet: a line for each file, and no document. */
export const reportCsv = (plan: readonly Planned[], onConflict: "update" | "skip", applied: boolean): string => {
  const lines = plan.map((each) =>
    [each.path, each.mac ?? "", outcomeOf(each.fate, onConflict, applied), each.reason].map(cell).join(","),
  );
  return ["file,mac_address,outcome,reason", ...lines, ""].join("\r\n");
};
