import type { Page } from "@playwright/test";
import { dialog, editorOf, mac, open, saveMerged, setText, stored, text } from "./editing";
import { Mosquitto, Postgres } from "./engines";
import { test as alone, expect, expectAccessible, guard } from "./fixtures";
import { Mqtt } from "./mqtt";
import { Server } from "./server";

// A fleet that has grown: two servers on one PostgreSQL, with a mosquitto beside them. Page is of the first server, and elsewhere
// of the second.

interface Engines {
  postgres: Postgres;
  mosquitto: Mosquitto;
}
interface Fixtures {
  second: Server;
  elsewhere: Page;
  /** The first level of the topics, and how a device connects. */
  prefix: string;
  database: string;
  connect(id: string, will?: { topic: string; payload: string }): Promise<Mqtt>;
}

const test = alone.extend<Fixtures, { engines: Engines }>({
  engines: [
    // biome-ignore lint/correctness/noEmptyPattern: the runner wants to see what a fixture needs
    async ({}, use) => {
      const postgres = await Postgres.start();
      const mosquitto = await Mosquitto.start();
      await use({ postgres, mosquitto });
      await mosquitto.stop();
      await postgres.stop();
    },
    { scope: "worker" },
  ],
  // biome-ignore lint/correctness/noEmptyPattern: as above
  prefix: async ({}, use, info) => use(`grown-${info.testId}`),
  database: async ({ engines }, use) => use(engines.postgres.database()),
  serverEnv: async ({ engines, prefix, database }, use) =>
    use({ DATABASE_URL: database, MQTT_URL: engines.mosquitto.url, MQTT_TOPIC_PREFIX: prefix }),
  // It finds the schema that the first has made.
  second: async ({ server: _first, serverEnv }, use, info) => {
    const second = await Server.start(serverEnv);
    await use(second);
    if (info.status !== info.expectedStatus)
      info.attachments.push({ name: "second server log", contentType: "text/plain", body: Buffer.from(second.log) });
    await second.stop();
  },
  elsewhere: async ({ browser, problems, second }, use) => {
    const context = await browser.newContext();
    await guard(context, second.url, problems);
    await use(await context.newPage());
    await context.close();
  },
  connect: async ({ engines }, use) => {
    const all: Mqtt[] = [];
    await use(async (id, will) => {
      const mqtt = await Mqtt.connect(engines.mosquitto.url, id, will);
      all.push(mqtt);
      return mqtt;
    });
    for (const mqtt of all) mqtt.cut();
  },
});

// The engines are the same for all tests here.
test.describe.configure({ mode: "default" });

const hex = mac.replaceAll(":", "");
const rowOf = (page: Page) => page.getByRole("row").filter({ has: page.getByText(mac, { exact: true }) });

/** Opens the fleet, and waits until it is told of changes. */
const watch = async (page: Page, server: Server) => {
  await page.goto(server.url);
  await expect(page.getByText("Live", { exact: true })).toBeAttached();
  await expect(rowOf(page)).toBeVisible();
};

const save = async (page: Page, revision: number) => {
  await page.keyboard.press("Control+s");
  await expect(page.getByRole("textbox", { name: "Message" })).toBeFocused();
  await page.keyboard.press("Control+Enter");
  await expect(page.getByText(`Revision ${revision} is saved`).first()).toBeVisible();
};

test("what is saved at one server is in the table of the other at once, and with the device's broker", async ({
  page,
  elsewhere,
  server,
  second,
  prefix,
  connect,
}) => {
  const id = await server.create(mac, text);
  const device = await connect(`esp32-${hex}`);
  await device.subscribe(`${prefix}/updates/configs`);
  await watch(elsewhere, second);
  await expect(rowOf(elsewhere)).toContainText("Hall");
  await elsewhere.evaluate(() => Object.assign(window, { opened: "once" }));

  await open(page, server, id);
  await setText(page, text.replace("Hall", "Attic"));
  await save(page, 2);
  await expect(rowOf(elsewhere)).toContainText("Attic");
  await expect(rowOf(elsewhere).getByRole("gridcell", { name: "2", exact: true })).toBeVisible();
  expect(await elsewhere.evaluate(() => (window as { opened?: string }).opened)).toBe("once");

  await expect
    .poll(() => device.on(`${prefix}/updates/configs`).map((m) => m.payload))
    .toContain(`{"filename":"${mac}.json"}`);
  const etag = (await second.fetchAsDevice(mac)).replaceAll('"', "");
  // A device that connects now is told of the newest, since the broker retains it.
  const topic = `${prefix}/devices/${hex}/config`;
  const size = Buffer.byteLength(text.replace("Hall", "Attic"));
  await expect
    .poll(async () => {
      const late = await connect(`late-${hex}`);
      await late.subscribe(topic);
      await expect.poll(() => late.on(topic).length).toBeGreaterThan(0);
      late.cut();
      return late.on(topic)[0];
    })
    .toEqual({ topic, payload: JSON.stringify({ rev: 2, etag, size }), retained: true });
  await expect(rowOf(elsewhere)).toContainText("Fetched");
});

test("two who edit the same at two servers write over nothing unseen", async ({ page, elsewhere, server, second }) => {
  const id = await server.create(mac, text);
  await open(page, server, id);
  await open(elsewhere, second, id);
  await setText(page, text.replace('"home"', '"mine"').replace("[4, 5]", "[4, 5, 6]"));
  await setText(elsewhere, text.replace('"home"', '"theirs"'));
  await save(elsewhere, 2);

  await expect(page.getByRole("alert").filter({ hasText: "Revision 2 was saved by" })).toBeVisible();
  await expect(editorOf(page)).toContainText('"mine"');
  await page.keyboard.press("Control+s");
  await expect(dialog(page)).toContainText("Revision 2 was saved while you edited");
  await page.getByRole("group", { name: "/wifi/ssid" }).getByRole("radio", { name: "Theirs" }).check();
  await saveMerged(page, 3);
  await expect(editorOf(elsewhere)).toContainText("[4, 5, 6]");
  const merged = text.replace('"home"', '"theirs"').replace("[4, 5]", "[4, 5, 6]");
  expect([await stored(server, id, 3), await stored(second, id, 3)]).toEqual([merged, merged]);
});

test("a device that loses its power is offline on every page, by its last will", async ({
  page,
  elsewhere,
  server,
  second,
  prefix,
  connect,
}) => {
  const id = await server.create(mac, text);
  await watch(elsewhere, second);
  await page.goto(`${server.url}#/devices/${id}/timeline`);
  const newest = page.getByRole("main").getByRole("listitem").first();
  await expect(newest).toContainText("Created: revision 1");
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  await expect(rowOf(elsewhere)).not.toContainText("connected");

  const topic = `${prefix}/devices/${hex}/state`;
  const device = await connect(`esp32-${hex}`, { topic, payload: "offline" });
  await device.publish(topic, "online", true);
  await expect(newest).toContainText("Connected to the broker");
  await expect(rowOf(elsewhere).getByText("connected", { exact: true })).toBeAttached();
  await expect(elsewhere.getByRole("button", { name: "Online 1" })).toBeVisible();
  await device.publish(`${prefix}/devices/${hex}/report`, '{"rev":1,"status":"applied","firmware":"2.4.1"}', false);
  await expect(newest).toContainText("Reported that it runs revision 1");
  await expect(rowOf(elsewhere)).toContainText("Applied");

  device.cut();
  await expect(newest).toContainText("Gone from the broker");
  await expect(rowOf(elsewhere).getByText("not connected", { exact: true })).toBeAttached();
  await expect(elsewhere.getByRole("button", { name: "Offline 1" })).toBeVisible();
  await expect(page.locator("main header").first()).toContainText(/offline since/);
});

test("history, blame and the fleet over time are read from PostgreSQL", async ({
  page,
  elsewhere,
  server,
  second,
  engines,
  database,
}) => {
  const id = await server.create(mac, text);
  const write = (at: Server, content: string, message: string) =>
    at.api("PUT", `api/configs/${id}`, { content }, { "X-Change-Message": message });
  await write(second, text.replace("home", "attic"), "moved upstairs");
  await write(server, text.replace("home", "attic").replace("6\n", "11\n"), "another channel");
  await page.goto(`${server.url}#/devices/${id}/history`);
  const revision = (n: number) =>
    page.getByRole("region", { name: "Revisions" }).getByRole("button", { name: new RegExp(`^Revision ${n}\\b`) });
  await expect(revision(3)).toContainText("another channel");
  await revision(2).click();
  await expect(page.getByRole("region", { name: "Differences from revision 1 to revision 2" })).toContainText("attic");

  await page.getByRole("link", { name: "Blame" }).click();
  const line = (what: string) => page.getByRole("listitem").filter({ hasText: what });
  await expect(line('"ssid"')).toContainText("moved upstairs");
  await expect(line('"channel"')).toContainText("another channel");
  await expect(line('"deviceName"')).toContainText("Created");
  await expectAccessible(page);

  // An hour ago and before that there were more.
  const sample =
    "sync_unknown, sync_pending, sync_fetched, sync_held, sync_applied, sync_error, overdue, online, offline, deleted";
  engines.postgres.sql(
    database,
    `INSERT INTO fleet_samples (minute, total, ${sample})
      SELECT extract(epoch FROM now())::bigint / 60 - ago, 40, 0, 0, 0, 0, 40 - ago / 10, ago / 10, 0, 40, 0, 0 FROM generate_series(60, 120) ago`,
  );
  await elsewhere.goto(second.url);
  await expect(elsewhere.getByRole("img", { name: /over 24 hours.*Applied 28, now 0/ })).toBeVisible();
  await elsewhere.getByRole("button", { name: "As a table" }).click();
  const rows = elsewhere.getByRole("region", { name: "Devices in each state over time" }).getByRole("row");
  await expect(rows.last()).toContainText("40");
});
