import type { Page } from "@playwright/test";
import { expect, expectAccessible, test } from "./fixtures";
import type { Server } from "./server";

const mac = "02:1f:5c:3a:90:11";

// A fleet to which something has happened: states, a history, an error at a line, one that was deleted.
const fill = async (server: Server) => {
  await server.sample();
  const { id } = await server
    .api<{ id: number }>("GET", `api/configs?mac_address=${mac}`)
    .then((list) => (list as unknown as { configs: { id: number }[] }).configs[0]!);
  await server.fetchAsDevice(mac);
  await server.api(
    "PATCH",
    `api/configs/${id}`,
    { content: { audio: { volume: 0.4 } } },
    { "X-Change-Message": "quieter" },
  );
  await server.fetchAsDevice(mac);
  await server.reportAsDevice(mac, {
    rev: 2,
    status: "error",
    code: "E_RANGE",
    path: "/audio/volume",
    message: "too low",
  });
  const gone = await server.create("02:00:00:00:00:99", '{"deviceName":"Cellar"}');
  await server.api("DELETE", `api/configs/${gone}`);
  return id;
};

const views: { name: string; path: string; ready(page: Page): Promise<void> }[] = [
  { name: "fleet", path: "/", ready: (page) => expect(page.getByRole("link", { name: mac })).toBeVisible() },
  { name: "document", path: "/devices/ID", ready: (page) => expect(page.locator(".cm-content").first()).toBeVisible() },
  {
    name: "timeline",
    path: "/devices/ID/timeline",
    ready: (page) => expect(page.getByText("E_RANGE").first()).toBeVisible(),
  },
  {
    name: "history",
    path: "/devices/ID/history",
    ready: (page) => expect(page.getByText("quieter").first()).toBeVisible(),
  },
  { name: "blame", path: "/devices/ID/blame", ready: (page) => expect(page.getByText("volume").first()).toBeVisible() },
  { name: "new", path: "/new", ready: async () => {} },
  { name: "import", path: "/import", ready: async () => {} },
  { name: "deleted", path: "/deleted", ready: (page) => expect(page.getByText("Cellar").first()).toBeVisible() },
  { name: "audit", path: "/audit", ready: (page) => expect(page.getByText("quieter").first()).toBeVisible() },
  { name: "server", path: "/server", ready: (page) => expect(page.getByText("ADMIN_TOKEN").first()).toBeVisible() },
];

for (const { name, path, ready } of views)
  test(`${name}: axe finds nothing in both themes, and it fits a phone`, async ({ page, server }) => {
    const id = await fill(server);
    await page.goto(`${server.url}#${path.replace("ID", String(id))}`);
    for (const [width, height] of [
      [1280, 800],
      [390, 844],
    ] as const) {
      await page.setViewportSize({ width, height });
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        await expect(page.locator("html")).toHaveAttribute("data-theme", colorScheme);
        await expect(page.locator("main h1")).toHaveCount(1);
        await ready(page);
        await expectAccessible(page);
      }
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    }
  });
