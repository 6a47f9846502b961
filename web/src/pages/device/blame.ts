import type { components } from "../../api/schema.gen";
import { formatDocument } from "../../editor/format";
import { isDense } from "../../editor/layout";
import { stepTo } from "../../editor/pointer";
import { type Node, scan } from "../../editor/scan";

export type Blamed = components["schemas"]["Blamed"];

/** A value that has no values in it, and where it stands. */
export interface Leaf {
  /** A JSON Pointer (RFC 6901). */
  path: string;
  from: number;
  to: number;
}

/** The leaves of a document in its order: scalars, empty objects and empty arrays. Of a key that is there twice, the last counts. */
export const leavesOf = (text: string): Leaf[] => {
  const leaves: Leaf[] = [];
  const walk = (node: Node, path: string) => {
    if (node.kind === "object" && node.members.length) {
      const last = new Map(node.members.map((m) => [m.key, m]));
      for (const m of node.members) if (last.get(m.key) === m) walk(m.value, path + stepTo(m.key));
    } else if (node.kind === "array" && node.items.length) {
      node.items.forEach((item, i) => {
        walk(item, path + stepTo(i));
      });
    } else {
      leaves.push({ path, from: node.from, to: node.to });
    }
  };
  const { root } = scan(text);
  if (root) walk(root, "");
  return leaves;
};

/** A line of a document, with who gave it its value. */
export interface Line {
  /** From 1. */
  number: number;
  text: string;
  /** null: no value begins on it. */
  blamed: Blamed | null;
  paths: readonly string[];
  /** It is the first of a run of lines that one revision set. */
  first: boolean;
  /** The revision of the run that it stands in, also of a line without a value; undefined: none. */
  run: number | null | undefined;
}

export interface BlamedText {
  lines: readonly Line[];
  /** The lines are not as they were written: several revisions would share one. */
  laidOut: boolean;
}

/** A text by lines, each with the revision that set the value on it; laid out anew where a line is of several. */
export const blameLines = (text: string, values: readonly Blamed[]): BlamedText => {
  const byPath = new Map(values.map((v) => [v.path, v]));
  const asIs = linesOf(text, byPath);
  if (asIs && !isDense(text)) return { lines: asIs, laidOut: false };
  const formatted = formatDocument(text);
  const lines = formatted === null ? null : linesOf(formatted, byPath);
  return lines && formatted !== text ? { lines, laidOut: true } : { lines: asIs ?? [], laidOut: false };
};

/** null where a line has values of several revisions. */
const linesOf = (text: string, byPath: ReadonlyMap<string, Blamed>): Line[] | null => {
  const texts = text.split(/\r\n?|\n/);
  if (texts.length > 1 && texts.at(-1) === "") texts.pop();
  const starts = [0];
  for (const end of text.matchAll(/\r\n?|\n/g)) starts.push(end.index + end[0].length);
  const lines = texts.map((line, i): Line => {
    return { number: i + 1, text: line, blamed: null, paths: [], first: false, run: undefined };
  });
  let at = 0;
  for (const leaf of leavesOf(text)) {
    while (at + 1 < starts.length && starts[at + 1]! <= leaf.from) at++;
    const line = lines[at]!;
    const blamed = byPath.get(leaf.path) ?? null;
    if (!blamed) continue;
    if (line.blamed && line.blamed.revision !== blamed.revision) return null;
    lines[at] = { ...line, blamed: line.blamed ?? blamed, paths: [...line.paths, leaf.path] };
  }
  return inRuns(lines);
};

const inRuns = (lines: readonly Line[]): Line[] => {
  const out: Line[] = [];
  let revision: number | null | undefined;
  let since = 0; // the line behind the last one with a value
  lines.forEach((line, i) => {
    if (!line.blamed) {
      out.push(line);
      return;
    }
    const first = revision === undefined || line.blamed.revision !== revision;
    if (!first) for (let j = since; j < i; j++) out[j] = { ...out[j]!, run: revision };
    revision = line.blamed.revision;
    since = i + 1;
    out.push({ ...line, first, run: revision });
  });
  return out;
};

/** The index of the line that a value stands on, or the first of what is in it, or else what is nearest around it; -1: none. */
export const lineOf = (lines: readonly Line[], pointer: string): number => {
  for (let path = pointer; ; path = path.slice(0, path.lastIndexOf("/"))) {
    const exact = lines.findIndex(({ paths }) => paths.includes(path));
    const at = exact < 0 ? lines.findIndex(({ paths }) => paths.some((p) => p.startsWith(`${path}/`))) : exact;
    if (at >= 0 || path === "") return at;
  }
};

/** How new each revision is among those that are in force, from 0 (the oldest) to 1 (the newest). */
export const ages = (values: readonly Blamed[]): ReadonlyMap<number | null, number> => {
  const numbers = [...new Set(values.map((v) => v.revision).filter((n) => n !== null))].sort((a, b) => a - b);
  const found = new Map<number | null, number>([[null, 0]]);
  numbers.forEach((n, i) => {
    found.set(n, numbers.length === 1 ? 1 : i / (numbers.length - 1));
  });
  return found;
};

/** The indexes of the lines that have a text in them, in the path of their value, or in what is known of who set it. */
export const findLines = (lines: readonly Line[], query: string, said: (blamed: Blamed) => string): number[] => {
  const wanted = query.trim().toLowerCase();
  if (!wanted) return [];
  const found: number[] = [];
  lines.forEach((line, i) => {
    const about = line.blamed ? `\n${line.paths.join("\n")}\n${said(line.blamed)}` : "";
    if (`${line.text}${about}`.toLowerCase().includes(wanted)) found.push(i);
  });
  return found;
};
