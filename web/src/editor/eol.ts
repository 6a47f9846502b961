/** How a text ends its lines: all alike, or not. */
export type LineEnds = "\n" | "\r\n" | "mixed";

export const lineEndsOf = (text: string): LineEnds => {
  const returns = text.match(/\r/g)?.length ?? 0;
  if (!returns) return "\n";
  const pairs = text.match(/\r\n/g)?.length ?? 0;
  const lines = text.match(/\n/g)?.length ?? 0;
  return pairs === returns && pairs === lines ? "\r\n" : "mixed";
};

/** The text as the editor has it, and back: every byte of it is kept. Of mixed ends the returns stay, as characters. */
export const intoEditor = (text: string, ends: LineEnds): string =>
  ends === "\r\n" ? text.replaceAll("\r\n", "\n") : text;

export const outOfEditor = (text: string, ends: LineEnds): string =>
  ends === "\r\n" ? text.replaceAll("\n", "\r\n") : text;
