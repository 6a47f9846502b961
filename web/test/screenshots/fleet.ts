import { execFile, execFileSync } from "node:child_process";
import { join } from "node:path";
import type { Server } from "../server";

interface Listed {
  id: number;
  mac_address: string;
  device_name: string | null;
  device_entity_id: string | null;
}

const rest = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const message = (text: string) => ({ "X-Change-Message": text });

/** A fleet to which something has happened; `hallway` is the id of a device with a history, and `porch` of one that failed. */
export const liveliness = async (server: Server): Promise<{ hallway: number; failed: number }> => {
  await server.sample();
  const { configs } = await server.api<{ configs: Listed[] }>("GET", "api/configs?limit=100");
  const hallway = configs.find((c) => c.device_entity_id === "hallway_intercom")!;
  const others = configs.filter((c) => c !== hallway);
  const failed = others[3]!;

  await past(server, configs.length);
  // Not every machine has the letters of these.
  for (const c of configs.filter((c) => /[^\0-\u024f’]/.test(c.device_name ?? ""))) {
    const deviceName = c.device_entity_id!.replaceAll(
      /(^|_)(.)/g,
      (_, gap, letter) => (gap && " ") + letter.toUpperCase(),
    );
    await server.api("PATCH", `api/configs/${c.id}`, { content: { deviceName } });
  }

  // Three ask in a rhythm, and then no more.
  const silent = others.slice(-3);
  const rhythm = (async () => {
    for (let i = 0; i < 4; i++) {
      await Promise.all(silent.map((c) => server.fetchAsDevice(c.mac_address)));
      await rest(5200);
    }
  })();

  for (const [i, c] of others.slice(0, -3).entries()) {
    if (i % 7 === 6) continue; // never seen
    const etag = await server.fetchAsDevice(c.mac_address);
    if (i % 7 === 5) continue; // it fetches, and says no more
    if (i % 7 === 4) await server.fetchAsDevice(c.mac_address, etag);
    else if (c !== failed) await server.reportAsDevice(c.mac_address, { rev: 1, status: "applied", firmware: "1.4.2" });
    if (i % 3 === 0) online(server, c.mac_address, i % 9 === 0 ? "offline" : "online");
  }
  const edit = (id: number, change: object, why: string) =>
    server.api("PATCH", `api/configs/${id}`, { content: change }, message(why));

  await server.fetchAsDevice(hallway.mac_address);
  await server.reportAsDevice(hallway.mac_address, { rev: 1, status: "applied", firmware: "1.4.2" });
  await edit(hallway.id, { audio: { volume: 0.4 } }, "quieter at night");
  await server.fetchAsDevice(hallway.mac_address);
  await server.reportAsDevice(hallway.mac_address, { rev: 2, status: "applied", firmware: "1.4.2" });
  await edit(hallway.id, { wifi: { ssid: "Attic", channel: 11 }, audio: { volume: 0.55 } }, "the new access point");
  await edit(hallway.id, { mqtt: { keepalive: 30 }, ntp: ["ptbtime1.ptb.de", "pool.ntp.org"] }, "own time server");
  await server.fetchAsDevice(hallway.mac_address);

  await edit(failed.id, { interval: 86_400, sensors: { motion: { pin: 99 } } }, "measure once a day");
  await server.fetchAsDevice(failed.mac_address);
  await server.reportAsDevice(failed.mac_address, {
    rev: 2,
    status: "error",
    code: "E_RANGE",
    path: "/interval",
    message: "must be at most 3600",
    firmware: "1.4.2",
  });
  for (const c of others.slice(8, 11)) await edit(c.id, { logLevel: "warn" }, "less traffic");

  for (const [mac, name] of [
    ["02:1f:5c:00:00:01", "Garden Pump"],
    ["02:1f:5c:00:00:02", "Old Doorbell"],
  ]) {
    const id = await server.create(mac!, JSON.stringify({ deviceName: name }, null, 2));
    await server.api("DELETE", `api/configs/${id}`, undefined, message("sold with the house"));
  }
  await server.api("PUT", `api/configs/${hallway.id}`, { content: '{"a":1,"a":2}' }).catch(() => {}); // refused, for the audit
  await rhythm;
  await rest(16_000);
  return { hallway: hallway.id, failed: failed.id };
};

// By what Debian's mosquitto-clients has; without it nothing is known of connections.
const online = (server: Server, mac: string, state: string) => {
  const id = mac.replaceAll(":", "");
  execFile(
    "mosquitto_pub",
    ["-h", "127.0.0.1", "-p", String(server.mqttPort), "-i", `esp32-${id}`, "-q", "1", "-r"].concat([
      "-t",
      `iotsupport/devices/${id}/state`,
      "-m",
      state,
    ]),
    () => {},
  );
};

// A day of samples, as a server that ran that long would have taken them; without sqlite3 the picture has only now.
const past = async (server: Server, total: number) => {
  const now = Math.floor(Date.now() / 60_000);
  const lines = [];
  for (let ago = 1439; ago > 0; ago--) {
    const minute = now - ago;
    const rollout = ago < 420 && ago > 330 ? Math.round(((ago - 330) / 90) * 16) : 0;
    const error = ago < 200 ? 1 : 0;
    const unknown = ago > 900 ? 6 : ago > 300 ? 4 : 3;
    const held = 2 + (Math.floor(ago / 160) % 2);
    const fetched = Math.min(3, total - rollout - error - unknown - held);
    const applied = total - unknown - rollout - fetched - held - error;
    const overdue = ago % 480 < 90 ? 3 : 1;
    lines.push(`(${[minute, total, unknown, rollout, fetched, held, applied, error, overdue, 12, 2, 0].join(",")})`);
  }
  await server.down();
  try {
    execFileSync("sqlite3", [join(server.folder, "data/espalier.db")], {
      input: `INSERT OR REPLACE INTO fleet_samples VALUES ${lines.join(",")};`,
    });
  } catch {
    // The picture is then shorter.
  }
  await server.up();
};
