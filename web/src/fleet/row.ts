/** How a device stands to its document, from least to most known; the last is that it said that it cannot. */
export const syncs = ["unknown", "pending", "fetched", "held", "applied", "error"] as const;
export type Sync = (typeof syncs)[number];

/** What each state says, in a few words for people. */
export const syncSays: Record<Sync, { label: string; says: string }> = {
  unknown: { label: "Unknown", says: "This device was never seen." },
  pending: { label: "Pending", says: "It was seen, and has not fetched this document yet." },
  fetched: { label: "Fetched", says: "The document was served to it." },
  held: { label: "Held", says: "It proved that it has the document." },
  applied: { label: "Applied", says: "It reported that it runs the document." },
  error: { label: "Error", says: "It reported that it cannot use the document." },
};

/** One configuration and its device, as the table shows it. Times are Unix seconds. It is never changed, only replaced. */
export interface Row {
  readonly id: number;
  readonly mac: string;
  readonly name: string | null;
  readonly entity: string | null;
  readonly ota: boolean | null;
  readonly sync: Sync;
  readonly lastSeen: number | null;
  readonly revision: number;
  readonly deviceRevision: number | null;
  readonly updated: number;
  readonly overdue: boolean;
  readonly online: boolean | null;
}

export const columns = ["mac", "name", "entity", "ota", "sync", "lastSeen", "revision", "updated"] as const;
export type Column = (typeof columns)[number];

// Texts that come a hundred thousand times are kept once.
const known = Object.fromEntries(syncs.map((sync) => [sync, sync])) as Record<string, Sync>;
const flag = (value: unknown): boolean | null => (value === null ? null : value === 1);

/** The row of one line of the compact list. */
export const rowOf = (line: readonly unknown[]): Row => {
  const [id, mac, name, entity, ota, sync, lastSeen, revision, deviceRevision, updated, overdue, online] = line as [
    number,
    string,
    string | null,
    string | null,
    unknown,
    Sync,
    number | null,
    number,
    number | null,
    number,
    unknown,
    unknown,
  ];
  return {
    id,
    mac,
    name,
    entity,
    ota: flag(ota),
    sync: known[sync] ?? "unknown",
    lastSeen,
    revision,
    deviceRevision,
    updated,
    overdue: overdue === 1,
    online: flag(online),
  };
};

const beyondAscii = /[^\0-\x7f]/;

/** Text as it is compared: without case and without accents. */
const fold = (text: string): string =>
  (beyondAscii.test(text) ? text.normalize("NFD").replaceAll(/\p{M}/gu, "") : text).toLowerCase();

interface Word {
  text: string;
  /** The same as a part of aa:bb:cc:dd:ee:ff; empty where it is none. */
  mac: string;
  /** The same as a part of aabbccddeeff, where it says nothing of where a byte begins. */
  digits: string;
}

/** A word as a part of a MAC address, in any of its spellings: aa:bb, aa-bb, aabb.ccdd, AABB. */
const wordOf = (text: string): Word => {
  const found = { text, mac: "", digits: "" };
  if (!/^[-.:]?[0-9a-f]+([-.:][0-9a-f]+)*[-.:]?$/.test(text)) return found;
  const groups = text.split(/[-.:]/);
  const whole = groups.slice(0, -1).every((group, i) => group.length === 2 || (i === 0 && group.length < 2));
  if (groups.length > 1 && whole && groups.at(-1)!.length <= 2) found.mac = groups.join(":");
  else found.digits = groups.join("");
  return found;
};

/** Whether a row has all words of a query in its MAC address, name or entity id; null where nothing is asked. */
export const searchOf = (query: string): ((row: Row) => boolean) | null => {
  const words = fold(query).split(/\s+/).filter(Boolean).map(wordOf);
  if (!words.length) return null;
  return (row) => {
    const name = row.name === null ? "" : fold(row.name);
    const entity = row.entity === null ? "" : fold(row.entity);
    return words.every(
      (word) =>
        name.includes(word.text) ||
        entity.includes(word.text) ||
        (word.mac !== "" && row.mac.includes(word.mac)) ||
        (word.digits !== "" && row.mac.replaceAll(":", "").includes(word.digits)),
    );
  };
};

export interface Filter {
  q: string;
  /** Any of these; all where it is empty. */
  sync: readonly Sync[];
  overdue: boolean;
  /** null: whether connected or not. */
  online: boolean | null;
}

/** Whether a row is to be shown. */
export const matcherOf = (filter: Filter): ((row: Row) => boolean) => {
  const search = searchOf(filter.q);
  const states = filter.sync.length ? new Set<Sync>(filter.sync) : null;
  return (row) =>
    (states === null || states.has(row.sync)) &&
    (!filter.overdue || row.overdue) &&
    (filter.online === null || row.online === filter.online) &&
    (search === null || search(row));
};

export const filterRows = (rows: Iterable<Row>, filter: Filter): Row[] => {
  const matches = matcherOf(filter);
  const found: Row[] = [];
  for (const row of rows) if (matches(row)) found.push(row);
  return found;
};

const rank = Object.fromEntries(syncs.map((sync, i) => [sync, i])) as Record<Sync, number>;

/** Text so that "Sensor 9" comes before "sensor 10". */
const natural = (text: string): string =>
  fold(text).replaceAll(/\d+/g, (digits) => digits.replace(/^0+(?=\d)/, "").padStart(18, "0"));

/** What a row is put in order by; null comes last either way. */
const keyOf = (row: Row, column: Column): number | string | null => {
  switch (column) {
    case "sync":
      return rank[row.sync] + (row.overdue ? 0.5 : 0);
    case "ota":
      return row.ota === null ? null : Number(row.ota);
    case "name":
    case "entity":
      return row[column] === null ? null : natural(row[column]);
    default:
      return row[column];
  }
};

export interface Order {
  column: Column;
  descending: boolean;
}

type Keyed = readonly [key: number | string | null, row: Row];

const compare = ([x, a]: Keyed, [y, b]: Keyed, descending: boolean): number => {
  if (x !== y) {
    if (x === null) return 1;
    if (y === null) return -1;
    return x < y === descending ? 1 : -1;
  }
  return a.mac < b.mac ? -1 : a.mac > b.mac ? 1 : 0;
};

/** Rows in the order of a column; those without a value come last either way, and equals by MAC address. */
export const sortRows = (rows: readonly Row[], { column, descending }: Order): Row[] =>
  rows
    .map((row): Keyed => [keyOf(row, column), row])
    .sort((a, b) => compare(a, b, descending))
    .map(([, row]) => row);

/** Whether two rows take the same place in an order. */
export const sameIn = (a: Row, b: Row, { column }: Order): boolean =>
  a.mac === b.mac && keyOf(a, column) === keyOf(b, column);

/** Rows that are in order, with others put among them; none of these may be there already. */
export const mergeRows = (sorted: readonly Row[], others: readonly Row[], order: Order): Row[] => {
  const merged: Row[] = [];
  let from = 0;
  for (const row of sortRows(others, order)) {
    const key: Keyed = [keyOf(row, order.column), row];
    let low = from;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const there = sorted[middle]!;
      if (compare([keyOf(there, order.column), there], key, order.descending) < 0) low = middle + 1;
      else high = middle;
    }
    for (; from < low; from++) merged.push(sorted[from]!);
    merged.push(row);
  }
  for (; from < sorted.length; from++) merged.push(sorted[from]!);
  return merged;
};
