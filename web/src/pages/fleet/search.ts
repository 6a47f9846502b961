import { stored } from "../../api/session";
import { type Column, type Sync, syncs } from "../../fleet/row";

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

const columns: readonly Column[] = ["mac", "name", "entity", "ota", "sync", "lastSeen", "revision", "updated"];

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
