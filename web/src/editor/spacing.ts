import type { Node } from "./scan";

/** A value, and the text that it stands in. */
export interface Side {
  text: string;
  node: Node;
}

/** A member or element as it is to be written; `own` is its place in the container of mine, -1 if it comes from elsewhere. */
export interface Entry {
  own: number;
  text: string;
}

/** The white space that the line of an offset begins with. */
export const indentAt = (text: string, offset: number): string => {
  const start = text.lastIndexOf("\n", offset - 1) + 1;
  return /^[ \t]*/.exec(text.slice(start, offset))![0];
};

export const innerIndent = ({ text, node }: Side, indent: string): string => {
  const first =
    node.kind === "object" ? node.members[0]?.name.from : node.kind === "array" ? node.items[0]?.from : undefined;
  return first !== undefined && text.slice(node.from, first).includes("\n") ? indentAt(text, first) : `${indent}  `;
};

/** A value as it is written, its further lines moved to another indent. */
export const raw = ({ text, node }: Side, indent: string): string => {
  const own = indentAt(text, node.from);
  const lines = text.slice(node.from, node.to).split("\n");
  if (lines.length === 1 || own === indent) return lines.join("\n");
  return lines
    .map((line, i) => (i === 0 ? line : line.startsWith(own) ? indent + line.slice(own.length) : line))
    .join("\n");
};

/** Members or elements between brackets, spaced as the container of mine is. */
export const container = (
  { text, node }: Side,
  entries: Entry[],
  open: string,
  close: string,
  indent: string,
): string => {
  if (!entries.length) return open + close;
  const spans =
    node.kind === "object"
      ? node.members.map((m) => ({ from: m.name.from, to: m.value.to }))
      : node.kind === "array"
        ? node.items
        : [];
  const leads = spans.map((span, i) => {
    const gap = text.slice(i ? spans[i - 1]!.to : node.from + 1, span.from);
    return i ? gap.slice(gap.indexOf(",") + 1) : gap;
  });
  const first = leads[0] ?? `\n${indent}  `;
  const onLines = first.includes("\n");
  const further = leads.slice(1).find((lead) => lead.includes("\n") === onLines) ?? (onLines ? first : " ");
  const last = spans.at(-1);
  const end = last ? text.slice(last.to, node.to - 1) : `\n${indent}`;
  const parts = entries.map(({ own, text: entry }, i) => {
    const kept = own >= 0 && (own === 0) === (i === 0) ? leads[own] : undefined;
    return (kept ?? (i ? further : first)) + entry;
  });
  return open + parts.join(",") + end + close;
};
