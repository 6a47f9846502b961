import { test as bare } from "@playwright/test";
import { expect, test } from "./fixtures";
import { freePort, Server } from "./server";

test("a device that gets no document is an error, and one that has it is none", async ({ server }) => {
  const mac = "02:00:00:00:00:01";
  await expect(server.fetchAsDevice(mac)).rejects.toThrow(`${mac} got 404`);
  await server.create(mac, "{}");
  const etag = await server.fetchAsDevice(mac);
  expect(await server.fetchAsDevice(mac, etag)).toBe(etag);
  expect(await server.fetchAsDevice(mac, '"another"')).toBe(etag);
});

bare("a server that does not become ready is ended, and so is one that does not start", async () => {
  const port = await freePort();
  const nobody = `postgresql://espalier@127.0.0.1:${await freePort()}/none`;
  await expect(Server.start({ PORT: String(port), DATABASE_URL: nobody }, 2_000)).rejects.toThrow("did not start");
  await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow();
  await expect(Server.start({ PORT: "none" })).rejects.toThrow("PORT");
});
