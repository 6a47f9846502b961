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
  /** The revision that it was checked against, and 0 of a device that has none. */
  revision: number;
  /** Refused because it is not as it was checked. */
  changed?: boolean;
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
      return {
        path: entry.path,
        mac: entry.mac,
        fate: entry.kind,
        reason: entry.reason,
        text: null,
        id: null,
        revision: 0,
      };
    const id = known(entry.mac);
    const planned = { path: entry.path, mac: entry.mac, reason: "", text: entry.text, id, revision: 0 };
    const refusal = refused.get(sourceOf(index));
    if (refusal?.code === "RECORD_EXISTS")
      return refusal.current_revision === undefined
        ? { ...planned, fate: "refused", reason: foreign }
        : { ...planned, fate: "update", revision: refusal.current_revision };
    if (refusal) return { ...planned, fate: "refused", reason: refusal.reason };
    return { ...planned, fate: id === null ? "create" : "same" };
  });
};

const foreign =
  "Another program wrote the document that is there, and gave it no revision. Save it here once, then check again";

/** The same plan after the import: what the server refused, and why. */
export const refusedOf = (plan: readonly Planned[], report: ImportReport): Planned[] => {
  const refused = new Map(report.refused.map((refusal) => [refusal.source, refusal]));
  return plan.map((each, i): Planned => {
    const refusal = refused.get(sourceOf(i));
    if (!refusal) return each;
    if (refusal.code !== "PRECONDITION_FAILED") return { ...each, fate: "refused", reason: refusal.reason };
    const now = refusal.current_revision;
    const reason =
      now === undefined
        ? "It was deleted since the check"
        : each.fate === "create"
          ? "It was created by somebody else since the check"
          : `It was changed since the check: revision ${each.revision} then, ${now} now`;
    return { ...each, fate: "refused", reason, changed: true };
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
