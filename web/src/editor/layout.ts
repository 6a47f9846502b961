/** The tokens of JSON text: brackets, commas, colons, strings with their quotes, and runs of anything else. */
const token = /"(?:[^"\\]|\\.)*"?|[{}[\],:]|[^\s{}[\],:"]+/gsu;

/** The text without the space between its tokens: equal texts differ in layout only. */
export const withoutLayout = (text: string): string => (text.match(token) ?? []).join(" ");

/** Whether two texts differ, and in nothing but spaces and line breaks between values. */
export const onlyLayoutDiffers = (a: string, b: string): boolean => a !== b && withoutLayout(a) === withoutLayout(b);

/** The text with each member and element on a line of its own; every token stays as it is written, and so does its place. */
export const laidOut = (text: string): string => {
  const tokens = text.match(token) ?? [];
  let out = "";
  let depth = 0;
  const line = () => {
    out += `\n${"  ".repeat(Math.max(depth, 0))}`;
  };
  tokens.forEach((t, i) => {
    const opened = tokens[i - 1] === "{" || tokens[i - 1] === "[";
    if (t === "}" || t === "]") {
      depth--;
      if (!opened) line();
    } else if (opened) line();
    out += t;
    if (t === "{" || t === "[") depth++;
    else if (t === ",") line();
    else if (t === ":") out += " ";
  });
  return out.length ? `${out}\n` : out;
};

/** Whether people cannot read it as it is: everything in a few long lines. */
export const isDense = (text: string): boolean => text.split("\n").some((line) => line.length > 400);
