import type { Server } from "./server";

/** How many configurations seedMany makes. */
export const many = 100_000;

const hex = (n: number) => n.toString(16).padStart(2, "0");

/** The address of the n-th of them, from 0. */
export const macOf = (n: number): string =>
  `02:00:${hex((n >> 24) & 255)}:${hex((n >> 16) & 255)}:${hex((n >> 8) & 255)}:${hex(n & 255)}`;

/** Makes a hundred thousand configurations, from Sensor 0 on. */
export const seedMany = async (server: Server) => {
  const part = 25_000;
  for (let from = 0; from < many; from += part) {
    const lines = Array.from({ length: part }, (_, i) => {
      const n = from + i;
      const document = { deviceName: `Sensor ${n}`, deviceEntityId: `sensor_${n}`, enableOTA: n % 3 > 0 };
      return JSON.stringify({ mac_address: macOf(n), content: JSON.stringify(document) });
    });
    await server.api("POST", "api/import", lines.join("\n"), { "Content-Type": "application/x-ndjson" });
  }
};
