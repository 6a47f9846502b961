import { type Row, searchOf } from "../fleet/row";

/** Something that the palette can do. */
export interface Command {
  name: string;
  /** Other words for it. */
  words?: string;
  /** A shortcut that does the same. */
  keys?: string;
  run(): void;
}

/** Whether a command is called by what a text starts with. */
export const startsWith = (command: Command, text: string): boolean =>
  text.trim() !== "" && command.name.toLowerCase().startsWith(text.trim().toLowerCase());

/** The commands of which every word of a text begins some word, those that start with the text first. */
export const fittingCommands = (commands: readonly Command[], text: string): Command[] => {
  const asked = text.toLowerCase().split(/\s+/).filter(Boolean);
  return commands
    .filter((command) => {
      const words = `${command.name} ${command.words ?? ""}`.toLowerCase().split(/[\s:]+/);
      return asked.every((start) => words.some((word) => word.startsWith(start)));
    })
    .sort((a, b) => Number(startsWith(b, text)) - Number(startsWith(a, text)));
};

/** At most so many devices that have every word of a text, those whose name starts with it first. */
export const fittingDevices = (rows: Iterable<Row>, text: string, most: number): Row[] => {
  // A MAC address may be written with blanks between its bytes.
  const digits = /^[0-9a-f]{2}(\s+[0-9a-f]{2}){2,5}$/i.test(text.trim()) ? text.trim().replaceAll(/\s+/g, ":") : text;
  const fits = searchOf(digits);
  const start = text.trim().toLowerCase();
  const first: Row[] = [];
  const rest: Row[] = [];
  for (const row of rows) {
    if (fits && !fits(row)) continue;
    if ((row.name ?? row.entity ?? row.mac).toLowerCase().startsWith(start)) first.push(row);
    else if (rest.length < most) rest.push(row);
    if (first.length >= most) break;
  }
  return [...first, ...rest].slice(0, most);
};
