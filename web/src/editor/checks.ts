import { numberProblem } from "./numbers";
import { type Member, type Node, type Span, scan } from "./scan";

/** What is wrong with a place of a document, in words for people. Offsets are UTF-16 units of the text that was checked. */
export interface Problem extends Span {
  /** error: the server would refuse it. warning: the server keeps it, and a device may read it otherwise than it looks. */
  severity: "error" | "warning";
  message: string;
  /** Who says so; the check of the page where it is missing. */
  source?: "server" | "device";
}

export interface Limits {
  /** Bytes of UTF-8 that the server keeps of a document. */
  maxBytes?: number;
  /** Bytes that the document has besides those of the text, such as returns at the ends of lines. */
  extraBytes?: number;
}

export const defaultMaxBytes = 128 << 10;
const maxDepth = 64; // what the server takes
const maxDerived = 255; // characters of a field that the server shows in lists
const mostProblems = 200;

/** The bytes of a text in UTF-8. */
export const byteLength = (text: string): number => new TextEncoder().encode(text).length;

/**
 * Everything that is wrong with a document, in the order of the text: what the server would refuse, and what firmware that
 * reads with cJSON would take for something else. Pure.
 */
export const checkDocument = (text: string, { maxBytes = defaultMaxBytes, extraBytes = 0 }: Limits = {}): Problem[] => {
  const { root, faults } = scan(text);
  const problems: Problem[] = faults.map((fault) => ({ ...fault, severity: "error" }));
  const bytes = byteLength(text) + extraBytes;
  if (bytes > maxBytes)
    problems.push({
      from: 0,
      to: Math.min(text.length, firstLine(text)),
      severity: "error",
      message: `The document has ${count(bytes)} bytes, and the server keeps ${count(maxBytes)} at most: shorten it, or raise MAX_CONTENT_BYTES if the firmware reads more`,
    });
  if (root) {
    if (root.kind !== "object")
      problems.push({
        from: root.from,
        to: root.to,
        severity: "error",
        message: `A document is one JSON object in braces, not ${kindName(text, root)}`,
      });
    new Walk(text, problems).value(root, 1);
    if (root.kind === "object") derived(text, root.members, problems);
  }
  return problems.sort((a, b) => a.from - b.from || a.to - b.to).slice(0, mostProblems);
};

/** Whether the server would refuse the document. */
export const blocksSaving = (problems: readonly Problem[]): boolean =>
  problems.some((p) => p.severity === "error" && p.source === undefined);

const firstLine = (text: string): number => {
  const end = text.indexOf("\n");
  return end < 0 ? text.length : end;
};

const count = (n: number): string => n.toLocaleString("en-GB");

const kindName = (text: string, node: Node): string => {
  if (node.kind === "literal") return text.slice(node.from, node.to) === "null" ? "null" : "true or false";
  return { object: "an object", array: "an array", string: "a text", number: "a number" }[node.kind];
};

/** The letters that cJSON takes for equal when it looks for a key. */
const folded = (key: string): string => key.replace(/[A-Z]/g, (c) => c.toLowerCase());

class Walk {
  #deep = false;

  constructor(
    readonly text: string,
    readonly problems: Problem[],
  ) {}

  value(node: Node, depth: number) {
    if (this.problems.length > 4 * mostProblems) return;
    switch (node.kind) {
      case "object":
        if (!this.#fits(node, depth)) return;
        this.#keys(node.members);
        for (const member of node.members) this.value(member.value, depth + 1);
        return;
      case "array":
        if (!this.#fits(node, depth)) return;
        for (const item of node.items) this.value(item, depth + 1);
        return;
      case "string":
        this.#characters(node, node.value, "text");
        return;
      case "number": {
        const message = numberProblem(this.text.slice(node.from, node.to));
        if (message) this.#warn(node, message);
      }
    }
  }

  #fits(node: Node, depth: number): boolean {
    if (depth <= maxDepth) return true;
    if (!this.#deep)
      this.problems.push({
        from: node.from,
        to: node.from + 1,
        severity: "error",
        message: `This is nested deeper than ${maxDepth}, which the server refuses`,
      });
    this.#deep = true;
    return false;
  }

  #warn(span: Span, message: string) {
    this.problems.push({ from: span.from, to: span.to, severity: "warning", message });
  }

  #keys(members: Member[]) {
    const exact = new Map<string, Member>();
    const loose = new Map<string, Member>();
    for (const member of members) {
      this.#characters(member.name, member.key, "key");
      const same = exact.get(member.key);
      const like = loose.get(folded(member.key));
      if (same)
        this.problems.push({
          ...member.name,
          severity: "error",
          message: `This key is in the object already, on line ${this.#line(same.name.from)}`,
        });
      else if (like)
        this.#warn(
          member.name,
          `A device takes this for the key “${like.key}” on line ${this.#line(like.name.from)}: firmware with cJSON finds keys without regard to small and capital letters, and takes the first`,
        );
      if (!same) exact.set(member.key, member);
      if (!like) loose.set(folded(member.key), member);
    }
  }

  #line(at: number): number {
    let line = 1;
    for (let i = this.text.indexOf("\n"); i >= 0 && i < at; i = this.text.indexOf("\n", i + 1)) line++;
    return line;
  }

  #characters(span: Span, value: string, what: "key" | "text") {
    if (value.includes("\0"))
      this.#warn(
        span,
        `A device reads this ${what} only up to \\u0000: in firmware that is written in C a text ends there`,
      );
    else if (hasControl(value)) this.#warn(span, `There is a control character in this ${what}; is it meant?`);
    const half = loneSurrogate(value);
    if (!half) return;
    const raw = loneSurrogate(this.text.slice(span.from, span.to));
    if (raw)
      this.problems.push({
        ...span,
        severity: "error",
        message: `There is a broken character in this ${what}, which cannot be stored: delete it`,
      });
    else
      this.#warn(
        span,
        `There is half of a character in this ${what} (\\u${half}): firmware with cJSON cannot read the document at all`,
      );
  }
}

const hasControl = (value: string): boolean => {
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i);
    if ((c < 32 && c !== 9 && c !== 10 && c !== 13) || c === 127) return true;
  }
  return false;
};

/** The code of a surrogate that has no other half, in four hex digits, or "". */
const loneSurrogate = (value: string): string => {
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i);
    if (c < 0xd800 || c > 0xdfff) continue;
    const next = value.charCodeAt(i + 1);
    if (c < 0xdc00 && next >= 0xdc00 && next <= 0xdfff) i++;
    else return c.toString(16);
  }
  return "";
};

/** The members that the server reads itself, for its lists: of a wrong kind they are refused. */
const derived = (text: string, members: Member[], problems: Problem[]) => {
  for (const { key, value } of members) {
    const say = (message: string) => problems.push({ from: value.from, to: value.to, severity: "error", message });
    const isNull = text.slice(value.from, value.to) === "null";
    if (key === "enableOTA") {
      if (value.kind !== "literal") say(`enableOTA must be true, false or null, not ${kindName(text, value)}`);
    } else if (key === "deviceName" || key === "deviceEntityId") {
      if (value.kind !== "string") {
        if (!isNull) say(`${key} must be a text or null, not ${kindName(text, value)}`);
      } else if (value.value.includes("\0")) say(`${key} may not hold the character U+0000`);
      else if ([...value.value].length > maxDerived)
        say(`${key} has ${[...value.value].length} characters, and ${maxDerived} are allowed`);
    }
  }
};
