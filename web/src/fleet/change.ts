import { nameOf, stepTo } from "../editor/pointer";

/** A value of a document that is to be set or removed: the names that lead to it. */
export type Path = readonly string[];

/** Reads a JSON Pointer (/wifi/ssid) or names with dots (wifi.ssid); or says what is wrong with it. */
export const pathOf = (text: string): { path: Path } | { wrong: string } => {
  const t = text.trim();
  if (!t) return { wrong: "Say which value, such as /wifi/ssid" };
  if (!t.startsWith("/")) {
    const names = t.split(".");
    if (names.some((name) => name === "")) return { wrong: "A name is missing beside a dot" };
    return { path: names };
  }
  const names = t.slice(1).split("/");
  if (names.some((name) => /~(?![01])/.test(name))) return { wrong: "In a JSON Pointer, write ~0 for ~ and ~1 for /" };
  return { path: names.map(nameOf) };
};

/** A path as a JSON Pointer (RFC 6901). */
export const pointerOf = (path: Path): string => path.map(stepTo).join("");

/** The paths of all values within a document that a merge patch can set, with their kinds; lists are whole values. */
export const pathsIn = (document: unknown): Map<string, string> => {
  const found = new Map<string, string>();
  const walk = (value: unknown, path: Path) => {
    if (path.length) found.set(pointerOf(path), kindOf(value));
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      for (const [name, inner] of Object.entries(value)) walk(inner, [...path, name]);
  };
  walk(document, []);
  return found;
};

const kindOf = (value: unknown): string => {
  if (value === null) return "null";
  if (Array.isArray(value)) return "list";
  return { string: "text", number: "number", boolean: "true or false", object: "object" }[typeof value as string] ?? "";
};

/** A path that is the same but for case: a device that looks names up without case would take one for the other. */
export const sameButCase = (pointer: string, known: Iterable<string>): string | null => {
  const low = pointer.toLowerCase();
  let similar: string | null = null;
  for (const other of known) {
    if (other === pointer) return null;
    if (other.toLowerCase() === low) similar ??= other;
  }
  return similar;
};

/** What somebody typed as a value: its JSON text, kept as typed, and what it was understood as; or what is wrong with it. */
export const typedValue = (text: string): { json: string; says: string; warns?: string } | { wrong: string } => {
  const t = text.trim();
  if (!t) return { wrong: 'Type a value. An empty text is ""' };
  let value: unknown;
  try {
    value = JSON.parse(t);
  } catch {
    if (/^["[{]/.test(t))
      return { wrong: "This begins as JSON, and is none: look for a missing quote, comma or bracket" };
    return {
      json: JSON.stringify(t),
      says: `The text ${JSON.stringify(t)}`,
      ...(/^[-+.\d]/.test(t) || /^(true|false|null|none|yes|no|on|off)$/i.test(t)
        ? { warns: "It is no JSON number, true or false, so devices would get a text." }
        : {}),
    };
  }
  if (value === null)
    return {
      wrong: "null cannot be set in many at once: in a merge patch it removes. To remove, choose Remove a value",
    };
  if (typeof value === "string") return { json: t, says: `The text ${t}` };
  if (typeof value === "boolean") return { json: t, says: t };
  if (typeof value === "number")
    return {
      json: t,
      says: `The number ${t}`,
      ...(Number.isFinite(value) && (t.replace(/^-/, "").replace(/\.?0*$/, "").length <= 15 || !/^-?\d+$/.test(t))
        ? {}
        : { warns: "Devices read numbers with about 15 digits; this one may become another." }),
    };
  if (Array.isArray(value))
    return { json: t, says: `A list of ${value.length}, which replaces the list that is there` };
  return {
    json: t,
    says: "An object: its members are set, others that are there stay",
    ...(hasNull(value) ? { warns: "Members that are null are removed." } : {}),
  };
};

const hasNull = (value: unknown): boolean =>
  value === null ||
  (typeof value === "object" && !Array.isArray(value) && Object.values(value as object).some(hasNull));

/** A JSON Merge Patch (RFC 7396) that sets the value at a path to a JSON text; null removes it. */
export const patchText = (path: Path, json: string): string =>
  path.reduceRight((inner, name) => `{${JSON.stringify(name)}:${inner}}`, json);

/** What the server says of a change to one document. */
export interface Previewed {
  changed: boolean;
  patch: readonly { op: string; path: string }[] | null;
  unified: string;
}

/** A place above the path that the change would replace: a list or a plain value through which the path leads. */
export const replacedAbove = (path: Path, p: Previewed): string | null => {
  const target = pointerOf(path);
  const above = p.patch?.find(
    (op) => op.op === "replace" && op.path !== target && `${target}/`.startsWith(`${op.path}/`),
  );
  return above?.path ?? null;
};

/** Whether the change makes a name that the document did not have. */
export const makesNew = (path: Path, p: Previewed): boolean => {
  const target = pointerOf(path);
  return p.patch?.some((op) => op.op === "add" && `${target}/`.startsWith(`${op.path}/`)) ?? false;
};

/** A name of what a change does to a document, equal where the same lines go and come, however they are indented. */
export const diffName = (p: Previewed): string =>
  [
    ...(p.patch ?? []).map((op) => `${op.op} ${op.path}`),
    ...p.unified
      .split("\n")
      .slice(2)
      .filter((line) => line.startsWith("+") || line.startsWith("-"))
      .map(
        (line) =>
          `${line[0]}${line
            .slice(1)
            .trim()
            .replace(/,$/, "")
            .replace(/^("(?:[^"\\]|\\.)*")\s*:\s*/, "$1:")}`,
      ),
  ].join("\n");
