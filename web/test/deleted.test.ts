import { expect, expectAccessible, test } from "./fixtures";

const make = async (
  server: { create(mac: string, text: string): Promise<number>; api(m: string, p: string): Promise<unknown> },
  n: number,
) => {
  const ids: number[] = [];
  for (let i = 1; i <= n; i++) {
    const id = await server.create(`02:00:00:00:00:${i.toString(16).padStart(2, "0")}`, `{"deviceName":"Device ${i}"}`);
    await server.api("DELETE", `api/configs/${id}`);
    ids.push(id);
  }
  return ids;
};

test("nothing is deleted, and then somebody deletes", async ({ page, server }) => {
  await page.goto(`${server.url}#/deleted`);
  await expect(page.getByRole("heading", { name: "Nothing is deleted" })).toBeVisible();
  await expectAccessible(page);
  await make(server, 1);
  await expect(page.getByText("Device 1", { exact: true })).toBeVisible();
});

test("one is brought back by keyboard, with its history", async ({ page, server }) => {
  const [id] = await make(server, 3);
  await page.goto(`${server.url}#/deleted`);
  await expect(page.getByRole("rowheader").or(page.getByRole("row"))).toHaveCount(4);
  await expectAccessible(page);
  await page.emulateMedia({ colorScheme: "dark" });
  await expectAccessible(page);
  await page.getByLabel("Search").fill("02-00-00-00-00-01");
  await expect(page.getByRole("row")).toHaveCount(2);
  await page.getByRole("button", { name: "Undelete Device 1" }).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByText("Device 1 is back").first()).toBeVisible();
  await expect(page.getByRole("button", { name: "Undelete Device 1" })).toBeHidden();
  expect(await server.api("GET", `api/configs/${id}`)).toMatchObject({ revision: 3, device_name: "Device 1" });
  await page.getByLabel("Search").fill("nobody");
  await expect(page.getByText("Nothing that was deleted has “nobody” in its name")).toBeVisible();
  await page.getByRole("button", { name: "Show all" }).click();
  await page.getByRole("link", { name: "History of Device 2" }).click();
  await expect(page).toHaveURL(/#\/devices\/\d+\/history/);
});

test("the field to search in keeps the focus, also where a search that found nothing is cleared", async ({
  page,
  server,
}) => {
  await make(server, 3);
  await page.goto(`${server.url}#/deleted`);
  const search = page.getByLabel("Search");
  await search.fill("zzz");
  await expect(page.getByText("Nothing that was deleted has “zzz” in its name")).toBeVisible();
  await search.press("Control+a");
  await search.press("Delete");
  await expect(page.getByRole("row")).toHaveCount(4);
  await expect(search).toBeFocused();
  await page.keyboard.insertText("zzz");
  await page.getByRole("button", { name: "Show all" }).press("Enter");
  await expect(page.getByRole("row")).toHaveCount(4);
  await expect(search).toBeFocused();
});

test("several are brought back with a message, and what cannot be is told", async ({ page, server }) => {
  await make(server, 3);
  await page.goto(`${server.url}#/deleted`);
  await page.getByLabel("Choose all that are shown").check();
  await page.getByRole("button", { name: "Undelete 3" }).click();
  // One of the addresses gets another configuration meanwhile.
  await server.create("02:00:00:00:00:02", "{}");
  await page.getByLabel("Message for the history").fill("by mistake");
  await page.getByRole("dialog").getByRole("button", { name: "Undelete" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("2 devices brought back.");
  await expect(dialog).toContainText("Could not be brought back: 1 device");
  await expect(dialog.getByRole("listitem")).toContainText("Device 2");
  await expect(dialog.getByRole("listitem")).toContainText("Its MAC address has another configuration now");
  await expectAccessible(page);
  const { configs } = await server.api<{ configs: { device_name: string }[] }>("GET", "api/configs");
  expect(configs.map((config) => config.device_name).filter(Boolean)).toEqual(["Device 1", "Device 3"]);
  expect(await server.api("GET", "api/audit?action=restore&result=applied&limit=1")).toMatchObject({
    audit: [{ message: "by mistake" }],
  });
});

test("what breaks off names those that were not tried, and goes on", async ({ page, server }) => {
  await make(server, 9);
  await page.goto(`${server.url}#/deleted`);
  await page.getByLabel("Choose Device 9").check();
  await page.getByRole("button", { name: "Undelete Device 9" }).click();
  await expect(page.getByText("Device 9 is back", { exact: false }).first()).toBeVisible();
  // What is back is not chosen any more.
  await expect(page.getByRole("button", { name: /^Undelete \d+$/ })).toBeHidden();
  await page.getByLabel("Choose all that are shown").check();
  await page.getByRole("button", { name: "Undelete 8", exact: true }).click();
  let stopped = () => {};
  const stop = new Promise<void>((resolve) => {
    stopped = resolve;
  });
  await page.route("**/undelete", async (route) => {
    await stop;
    await route.continue();
  });
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Undelete" }).click();
  await dialog.getByRole("button", { name: "Stop" }).click();
  stopped();
  await expect(dialog).toContainText("4 devices brought back.");
  await expect(dialog).toContainText("Still deleted: 4 devices");
  await expect(dialog.getByRole("link", { name: "Device 1", exact: true })).toBeVisible();
  await dialog.getByRole("button", { name: "Go on with 4 devices" }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByRole("heading", { name: "Nothing is deleted" })).toBeVisible();
  expect(await server.api("GET", "api/configs")).toMatchObject({ count: 9 });
});

test("narrow, and with the server away", async ({ page, server, context }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await make(server, 2);
  await page.goto(`${server.url}#/deleted`);
  const undelete = page.getByRole("button", { name: "Undelete Device 1" });
  await expect(undelete).toBeInViewport({ ratio: 1 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await expectAccessible(page);
  await context.setOffline(true);
  await undelete.click();
  await expect(page.getByText("Device 1 could not be brought back").first()).toBeVisible();
});
