import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { test as base, expect, type Page } from "@playwright/test";
import { ReverseProxy } from "../proxy";
import { Server } from "../server";
import { liveliness } from "./fleet";

const folder = resolve(import.meta.dirname, "../../../.build/screenshots");

interface Fleet {
  server: Server;
  hallway: number;
  failed: number;
}

// One fleet for all pictures of a worker: to make it takes a while.
const test = base.extend<object, { fleet: Fleet; empty: Server; closed: Server }>({
  fleet: [
    // biome-ignore lint/correctness/noEmptyPattern: the runner reads what a fixture needs from it
    async ({}, use) => {
      const server = await Server.start();
      await use({ server, ...(await liveliness(server)) });
      await server.stop();
    },
    { scope: "worker", timeout: 120_000 },
  ],
  empty: [
    // biome-ignore lint/correctness/noEmptyPattern: as above
    async ({}, use) => {
      const server = await Server.start();
      await use(server);
      await server.stop();
    },
    { scope: "worker" },
  ],
  closed: [
    // biome-ignore lint/correctness/noEmptyPattern: as above
    async ({}, use) => {
      const server = await Server.start({ ADMIN_TOKEN: "a-token-of-the-pictures" });
      await use(server);
      await server.stop();
    },
    { scope: "worker" },
  ],
});

const heading = (page: Page) => expect(page.locator("h1").first()).toBeVisible();
const editor = (page: Page) => page.getByRole("textbox", { name: "Document" });
const open = async (page: Page, server: Server, path: string) => {
  await page.goto(`${server.url}#${path}`);
  await heading(page);
};
const change = async (page: Page, from: string, to: string) => {
  await expect(editor(page)).toBeVisible();
  const text = await (
    await fetch(new URL(`api/configs/${page.url().match(/devices\/(\d+)/)![1]}/revisions/4/document`, page.url()))
  ).text();
  await editor(page).focus();
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText(text.replace(from, to));
};

const views: [string, (page: Page, fleet: Fleet) => Promise<void>][] = [
  ["fleet", (page, { server }) => open(page, server, "/")],
  [
    "fleet-bulk",
    async (page, { server }) => {
      await open(page, server, "/");
      for (let i = 0; i < 3; i++)
        await page
          .getByRole("checkbox", { name: /^Select / })
          .nth(i + 1)
          .click();
      await page
        .getByRole("region", { name: "Selected devices" })
        .getByRole("button", { name: /value/i })
        .first()
        .click();
      await expect(page.getByRole("dialog")).toBeVisible();
    },
  ],
  [
    "fleet-selection",
    async (page, { server }) => {
      await open(page, server, "/?sync=applied");
      for (let i = 0; i < 3; i++)
        await page
          .getByRole("checkbox", { name: /^Select / })
          .nth(i + 1)
          .click();
    },
  ],
  [
    "document",
    async (page, { server, failed }) => {
      await open(page, server, `/devices/${failed}`);
      await expect(editor(page)).toBeVisible();
    },
  ],
  [
    "document-problems",
    async (page, { server, hallway }) => {
      await open(page, server, `/devices/${hallway}`);
      await expect(editor(page)).toBeVisible();
      await editor(page).focus();
      await page.keyboard.press("Control+a");
      await page.keyboard.insertText(
        '{\n  "deviceName": "Hall",\n  "deviceName": "Hallway",\n  "offset": 1e400,\n  "wifi": {\n    "ssid" "Attic"\n  }\n}\n',
      );
      await expect(page.getByRole("region", { name: "Problems" })).toBeVisible();
    },
  ],
  [
    "save",
    async (page, { server, hallway }) => {
      await open(page, server, `/devices/${hallway}`);
      await change(page, '"Attic"', '"Cellar"');
      await page.keyboard.press("Control+s");
      await expect(page.getByRole("dialog")).toBeVisible();
      await expect(
        page.getByRole("dialog").locator(".cm-changedLine, .cm-insertedLine, .cm-mergeView").first(),
      ).toBeVisible();
    },
  ],
  ["timeline", (page, { server, hallway }) => open(page, server, `/devices/${hallway}/timeline`)],
  [
    "history",
    async (page, { server, hallway }) => {
      await open(page, server, `/devices/${hallway}/history?from=1&to=4`);
      await expect(page.locator(".cm-content").first()).toBeVisible();
    },
  ],
  ["blame", (page, { server, hallway }) => open(page, server, `/devices/${hallway}/blame`)],
  ["new", (page, { server }) => open(page, server, "/new")],
  [
    "import",
    async (page, { server }) => {
      await open(page, server, "/import");
      await page
        .locator('input[type="file"]:not([webkitdirectory])')
        .first()
        .setInputFiles([
          {
            name: "aa-bb-cc-00-00-01.json",
            mimeType: "application/json",
            buffer: Buffer.from('{"deviceName":"Shed"}'),
          },
          {
            name: "aa-bb-cc-00-00-02.json",
            mimeType: "application/json",
            buffer: Buffer.from('{"deviceName":"Shed","deviceName":2}'),
          },
          { name: "notes.json", mimeType: "application/json", buffer: Buffer.from("{}") },
          {
            name: "02-1f-5c-3a-90-11.json",
            mimeType: "application/json",
            buffer: Buffer.from('{"deviceName":"Hallway"}'),
          },
        ]);
      await expect(page.getByText("aa-bb-cc-00-00-02.json").first()).toBeVisible();
    },
  ],
  ["deleted", (page, { server }) => open(page, server, "/deleted")],
  ["audit", (page, { server }) => open(page, server, "/audit")],
  ["server", (page, { server }) => open(page, server, "/server")],
  [
    "palette",
    async (page, { server, hallway }) => {
      await open(page, server, `/devices/${hallway}`);
      await page.keyboard.press("Control+k");
      await page.getByRole("combobox").fill("ha");
      await expect(page.getByRole("option").first()).toBeVisible();
    },
  ],
  [
    "shortcuts",
    async (page, { server }) => {
      await open(page, server, "/");
      await page.keyboard.press("?");
      await expect(page.getByRole("dialog")).toBeVisible();
    },
  ],
];

const take = async (page: Page, name: string, show: () => Promise<void>) => {
  mkdirSync(folder, { recursive: true });
  for (const colorScheme of ["light", "dark"] as const)
    for (const [width, height] of [
      [1280, 800],
      [390, 844],
    ] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.setViewportSize({ width, height });
      await page.goto("about:blank");
      await page.evaluate(() => {});
      await show();
      await expect(page.getByRole("status", { name: /^(Reading|Loading|Connecting)/ })).toHaveCount(0);
      await page.evaluate(() => document.fonts.ready);
      await page.screenshot({ path: `${folder}/${name}-${colorScheme}-${width}.png` });
    }
};

for (const [name, show] of views) test(name, async ({ page, fleet }) => take(page, name, () => show(page, fleet)));

test("conflict", async ({ page, fleet }) => {
  const { server } = fleet;
  const text = '{\n  "deviceName": "Lamp",\n  "wifi": {\n    "ssid": "home",\n    "channel": 6\n  }\n}\n';
  const id = await server.create("02:00:00:00:10:01", text);
  let revision = 1;
  await take(page, "conflict", async () => {
    await open(page, server, `/devices/${id}`);
    await expect(editor(page)).toBeVisible();
    await editor(page).focus();
    await page.keyboard.press("Control+a");
    await page.keyboard.insertText(text.replace('"home"', `"mine ${revision}"`));
    await server.api("PATCH", `api/configs/${id}`, {
      content: { wifi: { ssid: `theirs ${revision}`, channel: revision } },
    });
    revision++;
    await expect(page.getByRole("alert").first()).toBeVisible();
    await page.keyboard.press("Control+s");
    await expect(page.getByRole("dialog")).toBeVisible();
  });
});
test("welcome", ({ page, empty }) => take(page, "welcome", () => open(page, empty, "/")));
test("sign-in", async ({ page, closed }) => {
  // Whoever comes through a proxy is somebody from the network.
  const proxy = await ReverseProxy.start("/", closed.url);
  await take(page, "sign-in", async () => {
    await page.goto(proxy.url);
    await heading(page);
  });
  await proxy.stop();
});
