/** Where the JSON value that begins at `from` ends. The text must be valid JSON there. */
const endOf = (text: string, from: number): number => {
  let depth = 0;
  for (let i = from; i < text.length; i++) {
    const c = text[i];
    if (c === '"') {
      i = endOfString(text, i) - 1;
      if (depth === 0) return i + 1;
    } else if (c === "{" || c === "[") depth++;
    else if (c === "}" || c === "]") {
      if (depth === 0) return i;
      if (--depth === 0) return i + 1;
    } else if (depth === 0 && (c === "," || /\s/.test(c!))) return i;
  }
  return text.length;
};

const endOfString = (text: string, from: number): number => {
  for (let i = from + 1; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === '"') return i + 1;
  }
  return text.length;
};

const skip = (text: string, from: number): number => {
  let i = from;
  while (i < text.length && /[\s,:]/.test(text[i]!)) i++;
  return i;
};

/** The text of each value of a JSON array, byte for byte. Throws a SyntaxError where the text is no JSON array. */
export const arraySlices = (text: string): string[] => {
  if (!Array.isArray(JSON.parse(text))) throw new SyntaxError("not an array");
  const found: string[] = [];
  for (let i = skip(text, text.indexOf("[") + 1); text[i] !== "]"; i = skip(text, i)) {
    const end = endOf(text, i);
    found.push(text.slice(i, end));
    i = end;
  }
  return found;
};

/** The text of each value of a JSON object, byte for byte. Throws a SyntaxError where the text is no JSON object. */
export const objectSlices = (text: string): Map<string, string> => {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new SyntaxError("not an object");
  const found = new Map<string, string>();
  for (let i = skip(text, text.indexOf("{") + 1); text[i] !== "}"; i = skip(text, i)) {
    const nameEnd = endOfString(text, i);
    const name = JSON.parse(text.slice(i, nameEnd)) as string;
    const start = skip(text, nameEnd);
    i = endOf(text, start);
    found.set(name, text.slice(start, i));
  }
  return found;
};
