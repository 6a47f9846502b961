import type { Page } from "@playwright/test";
import { withNewest } from "../src/pages/device/reading";
import { byDay, daySays, merge } from "../src/pages/device/timeline";
import { duration, type Fact, type Revision } from "../src/pages/device/words";
import { expect, expectAccessible, test } from "./fixtures";
import type { Server } from "./server";
import { expectAccessibleInBothThemes } from "./themes";

const mac = "02:00:00:00:00:01";
const text = `{
  "deviceName": "Hall lamp",
  "deviceEntityId": "hall_lamp",
  "wifi": { "ssid": "home" },
  "volume": 3
}
`;

const open = async (page: Page, server: Server, path = ""): Promise<number> => {
  const id = await server.create(mac, text);
  await page.goto(`${server.url}#/devices/${id}${path}`);
  await expect(page.getByRole("heading", { level: 1, name: "Hall lamp" })).toBeVisible();
  return id;
};

const change = (server: Server, id: number, content: object, message = "") =>
  server.api("PATCH", `api/configs/${id}`, { content }, message ? { "X-Change-Message": message } : {});

const noSideways = async (page: Page) => {
  const widths = await page.evaluate(() =>
    [document.documentElement, document.querySelector("main")!].map((e) => e.scrollWidth - e.clientWidth),
  );
  expect(widths).toEqual([0, 0]);
};

test("says what the device has against what it should have, as it changes", async ({ page, server }) => {
  const id = await open(page, server);
  const header = page.locator("main header").first();
  await expect(header).toContainText("This device was never seen. It should have revision 1");
  await expect(header).toContainText("hall_lamp");

  await server.fetchAsDevice(mac);
  await expect(header).toContainText("revision 1 was served to it");
  await expect(header).toContainText("127.0.0.1");
  await server.reportAsDevice(mac, { status: "applied", rev: 1, firmware: "2.4.1" });
  await expect(header).toContainText("that it runs revision 1");
  await expect(header).toContainText("2.4.1");
  await change(server, id, { volume: 4 });
  await expect(header).toContainText(/It has revision 1.*and should have revision 2, written/);
  await expect(page.getByRole("status").filter({ hasText: "Pending:" })).toHaveCount(1);
  await server.reportAsDevice(mac, { status: "error", rev: 2, code: "E_RANGE", path: "/volume", message: "too loud" });
  await expect(header).toContainText(/that it cannot use revision 2: too loud.*\/volume/);

  await expectAccessibleInBothThemes(page);
});

test("copies its address and hands out commands that say what they do", async ({ page, server }) => {
  await open(page, server);
  await page.getByRole("button", { name: "Copy the MAC address" }).click();
  await expect(page.getByText("MAC address copied").first()).toBeVisible();
  const button = page.getByRole("button", { name: "URL and curl" });
  await button.click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("api/configs/02-00-00-00-00-01.json");
  await expect(dialog).toContainText("Leaves no trace");
  await expect(dialog).toContainText("curl -sS -H 'X-No-Check-In: 1' 'http");
  await expect(dialog).toContainText("Counts as a check-in of the device");
  await expectAccessible(page);
  await page.keyboard.press("Escape");
  await expect(button).toBeFocused();
});

test("its tabs are reached by keys", async ({ page, server }) => {
  const id = await open(page, server, "/history");
  for (const [key, path, name] of [
    ["t", "/timeline", "Timeline"],
    ["b", "/blame", "Blame"],
    ["h", "/history", "History"],
    ["d", "", "Document"],
  ] as const) {
    await page.keyboard.press("t");
    await page.keyboard.press(key);
    await expect(page).toHaveURL(new RegExp(`#/devices/${id}${path}$`));
    const tabs = page.getByRole("navigation", { name: "Of this device" });
    await expect(tabs.getByRole("link", { name })).toHaveAttribute("aria-current", "page");
    await expect(page).toHaveTitle(/Hall lamp/);
  }
});

test("goes to the device before and behind it in the fleet", async ({ page, server }) => {
  await server.create("02:00:00:00:00:02", '{"deviceName":"Second"}');
  await server.create(mac, text);
  await page.goto(server.url);
  await page.getByRole("link", { name: mac }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Hall lamp" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Previous device in the fleet" })).toBeDisabled();
  await page.getByRole("button", { name: "Next device in the fleet" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Second" })).toBeVisible();
  await page.keyboard.press("Shift+K");
  await expect(page.getByRole("heading", { level: 1, name: "Hall lamp" })).toBeVisible();
});

test("goes through the fleet as its table was searched and sorted", async ({ page, server }) => {
  for (const [n, name] of ["Hall 3", "Porch", "Hall 1", "Hall 2"].entries())
    await server.create(`02:00:00:00:00:0${n + 1}`, JSON.stringify({ deviceName: name }));
  await page.goto(`${server.url}#/?q=hall&sort=name`);
  await page.getByRole("link", { name: "02:00:00:00:00:04" }).click();
  const title = page.getByRole("heading", { level: 1 });
  await expect(title).toHaveText("Hall 2");
  const next = page.getByRole("button", { name: "Next device in the fleet, as it is filtered" });
  await next.click();
  await expect(title).toHaveText("Hall 3");
  await expect(next).toBeDisabled();
  await page.keyboard.press("Shift+K");
  await expect(title).toHaveText("Hall 2");
  await page.keyboard.press("Shift+K");
  await expect(title).toHaveText("Hall 1");
  await expect(page.getByRole("button", { name: "Previous device in the fleet" })).toBeDisabled();
  // One that the table leaves out has neighbours all the same: those that it would stand between.
  await page.goto(`${server.url}#/devices/2`);
  await expect(title).toHaveText("Porch");
  await expect(next).toBeDisabled();
  await page.keyboard.press("Shift+K");
  await expect(title).toHaveText("Hall 3");
});

test("says so when somebody else deletes it, and brings it back", async ({ page, server }) => {
  const id = await open(page, server, "/timeline");
  await server.api("DELETE", `api/configs/${id}`, undefined, { "X-Change-Message": "sold" });
  const notice = page.getByRole("alert");
  await expect(notice).toContainText("This configuration was deleted");
  await expect(notice).toContainText("“sold”");
  await expectAccessible(page);
  await notice.getByRole("button", { name: "Undelete" }).click();
  await expect(page.getByText("Hall lamp is back, as revision 3").first()).toBeVisible();
  await expect(page.getByRole("alert")).toHaveCount(0);
  await expect(page.getByText("Undeleted, as revision 1 was")).toBeVisible();
});

test("the history of a deleted one can be looked at", async ({ page, server }) => {
  const id = await server.create(mac, text);
  await server.api("DELETE", `api/configs/${id}`);
  await page.goto(`${server.url}#/devices/${id}`);
  await expect(page.getByRole("heading", { level: 1, name: "Hall lamp" })).toBeVisible();
  await expect(page.getByRole("heading", { name: "There is no document now" })).toBeVisible();
  await page.getByRole("link", { name: "Look at its history" }).click();
  await expect(page.getByRole("heading", { name: "What revision 2 changed" })).toBeVisible();
  await expect(page.getByRole("button", { name: /Restore/ })).toHaveCount(0);
  await page.getByRole("button", { name: "Undelete" }).click();
  await expect(page.getByRole("navigation", { name: "Of this device" })).toBeVisible();
  await expect(page.locator("main header").first()).toContainText("It should have revision 3");
});

test("says that there never was such a configuration", async ({ page, server }) => {
  await page.goto(`${server.url}#/devices/4711`);
  await expect(page.getByRole("heading", { level: 1, name: "There is no configuration 4711" })).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("link", { name: "To the fleet", exact: true }).click();
  await expect(page).toHaveURL(/#\/$/);
});

test("tells what happened, as it happens", async ({ page, server }) => {
  const id = await open(page, server, "/timeline");
  const entries = page.getByRole("main").getByRole("listitem");
  await expect(entries.first()).toContainText("Created: revision 1");
  const etag = await server.fetchAsDevice(mac);
  await expect(entries.first()).toContainText("Fetched revision 1");
  await server.fetchAsDevice(mac, etag);
  await expect(entries.first()).toContainText("Proved that it has revision 1");
  await server.reportAsDevice(mac, { status: "applied", rev: 1, firmware: "2.4.1" });
  await expect(entries.first()).toContainText("Reported that it runs revision 1");
  await expect(entries.first()).toContainText("firmware 2.4.1");
  await change(server, id, { volume: 11 }, "louder");
  await expect(entries.first()).toContainText("louder");
  await server.reportAsDevice(mac, { status: "error", rev: 2, code: "E_RANGE", path: "/volume", message: "too loud" });
  await expect(entries.first()).toContainText("Reported that it cannot use revision 2");
  await expect(entries.first()).toContainText("too loud");
  await expect(entries.first()).toContainText(/Code E_RANGE\s*at \/volume/);
  await expect(page.getByRole("heading", { name: "Today" })).toBeVisible();

  await expectAccessibleInBothThemes(page);

  await page.getByRole("button", { name: "Errors" }).click();
  await expect(entries).toHaveCount(1);
  await page.reload();
  await expect(entries).toHaveCount(1);
  await page.getByRole("button", { name: "Connections" }).click();
  await page.getByRole("button", { name: "Errors" }).click();
  await expect(page.getByRole("heading", { name: "Nothing of this kind has happened" })).toBeVisible();
  await page.getByRole("button", { name: "Show everything" }).click();
  await expect(entries).toHaveCount(6);

  await entries.first().getByRole("link", { name: "revision 2" }).click();
  await expect(page).toHaveURL(/\/history\?to=2/);
  await page.goBack();
  await entries.first().getByRole("link", { name: "Show the line in the document" }).click();
  await expect(page).toHaveURL(new RegExp(`#/devices/${id}$`));
  await expect(page.getByRole("textbox", { name: /document/i }).first()).toBeVisible();
});

test("answers what the device had at a time", async ({ page, server }) => {
  await open(page, server, "/timeline");
  await server.fetchAsDevice(mac);
  await expect(page.getByText("Fetched revision 1")).toBeVisible();
  const at = page.getByLabel("At this time");
  await page.getByRole("button", { name: "Look" }).click();
  await expect(page.getByText("It is not known what it had")).toBeVisible();
  const local = await page.evaluate(() => new Date(Date.now() + 60_000).toISOString().slice(0, 16));
  await at.evaluate((input) => input.removeAttribute("max"));
  await at.fill(local);
  await page.getByRole("button", { name: "Look" }).click();
  await expect(page.getByText("It had revision 1: it was served to it")).toBeVisible();
  await page.getByRole("link", { name: "Look at it" }).click();
  await expect(page).toHaveURL(/history\?to=1/);
});

test("has room on a phone", async ({ page, server }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  const id = await open(page, server);
  await server.fetchAsDevice(mac);
  await server.reportAsDevice(mac, { status: "error", rev: 1, code: "E".repeat(64), path: `/${"p".repeat(200)}` });
  for (const tab of ["", "/timeline", "/history", "/history?to=1", "/blame"]) {
    await page.goto(`${server.url}#/devices/${id}${tab}`);
    await expect(page.locator("main").getByText("Reading").first()).toBeHidden();
    await expect(page.getByText(/Last seen/).first()).toBeVisible();
    await noSideways(page);
  }
  await page.locator("summary", { hasText: "Last seen" }).first().click();
  await expect(page.getByText("Rhythm")).toBeVisible();
  await expectAccessible(page);
});

test("shows an error of the server, and reads again", async ({ page, server }) => {
  const id = await server.create(mac, text);
  await page.goto(server.url);
  await expect(page.getByRole("link", { name: mac })).toBeVisible();
  await page.route(`**/api/configs/${id}`, (route) => route.abort());
  await page.getByRole("link", { name: mac }).click();
  await expect(page.getByRole("heading", { name: "The configuration could not be read" })).toBeVisible();
  await page.unroute(`**/api/configs/${id}`);
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Hall lamp" })).toBeVisible();
});

const revision = (n: number, at: string) => ({ revision: n, created_at: at, source: "edit" }) as Revision;
const fact = (id: number, at: string, kind: Fact["kind"] = "fetched") => ({ id, at, kind }) as Fact;

test("a timeline has no gaps where one of its logs was read less far", () => {
  const revisions = [revision(3, "2026-01-09T00:00:00Z"), revision(2, "2026-01-05T00:00:00Z")];
  const facts = [fact(9, "2026-01-08T00:00:00Z"), fact(8, "2026-01-01T00:00:00Z", "lost")];
  const keys = (moreRevisions: boolean, moreFacts: boolean) => {
    const { entries, next } = merge({ items: revisions, more: moreRevisions }, { items: facts, more: moreFacts });
    return [...entries.map((e) => e.key), next];
  };
  expect(keys(false, false)).toEqual(["r3", "f9", "r2", "f8", null]);
  expect(keys(true, false)).toEqual(["r3", "f9", "r2", "revisions"]);
  expect(keys(false, true)).toEqual(["r3", "f9", "r2", "f8", "facts"]);
  expect(merge({ items: [], more: false }, { items: [], more: false })).toEqual({ entries: [], next: null });
});

test("days are those of the computer", () => {
  const { entries } = merge(
    { items: [revision(2, "2026-01-02T10:00:00Z"), revision(1, "2026-01-01T10:00:00Z")], more: false },
    { items: [], more: false },
  );
  expect(byDay(entries).map((d) => [d.day, d.entries.length])).toEqual([
    ["2026-01-02", 1],
    ["2026-01-01", 1],
  ]);
  const now = new Date(2026, 0, 2, 12);
  expect(daySays("2026-01-02", now)).toBe("Today");
  expect(daySays("2026-01-01", now)).toBe("Yesterday");
  expect(daySays("2025-12-31", now)).toContain("2025");
});

test("what is new is put before what was read, and never over a gap", () => {
  const number = (n: number) => n;
  const was = { of: "a", items: [9, 8, 7, 6], next: "older" };
  expect(withNewest(was, "a", { items: [11, 10, 9, 8], next: "x" }, number)).toEqual({
    of: "a",
    items: [11, 10, 9, 8, 7, 6],
    next: "older",
  });
  expect(withNewest(was, "a", { items: [13, 12], next: "x" }, number)).toEqual({ of: "a", items: [13, 12], next: "x" });
  expect(withNewest(was, "b", { items: [10, 9], next: "x" }, number).items).toEqual([10, 9]);
  expect(withNewest(was, "a", { items: [], next: undefined }, number).items).toEqual([]);
});

test("lengths of time are said in two units at most", () => {
  const said = [1, 60, 90, 3600, 5400, 86_400, 90_061, 0.2].map(duration);
  expect(said).toEqual([
    "1 second",
    "1 minute",
    "1 minute 30 seconds",
    "1 hour",
    "1 hour 30 minutes",
    "1 day",
    "1 day 1 hour",
    "1 second",
  ]);
});
