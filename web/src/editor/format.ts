import { type Node, scan } from "./scan";

/**
 * The document with each member and element on a line of its own, two spaces a level. Every key, text and number stays as it
 * is written, and in its place; only the space between them changes. null where the text is no JSON.
 */
export const formatDocument = (text: string): string | null => {
  const { root, faults } = scan(text);
  if (!root || faults.length) return null;
  const out: string[] = [];
  write(text, root, "\n", out);
  if (/[\r\n]\s*$/.test(text)) out.push("\n");
  return out.join("");
};

const write = (text: string, node: Node, line: string, out: string[]) => {
  const deeper = `${line}  `;
  if (node.kind === "object" && node.members.length) {
    node.members.forEach((member, i) => {
      out.push(i ? "," : "{", deeper, text.slice(member.name.from, member.name.to), ": ");
      write(text, member.value, deeper, out);
    });
    out.push(line, "}");
  } else if (node.kind === "array" && node.items.length) {
    node.items.forEach((item, i) => {
      out.push(i ? "," : "[", deeper);
      write(text, item, deeper, out);
    });
    out.push(line, "]");
  } else if (node.kind === "object") out.push("{}");
  else if (node.kind === "array") out.push("[]");
  else out.push(text.slice(node.from, node.to));
};
