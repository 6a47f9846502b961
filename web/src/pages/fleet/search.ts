import { stored } from "../../api/session";
import { type Column, columns, type Filter, type Order, type Sync, syncs } from "../../fleet/row";

/** What the address bar says of the fleet's table. What is as usual is not there. */
export interface FleetSearch {
  q?: string;
  /** States, with commas between. */
  sync?: string;
  overdue?: boolean;
  online?: boolean;
  sort?: Column;
  desc?: boolean;
}

/** Reads a search of the address bar; what cannot be understood is left out. */
export const fleetSearch = (s: Record<string, unknown>): FleetSearch => {
  const found: FleetSearch = {};
  if (s.q !== undefined && s.q !== "") found.q = String(s.q);
  const states = String(s.sync ?? "")
    .split(",")
    .filter((state): state is Sync => (syncs as readonly string[]).includes(state));
  if (states.length) found.sync = states.join(",");
  if (s.overdue === true || s.overdue === "true") found.overdue = true;
  if (typeof s.online === "boolean") found.online = s.online;
  if (columns.includes(s.sort as Column) && s.sort !== "mac") found.sort = s.sort as Column;
  if (s.desc === true) found.desc = true;
  return found;
};

/** Which rows a search asks for. */
export const filterOf = (search: FleetSearch): Filter => ({
  q: search.q ?? "",
  sync: (search.sync?.split(",") ?? []) as Sync[],
  overdue: search.overdue ?? false,
  online: search.online ?? null,
});

/** In which order a search asks for them. */
export const orderOf = (search: FleetSearch): Order => ({
  column: search.sort ?? "mac",
  descending: search.desc ?? false,
});

/** Whether not all rows are asked for. */
export const isFiltered = ({ q, sync, overdue, online }: FleetSearch): boolean =>
  Boolean(q || sync || overdue) || online !== undefined;

/** Keeps how the table was looked at last. */
export const rememberFleetSearch = (search: FleetSearch) => {
  const text = JSON.stringify(search);
  stored.write("fleet", text === "{}" ? null : text);
};

/** How the table was looked at last. */
export const rememberedFleetSearch = (): FleetSearch => {
  try {
    return fleetSearch(JSON.parse(stored.read("fleet") ?? "{}"));
  } catch {
    return {};
  }
};
