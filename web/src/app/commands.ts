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

/** The commands that have every word of a text, those that start with it first. */
export const fittingCommands = (commands: readonly Command[], text: string): Command[] => {
  const start = text.trim().toLowerCase();
  const words = start.split(/\s+/);
  const starts = (command: Command) => Number(command.name.toLowerCase().startsWith(start));
  return commands
    .filter((command) => {
      const all = `${command.name} ${command.words ?? ""}`.toLowerCase();
      return words.every((word) => all.includes(word));
    })
    .sort((a, b) => starts(b) - starts(a));
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
