import type { components } from "../../api/schema.gen";

export type Revision = components["schemas"]["Revision"];
export type Fact = components["schemas"]["Fact"];
export type Device = components["schemas"]["Device"];
export type Source = Revision["source"];

const principals: Record<string, string> = {
  token: "Admin token",
  local: "Server's machine",
  network: "Network",
  console: "Command line",
  system: "The server",
  anonymous: "Nobody known",
};

/** As whom something was done, in words. */
export const whoSays = (principal: string | null): string =>
  principal === null ? "Not known who" : (principals[principal] ?? principal);

const sources: Record<Source, string> = {
  create: "Created",
  edit: "Edited",
  import: "Imported",
  restore: "Restored",
  replace: "Hardware replaced",
  delete: "Deleted",
  adopt: "Adopted",
};

const ways: Record<string, string> = {
  token: "with the admin token",
  local: "on the server's own machine",
  network: "from the network, without a token",
  console: "on the command line of the server",
  system: "by the server itself",
};

/** As whom something was done, as the end of a sentence. */
export const byWhom = (principal: string | null): string => ways[principal ?? ""] ?? "by nobody known";

/** What a revision came from, in a word or two. */
export const sourceSays = (source: Source): string => sources[source];

/** What happened with a revision, in a few words; `before` is the one before it, where that is known. */
export const happened = (r: Revision, before?: Revision): string => {
  switch (r.source) {
    case "restore":
      return before?.source === "delete"
        ? `Undeleted, as revision ${r.restored_from} was`
        : `Restored from revision ${r.restored_from}`;
    case "replace":
      if (r.etag === null) return `Moved to ${r.other_mac_address}`;
      return `Hardware replaced: it was ${r.other_mac_address}`;
    case "adopt":
      return "Adopted: written by another program, or found at a takeover";
    default:
      return sources[r.source];
  }
};

/** A number of bytes as people read it. */
export const bytes = (n: number): string =>
  n < 1000 ? `${n} B` : n < 1_000_000 ? `${(n / 1000).toFixed(n < 10_000 ? 1 : 0)} kB` : `${(n / 1e6).toFixed(1)} MB`;

const units: readonly [seconds: number, name: string][] = [
  [86_400, "day"],
  [3600, "hour"],
  [60, "minute"],
  [1, "second"],
];

/** A length of time in its one or two largest units: "5 minutes", "1 hour 30 minutes". */
export const duration = (seconds: number): string => {
  let rest = Math.max(1, Math.round(seconds));
  const parts: string[] = [];
  for (const [size, name] of units) {
    const n = Math.floor(rest / size);
    if (!n && !parts.length) continue;
    if (n) parts.push(`${n} ${name}${n === 1 ? "" : "s"}`);
    rest -= n * size;
    if (parts.length === 2 || !n) break;
  }
  return parts.join(" ");
};

/** What people call a configuration: its name, its entity id, or its MAC address. */
export const nameOf = (c: {
  device_name: string | null;
  device_entity_id: string | null;
  mac_address: string;
}): string => c.device_name || c.device_entity_id || c.mac_address;
