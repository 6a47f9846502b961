/** What the address bar says of the list. */
export interface AuditSearch {
  mac?: string;
  action?: string;
  result?: string;
  principal?: string;
  address?: string;
  request?: string;
  since?: string;
  until?: string;
}

/** The same as the server takes it. */
export const auditParams = (s: AuditSearch): Record<string, string> =>
  Object.fromEntries(
    (
      [
        ["mac_address", s.mac],
        ["action", s.action],
        ["result", s.result],
        ["principal", s.principal],
        ["address", s.address],
        ["correlation_id", s.request],
        ["since", s.since],
        ["until", s.until],
      ] as const
    ).filter((pair): pair is readonly [(typeof pair)[0], string] => !!pair[1]),
  );

/** A time as an input of the browser has it: without a zone, in that of the computer. */
export const localTime = (iso: string | undefined): string => {
  const at = iso ? new Date(iso) : null;
  if (!at || Number.isNaN(at.getTime())) return "";
  const two = (n: number) => String(n).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
};

/** The time that such an input means, as the server takes it; undefined where there is none. */
export const isoTime = (local: string): string | undefined => {
  const at = new Date(local);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString().replace(/\.\d+Z$/, "Z");
};
