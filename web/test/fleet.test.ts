import type { Page } from "@playwright/test";
import { expect, expectAccessible, test } from "./fixtures";
import type { Server } from "./server";

const mac = (n: number) => `02:00:00:00:00:${n.toString(16).padStart(2, "0")}`;

/** Makes some configurations: Sensor 1 to `count`. */
const seed = async (server: Server, count: number) => {
  const lines = Array.from({ length: count }, (_, i) =>
    JSON.stringify({
      mac_address: mac(i + 1),
      content: JSON.stringify({
        deviceName: `Sensor ${i + 1}`,
        deviceEntityId: `sensor_${count - i}`,
        enableOTA: true,
      }),
    }),
  );
  await server.api("POST", "api/import", lines.join("\n"), { "Content-Type": "application/x-ndjson" });
};

const names = (page: Page) => page.locator('[role="row"][data-id] [role="gridcell"]:nth-child(3)');
const rowOf = (page: Page, name: string) =>
  page.getByRole("row").filter({ has: page.getByText(name, { exact: true }) });
const summary = (page: Page) => page.getByTestId("summary");

test("searches, filters and sorts; choices stand in the address and are remembered", async ({ page, server }) => {
  await seed(server, 12);
  await server.fetchAsDevice(mac(3));
  await server.fetchAsDevice(mac(11));
  await page.goto(server.url);
  await expect(summary(page)).toHaveText("12 devices");
  await expect(names(page).first()).toHaveText("Sensor 1");

  await page.keyboard.press("/");
  await page.keyboard.type("0200.0000.000b");
  await expect(names(page)).toHaveText(["Sensor 11"]);
  await expect(summary(page)).toHaveText("1 of 12");
  await page.keyboard.press("Escape");
  await expect(summary(page)).toHaveText("12 devices");

  await page.getByRole("button", { name: /^Name/ }).click();
  await page.getByRole("button", { name: /^Name/ }).click();
  await expect(page.getByRole("columnheader", { name: "Name" })).toHaveAttribute("aria-sort", "descending");
  await expect(names(page).first()).toHaveText("Sensor 12");
  await page.getByRole("button", { name: "Fetched 2" }).click();
  await expect(names(page)).toHaveText(["Sensor 11", "Sensor 3"]);
  await expect(page).toHaveURL(/sync=fetched/);

  // The bare page is as one left it; so is a new tab.
  await page.getByRole("link", { name: "Server" }).click();
  await page.getByRole("link", { name: "Fleet", exact: true }).click();
  await expect(names(page)).toHaveText(["Sensor 11", "Sensor 3"]);
  const other = await page.context().newPage();
  await other.goto(server.url);
  await expect(names(other)).toHaveText(["Sensor 11", "Sensor 3"]);
  await expect(other).toHaveURL(/sort=name/);
  await other.close();

  await page.getByRole("searchbox").fill("nothing of this name");
  await expect(page.getByRole("heading", { name: "No device fits" })).toBeVisible();
  // There is no row to go to, and no error of a script.
  await page.keyboard.press("ArrowDown");
  await page.getByRole("button", { name: "Clear search and filters" }).press("Enter");
  await expect(summary(page)).toHaveText("12 devices");
  await expect(page.getByRole("searchbox")).toBeFocused();
  await page.reload();
  await expect(names(page).first()).toHaveText("Sensor 12");
});

test("goes through the devices by keyboard, and comes back to where one was", async ({ page, server }) => {
  await seed(server, 60);
  await page.goto(server.url);
  await expect(names(page).first()).toHaveText("Sensor 1");
  await page.keyboard.press("j");
  await expect(rowOf(page, "Sensor 1")).toBeFocused();
  await page.keyboard.press("j");
  await page.keyboard.press("ArrowDown");
  await expect(rowOf(page, "Sensor 3")).toBeFocused();
  await page.keyboard.press("k");
  await page.keyboard.press("x");
  await expect(rowOf(page, "Sensor 2")).toHaveAttribute("aria-selected", "true");
  await page.keyboard.press("Shift+ArrowDown");
  await page.keyboard.press("Shift+ArrowDown");
  await expect(page.getByRole("region", { name: "Selected devices" })).toContainText("3 selected");
  await page.keyboard.press("Control+a");
  await expect(page.getByRole("region", { name: "Selected devices" })).toContainText("60 selected");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("region", { name: "Selected devices" })).toBeHidden();
  await page.keyboard.press("End");
  await expect(rowOf(page, "Sensor 60")).toBeFocused();
  await expect(rowOf(page, "Sensor 60")).toBeInViewport();
  await page.keyboard.press("PageUp");
  await expect(rowOf(page, "Sensor 60")).not.toBeFocused();
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/#\/devices\/\d+/);
  await page.goBack();
  await expect(rowOf(page, "Sensor 60")).toBeFocused();
  await expect(rowOf(page, "Sensor 60")).toBeInViewport();
  await page.keyboard.press("Home");
  await expect(rowOf(page, "Sensor 1")).toBeFocused();
  await expect(rowOf(page, "Sensor 1")).toBeInViewport();
});

test("selects by the pointer: one, a stretch, all", async ({ page, server }) => {
  await seed(server, 8);
  await page.goto(server.url);
  const bar = page.getByRole("region", { name: "Selected devices" });
  await page.getByRole("checkbox", { name: "Select Sensor 2" }).click();
  await page.getByRole("checkbox", { name: "Select Sensor 5" }).click({ modifiers: ["Shift"] });
  await expect(bar).toContainText("4 selected");
  await rowOf(page, "Sensor 7").click({ modifiers: ["Shift"] });
  await expect(bar).toContainText("6 selected");
  await page.getByRole("searchbox").fill("00:01");
  await expect(bar).toContainText("6 selected (6 not shown)");
  await page.getByRole("checkbox", { name: "Select all that are shown" }).click();
  await expect(bar).toContainText("7 selected (6 not shown)");
  await bar.getByRole("button", { name: "Clear the selection" }).click();
  await expect(bar).toBeHidden();
  await rowOf(page, "Sensor 1").getByText("Sensor 1").click();
  await expect(page).toHaveURL(/#\/devices\/\d+/);
});

test("shows at once what devices and others do, and does not move rows that one looks at", async ({ page, server }) => {
  await seed(server, 5);
  await page.goto(`${server.url}#/?sort=lastSeen&desc=true`);
  await expect(names(page).first()).toHaveText("Sensor 1");
  await server.fetchAsDevice(mac(3));
  await expect(rowOf(page, "Sensor 3")).toContainText("Fetched");
  await expect(names(page).first()).toHaveText("Sensor 3");
  await expect(page.getByRole("button", { name: "Fetched 1" })).toBeVisible();

  await rowOf(page, "Sensor 1").hover();
  await server.reportAsDevice(mac(5), { etag: await server.fetchAsDevice(mac(5)), status: "applied" });
  await expect(rowOf(page, "Sensor 5")).toContainText("Applied");
  await expect(names(page)).toHaveText(["Sensor 3", "Sensor 1", "Sensor 2", "Sensor 4", "Sensor 5"]);
  await server.create(mac(6), '{"deviceName": "Sensor 6"}');
  await expect(page.getByRole("button", { name: "2 changed, show" })).toBeVisible();
  await page.getByRole("button", { name: "2 changed, show" }).click();
  await expect(page.getByRole("button", { name: /changed, show/ })).toBeHidden();
  await expect(names(page)).toHaveCount(6);

  await server.api("PATCH", `api/configs/${await idOf(server, mac(2))}`, { content: { deviceName: "Renamed" } });
  await expect(rowOf(page, "Renamed")).toBeVisible();
  await server.api("DELETE", `api/configs/${await idOf(server, mac(4))}`);
  await expect(rowOf(page, "Sensor 4")).toBeHidden();
  await expect(summary(page)).toHaveText("5 devices");
});

test("what shows the changed rows stays until the pointer has come to it", async ({ page, server }) => {
  await seed(server, 3);
  await page.goto(`${server.url}#/?sort=name&desc=true`);
  await rowOf(page, "Sensor 1").hover();
  await server.create(mac(9), '{"deviceName": "Sensor 9"}');
  const show = page.getByRole("button", { name: "1 changed, show" });
  await expect(show).toBeVisible();
  const { x, y, width, height } = (await show.boundingBox())!;
  await page.mouse.move(x + width / 2, y + height / 2, { steps: 8 });
  await page.evaluate(async () => {
    for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
  });
  await expect(names(page)).toHaveText(["Sensor 3", "Sensor 2", "Sensor 1"]);
  await page.mouse.down();
  await page.mouse.up();
  await expect(names(page)).toHaveText(["Sensor 9", "Sensor 3", "Sensor 2", "Sensor 1"]);
  // Nobody looks at the rows now.
  await server.create(mac(8), '{"deviceName": "Sensor 8"}');
  await expect(names(page).nth(1)).toHaveText("Sensor 8");

  await rowOf(page, "Sensor 1").hover();
  await server.create(mac(7), '{"deviceName": "Sensor 7"}');
  await expect(show).toBeVisible();
  await page.getByRole("searchbox").hover();
  await page.getByRole("heading", { level: 1 }).hover();
  await expect(names(page).nth(2)).toHaveText("Sensor 7");
});

test("who is at a row that somebody deletes goes on at the next, and rows move again when one looks elsewhere", async ({
  page,
  server,
}) => {
  await seed(server, 4);
  await page.goto(`${server.url}#/?sort=name&desc=true`);
  await rowOf(page, "Sensor 3").focus();
  await server.api("DELETE", `api/configs/${await idOf(server, mac(3))}`);
  await expect(rowOf(page, "Sensor 2")).toBeFocused();
  await page.keyboard.press("j");
  await expect(rowOf(page, "Sensor 1")).toBeFocused();
  await server.api("DELETE", `api/configs/${await idOf(server, mac(1))}`);
  await expect(rowOf(page, "Sensor 2")).toBeFocused();
  await page.getByRole("searchbox").focus();
  await server.create(mac(9), '{"deviceName": "Sensor 9"}');
  await expect(names(page)).toHaveText(["Sensor 9", "Sensor 4", "Sensor 2"]);
});

test("nothing holds the rows of a search that found nothing meanwhile", async ({ page, server }) => {
  await seed(server, 3);
  await page.goto(server.url);
  await rowOf(page, "Sensor 1").focus();
  await page.keyboard.press("/");
  await page.keyboard.type("sensor_2");
  await expect(names(page)).toHaveText(["Sensor 2"]);
  await page.keyboard.press("Enter");
  await expect(rowOf(page, "Sensor 2")).toBeFocused();
  await server.api("DELETE", `api/configs/${await idOf(server, mac(2))}`);
  await expect(page.getByRole("heading", { name: "No device fits" })).toBeVisible();
  for (const n of [22, 21]) await server.create(mac(n), `{"deviceName": "Sensor ${n}", "deviceEntityId": "sensor_2"}`);
  await expect(names(page)).toHaveText(["Sensor 21", "Sensor 22"]);
});

test("what changed shines once, wherever its row goes then", async ({ page, server }) => {
  await seed(server, 3);
  await page.addInitScript(() => {
    const seen = Object.assign(window, { begun: 0, ended: 0 });
    document.addEventListener("animationstart", ({ animationName }) => /shine/.test(animationName) && seen.begun++);
    document.addEventListener("animationend", ({ animationName }) => /shine/.test(animationName) && seen.ended++);
  });
  const shone = () =>
    page.evaluate(async () => {
      for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
      const { begun, ended } = window as unknown as { begun: number; ended: number };
      return { begun, ended };
    });
  await page.goto(server.url);
  await expect(rowOf(page, "Sensor 2")).toContainText("Unknown");
  await expect(page.getByText("Live", { exact: true })).toBeAttached();
  await server.fetchAsDevice(mac(2));
  await expect(rowOf(page, "Sensor 2")).toContainText("Fetched");
  await expect.poll(async () => (await shone()).ended).toBeGreaterThan(0);
  await expect
    .poll(async () => {
      const { begun, ended } = await shone();
      return begun - ended;
    })
    .toBe(0);
  const { begun } = await shone();
  await page.evaluate(() => {
    const rows = [...document.querySelectorAll('[role="row"][data-id]')];
    rows[0]!.parentElement!.append(rows[1]!);
  });
  expect((await shone()).begun).toBe(begun);
});

const idOf = async (server: Server, address: string): Promise<number> =>
  (await server.api<{ configs: { id: number }[] }>("GET", `api/configs?q=${address}`)).configs[0]!.id;

test("the revision shows what the device has instead", async ({ page, server }) => {
  await seed(server, 1);
  await server.reportAsDevice(mac(1), { etag: await server.fetchAsDevice(mac(1)), status: "applied" });
  await server.api("PATCH", `api/configs/${await idOf(server, mac(1))}`, { content: { interval: 5 } });
  await page.goto(server.url);
  await expect(page.getByText("has 1, should have")).toBeAttached();
  await expect(rowOf(page, "Sensor 1")).toContainText("Pending");
});

test("the fleet over time: a picture, the same as a table, and it stays closed", async ({ page, server }) => {
  await seed(server, 3);
  await server.fetchAsDevice(mac(2));
  await page.goto(server.url);
  await expect(page.getByRole("img", { name: /Fetched .*now 1/ })).toBeVisible();
  await page.getByRole("radio", { name: "7 days" }).check();
  await expect(page.getByRole("img", { name: /over 7 days/ })).toBeVisible();
  await page.getByRole("button", { name: "As a table" }).click();
  const now = page.getByRole("region", { name: "Devices in each state over time" }).getByRole("row").nth(1);
  await expect(now).toContainText("3");
  await expectAccessible(page);
  await page.getByRole("button", { name: "Over time" }).click();
  await expect(page.getByRole("radio", { name: "7 days" })).toBeHidden();
  await page.reload();
  await expect(summary(page)).toHaveText("3 devices");
  await expect(page.getByRole("radio", { name: "7 days" })).toBeHidden();
});

test("says so when the fleet cannot be read, and reads it when it can", async ({ page, server }) => {
  await seed(server, 2);
  await page.route("**/api/fleet/devices", (route) => route.abort());
  await page.goto(server.url);
  await expect(page.getByRole("alert")).toContainText("The fleet could not be read");
  await page.unroute("**/api/fleet/devices");
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(names(page)).toHaveText(["Sensor 1", "Sensor 2"]);
});

for (const colorScheme of ["light", "dark"] as const)
  for (const width of [1280, 390])
    test(`is accessible, ${colorScheme}, ${width} wide`, async ({ page, server }) => {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 844 });
      await seed(server, 30);
      await server.reportAsDevice(mac(1), { etag: await server.fetchAsDevice(mac(1)), status: "applied" });
      await server.reportAsDevice(mac(2), { etag: await server.fetchAsDevice(mac(2)), status: "error" });
      await server.fetchAsDevice(mac(3));
      await page.goto(server.url);
      await expect(rowOf(page, "Sensor 2")).toContainText("Error");
      await page.getByRole("checkbox", { name: "Select Sensor 1", exact: true }).click();
      await page.getByRole("button", { name: "Error 1" }).click();
      await expect(names(page)).toHaveText(["Sensor 2"]);
      await expectAccessible(page);
      const wide = await page.evaluate(
        () => document.documentElement.scrollWidth > document.documentElement.clientWidth,
      );
      expect(wide).toBe(false);
      if (width > 390) return;
      await page.getByRole("button", { name: "Clear", exact: true }).click();
      await page.getByRole("button", { name: /^Sorted by/ }).click();
      await page.getByRole("menuitem", { name: "Name" }).click();
      await page.getByRole("button", { name: /^Sorted by/ }).click();
      await page.getByRole("menuitem", { name: "Name" }).click();
      await expect(names(page).first()).toHaveText("Sensor 30");
    });

test("what goes when it is pressed leaves the keys to the search", async ({ page, server }) => {
  await seed(server, 3);
  await page.goto(`${server.url}#/?sort=name&desc=true&sync=unknown`);
  await expect(names(page)).toHaveCount(3);
  const clear = page.getByRole("button", { name: "Clear", exact: true });
  await clear.focus();
  await clear.press("Enter");
  await expect(clear).toBeHidden();
  await expect(page.getByRole("searchbox")).toBeFocused();

  await page.getByRole("checkbox", { name: "Select Sensor 1", exact: true }).click();
  await server.create(mac(9), '{"deviceName": "Sensor 9"}');
  const show = page.getByRole("button", { name: "1 changed, show" });
  await show.focus();
  await show.press("Enter");
  await expect(names(page).first()).toHaveText("Sensor 9");
  await expect(page.getByRole("searchbox")).toBeFocused();
});
