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
  /** What a search looks at. */
  readonly text: string;
}

export type Column = "mac" | "name" | "entity" | "ota" | "sync" | "lastSeen" | "revision" | "updated";

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
    sync,
    lastSeen,
    revision,
    deviceRevision,
    updated,
    overdue: overdue === 1,
    online: flag(online),
    text: searchText(mac, name, entity),
  };
};

/** What a search looks at: a MAC address is found in any of its spellings. */
export const searchText = (mac: string, name: string | null, entity: string | null): string =>
  `${mac}\n${mac.replaceAll(":", "")}\n${name ?? ""}\n${entity ?? ""}`.toLowerCase();

/** What a search is for, as searchText has it. */
export const searchFor = (query: string): string => {
  const text = query.trim().toLowerCase();
  return /^[0-9a-f]{2}([-.:]?[0-9a-f]{1,2})*[-.:]?$/.test(text) && /[-.]/.test(text)
    ? text.replaceAll(/[-.:]/g, "")
    : text;
};

const order = { ignoreAccents: new Intl.Collator(undefined, { numeric: true, sensitivity: "base" }) };
const rank = Object.fromEntries(syncs.map((sync, i) => [sync, i])) as Record<Sync, number>;

const value = (row: Row, column: Column): number | string | null => {
  switch (column) {
    case "sync":
      return rank[row.sync] + (row.overdue ? 0.5 : 0);
    case "ota":
      return row.ota === null ? null : Number(row.ota);
    default:
      return row[column];
  }
};

/** Puts rows in the order of a column; those without a value come last either way, and equals by MAC address. */
export const sortRows = (rows: Row[], column: Column, descending: boolean): Row[] => {
  const sign = descending ? -1 : 1;
  const textual = column === "name" || column === "entity";
  return rows.sort((a, b) => {
    const x = value(a, column);
    const y = value(b, column);
    if (x !== y) {
      if (x === null) return 1;
      if (y === null) return -1;
      const by = textual ? order.ignoreAccents.compare(x as string, y as string) : x < y ? -1 : 1;
      if (by !== 0) return sign * by;
    }
    return a.mac < b.mac ? -1 : a.mac > b.mac ? 1 : 0;
  });
};

export interface Filter {
  q: string;
  sync: readonly Sync[];
  overdue: boolean;
  /** null: whether connected or not. */
  online: boolean | null;
}

export const filterRows = (rows: Iterable<Row>, filter: Filter): Row[] => {
  const q = searchFor(filter.q);
  const states = filter.sync.length ? new Set<Sync>(filter.sync) : null;
  const found: Row[] = [];
  for (const row of rows) {
    if (q && !row.text.includes(q)) continue;
    if (states && !states.has(row.sync)) continue;
    if (filter.overdue && !row.overdue) continue;
    if (filter.online !== null && row.online !== filter.online) continue;
    found.push(row);
  }
  return found;
};
