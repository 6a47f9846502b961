import { diff3MergeRegions, diffIndices } from "node-diff3";
import { type Node, scan } from "./scan";
import type { Side } from "./spacing";
import { removalsOf, ValueMerge } from "./valueMerge";

/** What to take where both sides changed the same: one, both (mine first), or what somebody wrote. */
export type Choice = "mine" | "theirs" | "both" | { text: string };

/** A place that both sides changed, differently. */
export interface Conflict {
  /** Names it among all of them: the JSON Pointer of a value, or the lines of mine. It is the key of its choice. */
  at: string;
  /** What each has there, as it is written; null where it has nothing. */
  base: string | null;
  mine: string | null;
  theirs: string | null;
  /** Whether both can stand there. */
  both: boolean;
}

/** A place that was merged by itself. */
export interface Taken {
  at: string;
  by: "mine" | "theirs" | "both";
  what: "added" | "removed" | "changed";
}

export interface Merged {
  /** The result by the choices; a conflict that nothing was chosen for has mine. */
  text: string;
  conflicts: Conflict[];
  taken: Taken[];
  /** By values of JSON, or by lines where one of the texts is no JSON. */
  by: "values" | "lines";
}

/**
 * Merges what two sides made of a document. What one of them changed is taken, wherever it stands; what both changed is a
 * conflict, and a choice decides it. The layout is that of mine. Pure: ask again with more choices.
 */
export const mergeDocuments = (
  base: string,
  mine: string,
  theirs: string,
  choices: ReadonlyMap<string, Choice> = new Map(),
): Merged => {
  const sides = [base, mine, theirs].map(sideOf);
  const [b, m, t] = sides;
  if (!b || !m || !t) return mergeLines(base, mine, theirs, choices);
  const merge = new ValueMerge(choices);
  const whole = merge.value(b, m, t, "", "");
  const text =
    merge.same(b, m) && !merge.same(b, t)
      ? theirs
      : merge.same(b, t) && !merge.same(b, m)
        ? mine
        : mine.slice(0, m.node.from) + whole + mine.slice(m.node.to);
  return { text, conflicts: merge.conflicts, taken: merge.taken, by: "values" };
};

/** The choices that still stand after another merge: those of places that are in it as they were. */
export const keptChoices = (
  choices: ReadonlyMap<string, Choice>,
  before: Merged,
  after: Merged,
): ReadonlyMap<string, Choice> => {
  const said = (merged: Merged) => new Map(merged.conflicts.map((c) => [c.at, JSON.stringify(c)]));
  const [was, is] = [said(before), said(after)];
  return new Map([...choices].filter(([at]) => was.get(at) === is.get(at)));
};

const sideOf = (text: string): Side | null => {
  const { root, faults } = scan(text);
  return root && !faults.length && !hasTwins(root) ? { text, node: root } : null;
};

const hasTwins = (node: Node): boolean => {
  if (node.kind === "array") return node.items.some(hasTwins);
  if (node.kind !== "object") return false;
  return (
    new Set(node.members.map((m) => m.key)).size < node.members.length || node.members.some((m) => hasTwins(m.value))
  );
};

/** Merges by lines, where values cannot be told. */
const mergeLines = (base: string, mine: string, theirs: string, choices: ReadonlyMap<string, Choice>): Merged => {
  const split = (text: string) => text.split("\n");
  const [o, a, b] = [split(base), split(mine), split(theirs)];
  const conflicts: Conflict[] = [];
  const taken: Taken[] = [];
  const out: string[] = [];
  for (const region of diff3MergeRegions(a, o, b)) {
    if (region.stable) {
      const by = region.buffer === "a" ? "mine" : "theirs";
      if (region.buffer !== "o") taken.push({ at: `line ${out.length + 1}`, by, what: "changed" });
      out.push(...region.bufferContent);
      continue;
    }
    const { aStart, aContent, oContent, bContent } = region;
    if (aContent.join("\n") === bContent.join("\n")) {
      out.push(...aContent);
      continue;
    }
    const at = linesAt(aStart, aContent.length);
    const text = (lines: string[]) => (lines.length ? lines.join("\n") : null);
    conflicts.push({ at, base: text(oContent), mine: text(aContent), theirs: text(bContent), both: true });
    const choice = choices.get(at);
    if (typeof choice === "object") out.push(...split(choice.text));
    else if (choice === "theirs") out.push(...bContent);
    else if (choice === "both") out.push(...aContent, ...bContent);
    else out.push(...aContent);
  }
  const [byMine, byThem] = [diffIndices(o, a), diffIndices(o, b)];
  for (const [from, length] of removalsOf(byMine, byThem))
    taken.push({ at: linesAt(from, length), by: "mine", what: "removed" });
  for (const [from, length] of removalsOf(byThem, byMine))
    taken.push({ at: linesAt(from, length), by: "theirs", what: "removed" });
  return { text: out.join("\n"), conflicts, taken, by: "lines" };
};

const linesAt = (from: number, length: number) =>
  length > 1 ? `lines ${from + 1} to ${from + length}` : `line ${from + 1}`;
