import type { components } from "../../api/schema.gen";

export type AuditEntry = components["schemas"]["AuditEntry"];

/** The actions that can be asked for, and how they are called. */
export const actions = [
  ["create", "Create"],
  ["update", "Change"],
  ["patch", "Change a part"],
  ["delete", "Delete"],
  ["restore", "Restore or undelete"],
  ["replace_device", "Replace hardware"],
  ["import", "Import"],
] as const;

export const results = [
  ["applied", "Done"],
  ["unchanged", "No change"],
  ["refused", "Refused"],
] as const;

export const principals = [
  ["token", "Admin token"],
  ["local", "Server's machine"],
  ["network", "Network"],
  ["anonymous", "Nobody known"],
  ["console", "Command line"],
  ["system", "The server"],
] as const;

const did: Record<string, string> = {
  create: "created",
  update: "changed",
  patch: "changed a part of",
  delete: "deleted",
  restore: "restored",
  replace_device: "replaced the hardware of",
  import: "imported",
};

const wanted: Record<string, string> = {
  create: "create",
  update: "change",
  patch: "change a part of",
  delete: "delete",
  restore: "restore",
  replace_device: "replace the hardware of",
  import: "import",
};

const because: Record<string, string> = {
  RECORD_NOT_FOUND: "there is no such configuration",
  RECORD_EXISTS: "the device has a configuration already",
  INVALID_OPERATION: "the MAC address is not valid",
  VALIDATION_FAILED: "what was sent is not valid",
  PAYLOAD_TOO_LARGE: "the document is too large",
  PRECONDITION_FAILED: "somebody else had changed it meanwhile",
  UNAUTHORIZED: "without the right admin token",
  FORBIDDEN: "not let in from there",
  MISDIRECTED_REQUEST: "the Host header does not name this server",
  ROUTE_NOT_FOUND: "there is no such address",
  METHOD_NOT_ALLOWED: "that cannot be done there",
  UNSUPPORTED_MEDIA_TYPE: "it was sent as another type of content",
  TOO_MANY_REQUESTS: "too many wrong tokens or requests",
};

/** An attempt in words: what was done, to what (shown between), and what came of it. */
export const attemptSays = (e: AuditEntry): { did: string; to: string | null; rest: string } => {
  const device = e.mac_address ?? (e.config_id === null ? null : `configuration ${e.config_id}`);
  if (e.result === "refused") {
    const why = e.code ? (because[e.code] ?? e.code) : "";
    const what = wanted[e.action];
    return {
      did: what ? `tried to ${what}` : `tried ${e.action}`,
      to: device ?? (e.action === "import" ? "configurations" : e.target),
      rest: why ? `: ${why}` : "",
    };
  }
  if (e.result === "unchanged") return { did: "saved", to: device, rest: " as it was" };
  if (e.action === "replace_device")
    return {
      did: "replaced the hardware of",
      to: device,
      rest: e.other_mac_address ? `, which was ${e.other_mac_address}` : "",
    };
  return { did: did[e.action] ?? e.action, to: device, rest: "" };
};
