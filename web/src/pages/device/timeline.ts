import type { Fact, Revision } from "./words";

/** What kinds of entries a timeline has, and how each is called. */
export const kinds = {
  edit: "Edits",
  fetch: "Fetches",
  proof: "Proofs",
  report: "Reports",
  error: "Errors",
  connection: "Connections",
} as const;
export type Kind = keyof typeof kinds;

export type Entry = { key: string; at: string } & (
  | { kind: "edit"; revision: Revision; before: Revision | undefined }
  | { kind: Exclude<Kind, "edit">; fact: Fact }
);

const kindOf: Record<Fact["kind"], Exclude<Kind, "edit">> = {
  fetched: "fetch",
  held: "proof",
  applied: "report",
  error: "error",
  online: "connection",
  offline: "connection",
  lost: "connection",
};

interface Part<T> {
  items: readonly T[];
  more: boolean;
}

export interface Timeline {
  /** Newest first. */
  entries: readonly Entry[];
  /** Which of the two logs has to be read on for older entries; null where both were read to their end. */
  next: "revisions" | "facts" | null;
}

/**
 * One timeline of two logs, each newest first and read down to some point. What is older than where a log was read to is left
 * out: something that was not read yet may have happened in between.
 */
export const merge = (revisions: Part<Revision>, facts: Part<Fact>): Timeline => {
  const entries: Entry[] = [
    ...revisions.items.map(
      (r, i): Entry => ({
        key: `r${r.revision}`,
        at: r.created_at,
        kind: "edit",
        revision: r,
        before: revisions.items[i + 1],
      }),
    ),
    ...facts.items.map((f): Entry => ({ key: `f${f.id}`, at: f.at, kind: kindOf[f.kind], fact: f })),
  ];
  // A check-in and the edit that it is of may bear one time: what the device did comes after.
  entries.sort((a, b) => Date.parse(b.at) - Date.parse(a.at) || (a.at < b.at ? 1 : a.at > b.at ? -1 : 0));
  const readTo = (part: Part<unknown>, at: string | undefined) => (part.more ? (at ?? "9999") : "");
  const toRevision = readTo(revisions, revisions.items.at(-1)?.created_at);
  const toFact = readTo(facts, facts.items.at(-1)?.at);
  const horizon = toRevision > toFact ? toRevision : toFact;
  return {
    entries: entries.filter((entry) => entry.at >= horizon),
    next: !horizon ? null : horizon === toRevision ? "revisions" : "facts",
  };
};

export interface Day {
  /** Of the computer's own calendar, as yyyy-mm-dd. */
  day: string;
  entries: Entry[];
}

const dayOf = (at: Date): string =>
  `${at.getFullYear()}-${String(at.getMonth() + 1).padStart(2, "0")}-${String(at.getDate()).padStart(2, "0")}`;

/** Entries by the day that they fall on where the page is looked at. */
export const byDay = (entries: readonly Entry[]): Day[] => {
  const days: Day[] = [];
  for (const entry of entries) {
    const day = dayOf(new Date(entry.at));
    const last = days.at(-1);
    if (last?.day === day) last.entries.push(entry);
    else days.push({ day, entries: [entry] });
  }
  return days;
};

const long = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });

/** How a day is called: today, yesterday, or its date. */
export const daySays = (day: string, now = new Date()): string => {
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
  if (day === dayOf(now)) return "Today";
  if (day === dayOf(yesterday)) return "Yesterday";
  return long.format(new Date(`${day}T12:00:00`));
};
