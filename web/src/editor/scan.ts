/** A place in a text: offsets of UTF-16 units, as the editor counts. */
export interface Span {
  from: number;
  to: number;
}

export interface Member {
  key: string;
  /** Of the key, with its quotes. */
  name: Span;
  value: Node;
}

/** A JSON value and where it stands. */
export type Node = Span &
  (
    | { kind: "object"; members: Member[] }
    | { kind: "array"; items: Node[] }
    | { kind: "string"; value: string }
    | { kind: "number" | "literal" }
  );

/** Where a text is no JSON, and why. */
export interface Fault extends Span {
  message: string;
}

export interface Scan {
  /** What could be read, also of a text that is no JSON; null where there is nothing. */
  root: Node | null;
  faults: Fault[];
}

const mostFaults = 50;
const mostDepth = 500; // what is deeper is not read: the server refuses it far earlier

class Stop extends Error {}

/** Reads JSON as RFC 8259 has it, and goes on behind a fault so that the next one is found too. */
export const scan = (text: string): Scan => {
  const reader = new Reader(text);
  let root: Node | null = null;
  try {
    root = reader.document();
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
  }
  return { root, faults: reader.faults };
};

const openers: Record<string, string> = { "{": "}", "[": "]" };

class Reader {
  readonly faults: Fault[] = [];
  #at = 0;

  constructor(readonly text: string) {}

  document(): Node | null {
    if (this.text.charCodeAt(0) === 0xfeff) {
      this.#fault(0, 1, "There is a byte order mark before the document: delete it");
      this.#at = 1;
    }
    this.#space();
    if (this.#at >= this.text.length) {
      this.#fault(0, this.text.length, "The document is empty: write at least {}");
      return null;
    }
    const root = this.#value(0);
    this.#space();
    if (this.#at < this.text.length)
      this.#fault(this.#at, this.text.length, "There is text after the end of the document");
    return root;
  }

  #fault(from: number, to: number, message: string) {
    const last = this.faults.at(-1);
    if (last && last.from === from) return;
    if (last && last.to === from && last.message === message) {
      last.to = to;
      return;
    }
    this.faults.push({ from, to: Math.max(to, Math.min(from + 1, this.text.length)), message });
    if (this.faults.length >= mostFaults) throw new Stop();
  }

  /** Passes over white space, and over comments, which JSON has none of. */
  #space() {
    for (;;) {
      const c = this.text.charCodeAt(this.#at);
      if (c === 32 || c === 10 || c === 13 || c === 9) {
        this.#at++;
      } else if (c === 47 && /[/*]/.test(this.text[this.#at + 1] ?? "")) {
        const start = this.#at;
        const block = this.text[start + 1] === "*";
        const end = this.text.indexOf(block ? "*/" : "\n", start + 2);
        this.#at = end < 0 ? this.text.length : end + (block ? 2 : 0);
        this.#fault(start, this.#at, "JSON has no comments: delete this one");
      } else if (c === 0xa0 || c === 0xfeff || c === 0x200b || c === 0x2028 || c === 0x2029) {
        this.#fault(this.#at, this.#at + 1, "This space is of a kind that JSON does not know: delete it");
        this.#at++;
      } else {
        return;
      }
    }
  }

  #value(depth: number): Node | null {
    const start = this.#at;
    const c = this.text[start];
    switch (c) {
      case "{":
        return this.#object(depth);
      case "[":
        return this.#array(depth);
      case '"':
        return this.#string();
      case undefined:
        this.#fault(start, start, "The text ends where a value should be");
        return null;
    }
    if (/[-+.0-9]/.test(c)) return this.#number();
    if (c === "'" || c === "“" || c === "”" || c === "‘" || c === "’" || c === "`") return this.#oddString();
    if (/[A-Za-z_$]/.test(c)) return this.#word();
    return null;
  }

  #word(): Node {
    const from = this.#at;
    const word = /[\w$]*/y;
    word.lastIndex = from;
    const found = word.exec(this.text)![0];
    this.#at += found.length;
    const node: Node = { kind: "literal", from, to: this.#at };
    if (found === "true" || found === "false" || found === "null") return node;
    const lower = found.toLowerCase();
    const meant = { none: "null", undefined: "null", nil: "null", yes: "true", no: "false" }[lower] ?? lower;
    const known = meant === "true" || meant === "false" || meant === "null";
    this.#fault(
      from,
      this.#at,
      /^(nan|infinity)$/.test(lower)
        ? `JSON has no ${found}`
        : known
          ? `Write ${meant} here, in small letters`
          : "A text needs double quotes around it",
    );
    return node;
  }

  #number(): Node {
    const from = this.#at;
    const loose = /[-+.\w]*/y;
    loose.lastIndex = from;
    const found = loose.exec(this.text)![0];
    this.#at += found.length;
    if (!/^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$/.test(found))
      this.#fault(from, this.#at, `This is no number of JSON${numberHint(found)}`);
    return { kind: "number", from, to: this.#at };
  }

  #string(): Node & { kind: "string" } {
    const text = this.text;
    const from = this.#at;
    let at = from + 1;
    let value = "";
    let plain = at;
    for (; at < text.length; at++) {
      const c = text.charCodeAt(at);
      if (c === 34) {
        value += text.slice(plain, at);
        this.#at = at + 1;
        return { kind: "string", from, to: at + 1, value };
      }
      if (c === 10 || c === 13) break;
      if (c < 32) {
        const code = c.toString(16).padStart(4, "0");
        this.#fault(at, at + 1, c === 9 ? "A tab in a text is written \\t" : `This character is written \\u${code}`);
      } else if (c === 92) {
        value += text.slice(plain, at);
        const escaped = readEscape(text, at);
        if (escaped.length === 0) {
          const end = Math.min(at + 2, text.length);
          this.#fault(at, end, "This is no escape of JSON: write \\\\ for a backslash");
          at += text.charCodeAt(at + 1) === 10 ? 0 : 1;
        } else {
          value += escaped.value;
          at += escaped.length - 1;
        }
        plain = at + 1;
      }
    }
    value += text.slice(Math.min(plain, at), at);
    this.#at = at;
    this.#fault(from, at, "This text is not closed: its second double quote is missing");
    return { kind: "string", from, to: at, value };
  }

  /** A text in quotes that are none of JSON's. */
  #oddString(): Node {
    const from = this.#at;
    const close = { "“": "[”“]", "”": "”", "‘": "[’‘]", "’": "’" }[this.text[from]!] ?? this.text[from]!;
    const end = new RegExp(`${close}|\\n|$`, "g");
    end.lastIndex = from + 1;
    const found = end.exec(this.text)!;
    this.#at = found.index + (found[0] === "\n" ? 0 : found[0].length);
    this.#fault(from, this.#at, 'A text stands in double quotes: "…"');
    return { kind: "string", from, to: this.#at, value: this.text.slice(from + 1, found.index) };
  }

  #enter(depth: number) {
    if (depth < mostDepth) return;
    this.#fault(this.#at, this.#at + 1, `This is nested deeper than ${mostDepth}`);
    throw new Stop();
  }

  #object(depth: number): Node {
    this.#enter(depth);
    const from = this.#at++;
    const members: Member[] = [];
    this.#list(from, () => {
      const name = this.#name();
      if (!name) return false;
      this.#space();
      if (this.text[this.#at] === ":") this.#at++;
      else if (this.text[this.#at] === "=") {
        this.#fault(this.#at, this.#at + 1, "Write a colon between the key and its value");
        this.#at++;
      } else this.#fault(name.from, name.to, "A colon and a value are missing behind this key");
      this.#space();
      const at = this.#at;
      const value = this.#value(depth + 1);
      if (value) members.push({ key: name.value, name: { from: name.from, to: name.to }, value });
      else if (!this.faults.some((f) => f.from === name.from || f.from === at))
        this.#fault(name.from, name.to, "The value of this key is missing");
      return true;
    });
    return { kind: "object", from, to: this.#at, members };
  }

  #name(): (Span & { value: string }) | null {
    const c = this.text[this.#at] ?? "";
    const from = this.#at;
    if (c === '"') return this.#string();
    if (/['“”‘’`]/.test(c)) {
      const odd = this.#oddString();
      return odd.kind === "string" ? odd : null;
    }
    if (!/[\w$]/.test(c)) return null;
    const word = /[\w$-]*/y;
    word.lastIndex = from;
    const value = word.exec(this.text)![0];
    this.#at += value.length;
    this.#fault(from, this.#at, "A key needs double quotes around it");
    return { from, to: this.#at, value };
  }

  #array(depth: number): Node {
    this.#enter(depth);
    const from = this.#at++;
    const items: Node[] = [];
    this.#list(from, () => {
      const item = this.#value(depth + 1);
      if (item) items.push(item);
      return item !== null;
    });
    return { kind: "array", from, to: this.#at, items };
  }

  /** What stands between two brackets, with its commas; the cursor is behind the first, and then behind the second. */
  #list(from: number, element: () => boolean) {
    const text = this.text;
    const close = openers[text[from]!]!;
    const what = close === "}" ? "object" : "array";
    let comma = -1;
    let end = this.#at; // of the last element
    for (let first = true; ; first = false) {
      this.#space();
      const c = text[this.#at];
      if (c === undefined || c === (close === "}" ? "]" : "}")) {
        // Of what is open at the end of the text, the innermost is enough to say.
        if (c === undefined && this.faults.at(-1)?.to === text.length) throw new Stop();
        this.#fault(from, from + 1, `This ${what} is not closed: its ${close} is missing`);
        if (c === undefined) throw new Stop();
        return; // the bracket is of what is around this
      }
      if (c === close) {
        if (comma >= 0) this.#fault(comma, comma + 1, "The comma behind the last element must go");
        this.#at++;
        return;
      }
      if (!first && comma < 0) this.#fault(Math.max(end - 1, 0), end, "A comma is missing behind this");
      comma = -1;
      const at = this.#at;
      if (!element()) {
        if (this.#at === at) this.#skip(at, close === "}" ? 'A key in double quotes is expected here: "…"' : "");
      }
      end = this.#at;
      this.#space();
      if (text[this.#at] === ",") comma = this.#at++;
    }
  }

  #skip(at: number, message: string) {
    const c = this.text[at]!;
    const end = at + (c.codePointAt(0)! > 0xffff ? 2 : 1);
    this.#fault(at, end, c === "," ? "There is nothing before this comma" : message || "This is no value of JSON");
    if (c !== ",") this.#at = end;
  }
}

const numberHint = (found: string): string => {
  if (found.startsWith("+")) return ": leave out the plus";
  if (/^-?0\d/.test(found)) return ": it may not begin with a zero";
  if (/^-?0[xXbBoO]/.test(found)) return ": write it in decimal";
  if (/^-?\./.test(found)) return ": write a 0 before the point";
  if (/\.(?!\d)/.test(found)) return ": digits are missing behind the point";
  if (/[eE][-+]?$/.test(found)) return ": digits are missing behind the e";
  if (/^\d+([-.:]\d+)+/.test(found) || /[A-Za-z_]/.test(found)) return "; a text needs double quotes";
  return "";
};

const simple: Record<string, string> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

const readEscape = (text: string, at: number): { value: string; length: number } => {
  const c = text[at + 1] ?? "";
  const value = simple[c];
  if (value !== undefined) return { value, length: 2 };
  const hex = c === "u" ? text.slice(at + 2, at + 6) : "";
  return /^[0-9a-fA-F]{4}$/.test(hex)
    ? { value: String.fromCharCode(Number.parseInt(hex, 16)), length: 6 }
    : { value: "", length: 0 };
};
