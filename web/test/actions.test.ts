import { readFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { deafen, expect, expectAccessible, hold, test } from "./fixtures";

const text = '{ "deviceName" : "Porch",\r\n  "deviceEntityId":"porch", "x":1.0 }\n';
const mac = "02:00:00:00:00:01";

const openMenu = (page: Page) => page.locator("main header").getByRole("button", { name: /^Actions for/ });

test("a device is deleted and the delete is undone, by keyboard", async ({ page, server }) => {
  const id = await server.create(mac, text);
  await page.goto(`${server.url}#/devices/${id}`);
  const menu = openMenu(page);
  await menu.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("menuitem", { name: "Delete…" }).focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Delete Porch?" });
  await expect(dialog).toContainText("404");
  await expectAccessible(page);
  await page.emulateMedia({ colorScheme: "dark" });
  await expectAccessible(page);
  await page.keyboard.press("Escape");
  await expect(menu).toBeFocused();

  await page.keyboard.press("Enter");
  await page.getByRole("menuitem", { name: "Delete…" }).focus();
  await page.keyboard.press("Enter");
  await dialog.getByLabel("Message for the history").focus();
  await page.keyboard.type("broken");
  await page.keyboard.press("Enter");
  await expect(page.getByText("Porch was deleted").first()).toBeVisible();
  expect((await fetch(new URL("api/configs/02-00-00-00-00-01.json", server.url))).status).toBe(404);
  const { audit } = await server.api<{ audit: object[] }>("GET", "api/audit?action=delete");
  expect(audit[0]).toMatchObject({ message: "broken", mac_address: mac });

  await page.getByRole("button", { name: "Undo" }).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByText("Porch is back").first()).toBeVisible();
  expect(await (await fetch(new URL("api/configs/02-00-00-00-00-01.json", server.url))).text()).toBe(text);
});

test("what somebody changed meanwhile is not deleted unseen", async ({ page, server, context }) => {
  const id = await server.create(mac, text);
  await page.goto(`${server.url}#/devices/${id}`);
  await openMenu(page).click();
  await page.getByRole("menuitem", { name: "Delete…" }).click();
  const dialog = page.getByRole("dialog");
  await server.api("PUT", `api/configs/${id}`, { content: '{"deviceName":"Porch 2"}' });
  await dialog.getByRole("button", { name: "Delete" }).click();
  await expect(dialog.getByRole("alert")).toContainText("You looked at revision 1, and it is at 2 now");
  expect(await server.api("GET", `api/configs/${id}`)).toMatchObject({ revision: 2 });
  await context.setOffline(true);
  await dialog.getByRole("button", { name: "Go on all the same" }).click();
  await expect(dialog.getByRole("alert")).toContainText("The server cannot be reached");
  await context.setOffline(false);
  await server.api("PUT", `api/configs/${id}`, { content: '{"deviceName":"Porch 3"}' });
  await dialog.getByRole("button", { name: "Delete" }).click();
  await dialog.getByRole("button", { name: "Go on all the same" }).click();
  await expect(dialog).toBeHidden();
  await expect.poll(async () => (await fetch(new URL(`api/configs/${id}`, server.url))).status).toBe(404);
});

test("hardware is replaced by an address in any spelling, which is checked as it is typed", async ({
  page,
  server,
}) => {
  const id = await server.create(mac, text);
  const taken = await server.create("02:00:00:00:00:02", '{"deviceName":"Attic"}');
  await page.goto(`${server.url}#/devices/${id}`);
  const menu = openMenu(page);
  await menu.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("menuitem", { name: "Replace hardware…" }).focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Replace the hardware of Porch" });
  const address = dialog.getByLabel("MAC address of the new device");
  await expect(address).toBeFocused();
  await page.keyboard.type("0200.0000");
  await expect(address).toHaveAccessibleDescription("8 of 12 hex digits");
  await expect(address).not.toHaveAttribute("aria-invalid");
  await page.keyboard.type("x");
  await expect(address).toHaveAccessibleDescription(/“x” is no hex digit/);
  await expect(address).toHaveAttribute("aria-invalid", "true");
  await address.fill("0200.0000.0002");
  await expect(dialog.getByRole("link", { name: "Attic" })).toHaveAttribute("href", `/#/devices/${taken}`);
  await expect(dialog.getByRole("button", { name: "Replace" })).toBeDisabled();
  await expectAccessible(page);
  await address.fill("02-00-00-00-00-0A");
  await expect(address).toHaveAccessibleDescription("02:00:00:00:00:0a: no device has it yet");
  await page.keyboard.press("Enter");
  await expect(dialog).toBeHidden();
  await expect(page.locator("main").getByText("02:00:00:00:00:0a").first()).toBeVisible();
  expect(await server.api("GET", `api/configs/${id}`)).toMatchObject({ mac_address: "02:00:00:00:00:0a" });
  expect((await fetch(new URL("api/configs/02-00-00-00-00-01.json", server.url))).status).toBe(404);
  expect(await (await fetch(new URL("api/configs/02-00-00-00-00-0a.json", server.url))).text()).toBe(text);
});

test("the device's address and a command are copied, and the document is kept byte for byte", async ({
  page,
  server,
  context,
}) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const id = await server.create(mac, text);
  await page.goto(`${server.url}#/devices/${id}`);
  await openMenu(page).click();
  await page.getByRole("menuitem", { name: "Copy device URL" }).click();
  const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
  await expect.poll(clipboard).toBe(`${server.url}api/configs/02-00-00-00-00-01.json`);
  await openMenu(page).click();
  await page.getByRole("menuitem", { name: "Copy curl" }).click();
  await expect.poll(clipboard).toBe(`curl -sS -H 'X-No-Check-In: 1' '${server.url}api/configs/02-00-00-00-00-01.json'`);
  await openMenu(page).click();
  const downloading = page.waitForEvent("download");
  await page.getByRole("menuitem", { name: "Export document" }).click();
  const download = await downloading;
  expect(download.suggestedFilename()).toBe("02-00-00-00-00-01.json");
  expect(readFileSync(await download.path(), "utf8")).toBe(text);
  expect(await server.api("GET", `api/configs/${id}`)).toMatchObject({ sync: "unknown" });
});

test("dialogs fit a phone", async ({ page, server }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  const id = await server.create(mac, text);
  await page.goto(`${server.url}#/devices/${id}`);
  for (const name of ["Delete…", "Replace hardware…"]) {
    await openMenu(page).click();
    await page.getByRole("menuitem", { name }).click();
    await expect(page.getByRole("dialog")).toBeInViewport({ ratio: 1 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    await expectAccessible(page);
    await page.keyboard.press("Escape");
    await expect(openMenu(page)).toBeFocused();
  }
});

for (const { name, title, press, url, done } of [
  { name: "Delete…", title: "Delete Porch?", press: "Delete", url: /\/api\/configs\/\d+$/, done: "Porch was deleted" },
  {
    name: "Replace hardware…",
    title: "Replace the hardware of Porch",
    press: "Replace",
    url: /\/replace-device$/,
    done: "Porch is 02:00:00:00:00:0a now",
  },
])
  test(`what is being done is not called off by closing what asked for it: ${press}`, async ({ page, server }) => {
    const id = await server.create(mac, text);
    await deafen(page);
    await page.goto(`${server.url}#/devices/${id}`);
    await openMenu(page).click();
    await page.getByRole("menuitem", { name }).click();
    const dialog = page.getByRole("dialog", { name: title });
    const address = dialog.getByLabel("MAC address of the new device");
    if (press === "Replace") await address.fill("02:00:00:00:00:0a");
    // It is refused at first, as somebody is quicker.
    let release = await hold(page, url);
    await dialog.getByRole("button", { name: press, exact: true }).click();
    await expect(dialog.getByRole("button", { name: press, exact: true })).toBeDisabled();
    await expect(dialog.getByRole("button", { name: "Cancel" })).toBeDisabled();
    await page.keyboard.press("Escape");
    await dialog.getByRole("button", { name: "Close" }).click();
    await expect(dialog).toBeVisible();
    await server.api("PUT", `api/configs/${id}`, { content: '{"deviceName":"Porch","x":2}' });
    release();
    await expect(dialog.getByRole("alert")).toContainText("Somebody changed this device meanwhile");
    await page.unroute(url);

    release = await hold(page, url);
    await dialog.getByRole("button", { name: "Go on all the same" }).click();
    await expect(dialog.getByRole("button", { name: "Cancel" })).toBeDisabled();
    release();
    await expect(page.getByText(done).first()).toBeVisible();
    await expect(dialog).toBeHidden();
  });
