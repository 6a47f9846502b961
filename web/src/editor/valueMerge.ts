import { diff3MergeRegions, diffIndices, type IDiffIndicesResult } from "node-diff3";
import type { Choice, Conflict, Taken } from "./merge";
import { stepTo } from "./pointer";
import type { Node } from "./scan";
import { container, type Entry, indentAt, innerIndent, raw, type Side } from "./spacing";

/** Merges three values into text that is laid out as mine is. */
export class ValueMerge {
  readonly conflicts: Conflict[] = [];
  readonly taken: Taken[] = [];
  #plain = new WeakMap<Node, string>();

  constructor(readonly choices: ReadonlyMap<string, Choice>) {}

  /** Whether two values are equal but for layout and the order of keys. */
  same(a: Side | null, b: Side | null): boolean {
    if (!a || !b) return a === b;
    return this.#plainOf(a) === this.#plainOf(b);
  }

  #plainOf({ text, node }: Side): string {
    const known = this.#plain.get(node);
    if (known !== undefined) return known;
    const of = (child: Node) => this.#plainOf({ text, node: child });
    let plain: string;
    switch (node.kind) {
      case "object":
        plain = `{${node.members
          .map((m) => `${JSON.stringify(m.key)}:${of(m.value)}`)
          .sort()
          .join()}}`;
        break;
      case "array":
        plain = `[${node.items.map(of).join()}]`;
        break;
      case "string":
        plain = JSON.stringify(node.value);
        break;
      default:
        plain = text.slice(node.from, node.to);
    }
    this.#plain.set(node, plain);
    return plain;
  }

  /** The text of a merged value, or null where there is to be none. */
  value(b: Side | null, m: Side | null, t: Side | null, at: string, indent: string): string | null {
    if (this.same(m, t)) {
      if (!this.same(b, m)) this.taken.push({ at, by: "both", what: changeOf(b, m) });
      return m ? raw(m, indent) : null;
    }
    if (m && t && m.node.kind === "object" && t.node.kind === "object" && (!b || b.node.kind === "object"))
      return this.#object(b, m, t, at);
    if (m && t && m.node.kind === "array" && t.node.kind === "array" && (!b || b.node.kind === "array"))
      return this.#array(b, m, t, at);
    if (this.same(b, m)) {
      this.taken.push({ at, by: "theirs", what: changeOf(b, t) });
      return t ? raw(t, indent) : null;
    }
    if (this.same(b, t)) {
      this.taken.push({ at, by: "mine", what: changeOf(b, m) });
      return m ? raw(m, indent) : null;
    }
    const text = (side: Side | null) => (side ? raw(side, "") : null);
    this.conflicts.push({ at, base: text(b), mine: text(m), theirs: text(t), both: false });
    const choice = this.choices.get(at);
    if (typeof choice === "object") return choice.text.trim() || null;
    const chosen = choice === "theirs" ? t : m;
    return chosen ? raw(chosen, indent) : null;
  }

  #object(b: Side | null, m: Side, t: Side, at: string): string {
    const [bases, mines, theirs] = [membersOf(b), membersOf(m), membersOf(t)];
    const indent = indentAt(m.text, m.node.from);
    const inner = innerIndent(m, indent);
    const entries: Entry[] = [];
    for (const key of keysInOrder([...mines.keys()], [...theirs.keys()])) {
      const mine = mines.get(key);
      const their = theirs.get(key);
      const path = at + stepTo(key);
      const text = this.value(
        bases.get(key)?.side ?? null,
        mine?.side ?? null,
        their?.side ?? null,
        path,
        mine ? indentAt(m.text, mine.side.node.from) : inner,
      );
      const named = mine ?? their;
      if (text !== null && named) entries.push({ own: mine?.index ?? -1, text: named.name + text });
    }
    return container(m, entries, "{", "}", indent);
  }

  #array(b: Side | null, m: Side, t: Side, at: string): string {
    const [os, as, bs] = [itemsOf(b), itemsOf(m), itemsOf(t)];
    const [o, a, th] = [os, as, bs].map((sides) => sides.map((side) => this.#plainOf(side))) as [
      string[],
      string[],
      string[],
    ];
    const indent = indentAt(m.text, m.node.from);
    const list: List = { at, inner: innerIndent(m, indent), entries: [] };
    const [byMine, byThem] = [diffIndices(o, a), diffIndices(o, th)];
    this.#removals(at, byMine, byThem, "mine");
    this.#removals(at, byThem, byMine, "theirs");
    for (const region of diff3MergeRegions(a, o, th)) {
      if (!region.stable) {
        this.#clash(
          os.slice(region.oStart, region.oStart + region.oLength),
          as.slice(region.aStart, region.aStart + region.aLength),
          bs.slice(region.bStart, region.bStart + region.bLength),
          region.aStart,
          list,
        );
        continue;
      }
      const { buffer, bufferStart: start, bufferLength: length } = region;
      if (buffer !== "o")
        this.taken.push({
          at: `${at}/${list.entries.length}`,
          by: buffer === "a" ? "mine" : "theirs",
          what: "changed",
        });
      // What nobody has changed stands in mine as well, in the layout of mine, though perhaps in another place.
      const own = buffer === "b" ? -1 : buffer === "a" ? start : start + shiftBefore(byMine, start);
      keep(buffer === "b" ? bs.slice(start, start + length) : as.slice(own, own + length), own, list);
    }
    return container(m, list.entries, "[", "]", indent);
  }

  /** Notes the elements that one side has taken out, and the other has left alone. */
  #removals(at: string, own: Hunk[], others: Hunk[], by: "mine" | "theirs") {
    for (const [from] of removalsOf(own, others)) this.taken.push({ at: at + stepTo(from), by, what: "removed" });
  }

  /** Elements that both sides have changed: one by one where there are as many on each, and all together otherwise. */
  #clash(base: Side[], mine: Side[], their: Side[], own: number, list: List) {
    if (mine.length === base.length && base.length === their.length) {
      mine.forEach((item, i) => {
        const text = this.value(base[i]!, item, their[i]!, `${list.at}/${own + i}`, list.inner);
        if (text !== null) list.entries.push({ own: own + i, text });
      });
      return;
    }
    const at = `${list.at}/${own}`;
    const plain = (sides: Side[]) => sides.map((side) => this.#plainOf(side)).join();
    if (plain(mine) === plain(their)) {
      this.taken.push({ at, by: "both", what: "changed" });
      keep(mine, own, list);
      return;
    }
    const text = (sides: Side[]) => (sides.length ? sides.map((side) => raw(side, "")).join(",\n") : null);
    this.conflicts.push({ at, base: text(base), mine: text(mine), theirs: text(their), both: true });
    const choice = this.choices.get(at);
    if (typeof choice === "object") {
      const written = choice.text.trim();
      if (written) list.entries.push({ own: -1, text: written });
      return;
    }
    if (choice !== "theirs") keep(mine, own, list);
    if (choice === "theirs" || choice === "both") keep(their, -1, list);
  }
}

/** An array that is being written. */
interface List {
  at: string;
  inner: string;
  entries: Entry[];
}

type Hunk = IDiffIndicesResult<string>;

/** What one side has taken out of the base and the other has left alone: where it stood there, and how much it was. */
export const removalsOf = (own: readonly Hunk[], others: readonly Hunk[]): [from: number, length: number][] =>
  own
    .filter(({ buffer1: [from, length], buffer2 }) => {
      const touched = others.some(({ buffer1: [start, n] }) => start <= from + length && start + n >= from);
      return buffer2[1] === 0 && !touched;
    })
    .map(({ buffer1 }) => buffer1);

const keep = (sides: Side[], own: number, list: List) => {
  sides.forEach((side, i) => {
    list.entries.push({ own: own < 0 ? -1 : own + i, text: raw(side, list.inner) });
  });
};

/** How much further an element stands with one side than in the base. */
const shiftBefore = (hunks: Hunk[], index: number): number =>
  hunks.reduce((n, { buffer1, buffer2 }) => (buffer1[0] + buffer1[1] <= index ? n + buffer2[1] - buffer1[1] : n), 0);

const changeOf = (before: Side | null, after: Side | null): Taken["what"] =>
  before ? (after ? "changed" : "removed") : "added";

interface Found {
  index: number;
  side: Side;
  /** The key with its quotes, the colon and the space behind it. */
  name: string;
}

const membersOf = (side: Side | null): Map<string, Found> =>
  new Map(
    side?.node.kind === "object"
      ? side.node.members.map((m, index) => [
          m.key,
          { index, side: { text: side.text, node: m.value }, name: side.text.slice(m.name.from, m.value.from) },
        ])
      : [],
  );

const itemsOf = (side: Side | null): Side[] =>
  side?.node.kind === "array" ? side.node.items.map((node) => ({ text: side.text, node })) : [];

/** The keys of mine, and among them those that only they have: each behind the one that it stands behind with them. */
const keysInOrder = (mine: string[], theirs: string[]): string[] => {
  const keys = [...mine];
  const known = new Set(mine);
  theirs.forEach((key, i) => {
    if (known.has(key)) return;
    known.add(key);
    keys.splice(i === 0 ? 0 : keys.indexOf(theirs[i - 1]!) + 1, 0, key);
  });
  return keys;
};
