import { type Node, type Span, scan } from "./scan";

export interface Place extends Span {
  /** Whether it is the place itself; otherwise the nearest thing around it that is there. */
  exact: boolean;
}

/** A name, or the number of an element, as a step of a JSON Pointer (RFC 6901). */
export const stepTo = (name: string | number): string => `/${String(name).replaceAll("~", "~0").replaceAll("/", "~1")}`;

/** The name that a step of a JSON Pointer, given without its slash, is for. */
export const nameOf = (step: string): string => step.replaceAll("~1", "/").replaceAll("~0", "~");

/**
 * Where a JSON Pointer (RFC 6901) leads in a text; also one without the slash in front, or with points or as a URI fragment, as
 * firmware writes it. What is not there any more is shown at what is left around it. null where the text cannot be read.
 */
export const locate = (text: string, pointer: string): Place | null => {
  const { root } = scan(text);
  if (!root) return null;
  let node: Node = root;
  let span: Span = { from: root.from, to: root.from + 1 };
  for (const step of stepsOf(pointer)) {
    if (node.kind === "object") {
      const folded = step.toLowerCase();
      const member =
        node.members.find((m) => m.key === step) ?? node.members.find((m) => m.key.toLowerCase() === folded);
      if (!member) return { ...span, exact: false };
      node = member.value;
      span = { from: member.name.from, to: isLong(node) ? member.name.to : node.to };
    } else if (node.kind === "array") {
      const item: Node | undefined = /^\d+$/.test(step) ? node.items[Number(step)] : undefined;
      if (!item) return { ...span, exact: false };
      node = item;
      span = { from: item.from, to: isLong(item) ? item.from + 1 : item.to };
    } else {
      return { ...span, exact: false };
    }
  }
  return { ...span, exact: true };
};

const isLong = (node: Node) => node.kind === "object" || node.kind === "array";

const stepsOf = (pointer: string): string[] => {
  let path = pointer.trim();
  if (path.startsWith("#")) {
    try {
      path = decodeURIComponent(path.slice(1));
    } catch {
      path = path.slice(1);
    }
  }
  if (path === "" || path === "$") return [];
  if (path.startsWith("/")) return path.slice(1).split("/").map(nameOf);
  return path
    .replace(/^\$?\.?/, "")
    .replaceAll(/\[(\d+)\]/g, ".$1")
    .split(/[./]/)
    .filter(Boolean);
};

/**
 * The JSON Pointer of the value that an offset is at: the innermost one that it is in, or that stands on its line beside it.
 * "" where that is the whole document, or it cannot be read.
 */
export const pointerAt = (text: string, offset: number): string => {
  let pointer = "";
  for (let node = scan(text).root; node; ) {
    const child = childAt(text, node, offset);
    if (!child) break;
    pointer += stepTo(child.name);
    node = child.value;
  }
  return pointer;
};

interface Child extends Span {
  name: string | number;
  value: Node;
}

const childrenOf = (node: Node): Child[] => {
  if (node.kind === "object")
    return node.members.map((m) => ({ name: m.key, value: m.value, from: m.name.from, to: m.value.to }));
  return node.kind === "array"
    ? node.items.map((item, name) => ({ name, value: item, from: item.from, to: item.to }))
    : [];
};

const childAt = (text: string, node: Node, offset: number): Child | undefined => {
  const children = childrenOf(node);
  const within = children.find(({ from, to }) => from <= offset && offset <= to);
  if (within || offset <= node.from || offset >= node.to) return within;
  const before = children.findLast(({ to }) => to < offset);
  if (before && !text.slice(before.to, offset).includes("\n")) return before;
  const after = children.find(({ from }) => from > offset);
  return after && !text.slice(offset, after.from).includes("\n") ? after : undefined;
};

/** The offset of a line and column from 1, the column counted in characters as the server counts. */
export const offsetOf = (text: string, line: number, column: number): number => {
  let start = 0;
  for (let n = 1; n < line; n++) {
    const end = text.indexOf("\n", start);
    if (end < 0) return text.length;
    start = end + 1;
  }
  const end = text.indexOf("\n", start);
  const before = [...text.slice(start, end < 0 ? text.length : end)].slice(0, column - 1).join("");
  return start + before.length;
};
