import type { Column } from "../../fleet/row";

/** How the columns are called, and whether one looks at their greatest first. */
export const columnSays: Record<Column, { label: string; greatestFirst?: boolean }> = {
  mac: { label: "MAC address" },
  name: { label: "Name" },
  entity: { label: "Entity id" },
  ota: { label: "OTA" },
  sync: { label: "State", greatestFirst: true },
  lastSeen: { label: "Last seen", greatestFirst: true },
  revision: { label: "Revision", greatestFirst: true },
  updated: { label: "Changed", greatestFirst: true },
};
