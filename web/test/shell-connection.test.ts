import { expect, expectAccessible, hold, test } from "./fixtures";

const mac = "02:00:00:00:00:01";

test("a change of one is shown to the other at once, in two tabs and in two browsers", async ({
  page,
  context,
  somebodyElse,
  server,
}) => {
  await server.create(mac, '{"deviceName":"Porch"}');
  const tabs = [page, await context.newPage(), await somebodyElse()];
  for (const tab of tabs) {
    await tab.goto(server.url);
    await expect(tab.getByText("Live", { exact: true })).toBeAttached();
    await expect(tab.getByText("Porch")).toBeVisible();
  }
  await server.create("02:00:00:00:00:02", '{"deviceName":"Attic"}');
  for (const tab of tabs) await expect(tab.getByText("Attic")).toBeVisible();
  await server.fetchAsDevice(mac);
  for (const tab of tabs) await expect(tab.getByRole("row").filter({ hasText: "Porch" })).toContainText("Fetched");
});

test("a server that went away is told of plainly; when it is back, so is the page, with what it missed", async ({
  page,
  server,
}) => {
  const id = await server.create(mac, '{"deviceName":"Porch"}');
  await page.goto(server.url);
  await expect(page.getByText("Live", { exact: true })).toBeAttached();
  await expect(page.getByText("Porch")).toBeVisible();
  await server.down();
  const told = page.getByText("The server cannot be reached. What is shown may be old");
  await expect(told).toBeVisible();
  await expect(page.getByText("Connection lost", { exact: true })).toBeVisible();
  await expect(page.getByText("Porch")).toBeVisible();
  await expectAccessible(page);
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await page.setViewportSize({ width: 1280, height: 800 });
  await server.up();
  await server.api("PATCH", `api/configs/${id}`, { content: { deviceName: "Veranda" } });
  await expect(page.getByText("Veranda")).toBeVisible({ timeout: 40_000 });
  await expect(told).toBeHidden();
  await expect(page.getByText("Live", { exact: true })).toBeAttached();
});

for (const where of ["", "#/devices/1/timeline"])
  test(`what happens between the reading of ${where ? "a device" : "the fleet"} and the first event is not missed`, async ({
    page,
    server,
  }) => {
    const id = await server.create(mac, '{"deviceName":"Porch"}');
    const begin = await hold(page, "**/api/events");
    await page.goto(server.url + where);
    await expect(page.getByText("Porch").first()).toBeVisible();
    await server.api("PATCH", `api/configs/${id}`, { content: { deviceName: "Veranda" } });
    begin();
    await expect(page.getByText("Veranda").first()).toBeVisible();
    await expect(page.getByText("Live", { exact: true })).toBeAttached();
  });

test("who does not want to wait tries now", async ({ page, server }) => {
  await server.create(mac, '{"deviceName":"Porch"}');
  await page.goto(server.url);
  await expect(page.getByText("Live", { exact: true })).toBeAttached();
  await expect(page.getByText("Porch")).toBeVisible();
  await server.down("SIGKILL");
  await expect(page.getByRole("button", { name: "Try now" })).toBeVisible();
  await server.up();
  await page
    .getByRole("button", { name: "Try now" })
    .click({ timeout: 3000 })
    .catch(() => {}); // it was quicker by itself
  await expect(page.getByText("Live", { exact: true })).toBeAttached({ timeout: 40_000 });
});

test("a page that was opened while the server cannot answer comes when it can", async ({ page, server }) => {
  await page.route("**/api/server", (route) => route.abort());
  await page.goto(server.url);
  await expect(page.getByRole("heading", { level: 1, name: "The server does not answer" })).toBeVisible();
  await expectAccessible(page);
  await page.unroute("**/api/server");
  await expect(page).toHaveTitle(/^(Fleet|Welcome)/, { timeout: 40_000 });
});

test.describe("with a token", () => {
  test.use({ serverEnv: { ADMIN_TOKEN: "a-token-of-the-tests", LOG_LEVEL: "warn" } });

  test("a token that the server refuses by now is asked for anew", async ({ page, server }) => {
    await page.addInitScript(() => sessionStorage.setItem("espalier:/:token", "a-token-of-the-tests"));
    await page.goto(`${server.url}#/server`);
    await expect(page.getByText("Live", { exact: true })).toBeAttached();
    await server.down();
    server.env.ADMIN_TOKEN = "another-token-of-the-tests";
    await server.up();
    await expect(page.getByRole("heading", { level: 1, name: /Sign in/ })).toBeVisible({ timeout: 40_000 });
    await expect(page.getByLabel("Admin token")).toBeVisible();
  });
});
