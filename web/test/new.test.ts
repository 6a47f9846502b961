import type { Page } from "@playwright/test";
import { deafen, expect, expectAccessible, hold, test } from "./fixtures";

const editor = (page: Page) => page.getByRole("textbox", { name: "Document" });

const put = async (page: Page, text: string) => {
  await editor(page).focus();
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Delete");
  await page.keyboard.insertText(text);
};

test("a configuration is made by keyboard, and one is there afterwards", async ({ page, server }) => {
  await page.goto(`${server.url}#/new`);
  await expect(page.getByLabel("MAC address")).toBeFocused();
  await expect(editor(page)).toContainText("deviceEntityId");
  await expectAccessible(page);
  await page.keyboard.press("Control+s");
  await expect(page.getByLabel("MAC address")).toHaveAccessibleDescription("Say which device it is for");
  await page.keyboard.type("AABB.CCDD.EE00");
  await put(page, '{"deviceName":"Porch","x":1.0}');
  await page.getByLabel("Message for the history").fill("the first");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/#\/devices\/\d+$/);
  await expect(page.getByRole("heading", { level: 1, name: "Porch" })).toBeVisible();
  const stored = await fetch(new URL("api/configs/aa-bb-cc-dd-ee-00.json", server.url));
  expect(await stored.text()).toBe('{"deviceName":"Porch","x":1.0}');
  await page.goto(`${server.url}#/new`);
  await expect(page.getByText("You had begun this one")).toBeHidden();
  await expect(page.getByLabel("MAC address")).toHaveValue("");
});

test("what is wrong is said before it is sent, and what the server says at its field", async ({ page, server }) => {
  const taken = await server.create("02:00:00:00:00:02", '{"deviceName":"Attic"}');
  await page.goto(`${server.url}#/new`);
  await page.getByLabel("MAC address").fill("02-00-00-00-00-02");
  await expect(page.getByRole("link", { name: "Attic" })).toHaveAttribute("href", `/#/devices/${taken}`);
  await page.getByLabel("MAC address").fill("02-00-00-00-00-03");
  await put(page, '{"deviceName": }');
  await page.getByRole("button", { name: "Create configuration" }).click();
  await expect(page).toHaveURL(/#\/new$/);
  expect(await server.api("GET", "api/audit?result=refused")).toMatchObject({ count: 0 });
  // The address is given away while the form stands there.
  await put(page, '{"deviceName":"Cellar"}');
  await expect(page.getByLabel("MAC address")).toHaveAccessibleDescription(/no device has it yet/);
  await server.create("02:00:00:00:00:03", '{"deviceName":"Faster"}');
  await page.getByRole("button", { name: "Create configuration" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "It was not created" })).toBeVisible();
  await expect(page.getByRole("link", { name: "Faster" })).toBeVisible();
});

test("a duplicate has every byte of the other, and a history of its own", async ({ page, server }) => {
  const text = '{ "deviceName" : "Porch",\r\n\t"deviceEntityId":"porch", "x":1.0 }\r\n';
  const id = await server.create("02:00:00:00:00:01", text);
  await page.goto(`${server.url}#/devices/${id}`);
  await page
    .locator("main header")
    .getByRole("button", { name: /^Actions for/ })
    .click();
  await page.getByRole("menuitem", { name: "Duplicate…" }).click();
  await expect(page).toHaveURL(new RegExp(`#/new\\?from=${id}$`));
  await expect(page.getByText("Change them, or two devices answer to the same")).toBeVisible();
  await page.getByLabel("MAC address").fill("020000000009");
  await expectAccessible(page);
  await page.getByRole("button", { name: "Create configuration" }).click();
  await expect(page).toHaveURL(/#\/devices\/\d+$/);
  const stored = await fetch(new URL("api/configs/02-00-00-00-00-09.json", server.url));
  expect(await stored.text()).toBe(text);
});

test("what was begun is not lost by leaving, by the back button or by a crash", async ({ page, server }) => {
  await server.sample();
  await page.goto(server.url);
  await page.locator("main").getByRole("button", { name: "New configuration" }).click();
  await page.getByLabel("MAC address").fill("02:00:00:00:00:0b");
  await put(page, '{"deviceName":"Half"}');
  await page.goBack();
  const dialog = page.getByRole("dialog", { name: "Leave without creating it?" });
  await expect(dialog).toBeVisible();
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Stay" }).click();
  await expect(page.getByLabel("MAC address")).toHaveValue("02:00:00:00:00:0b");
  await page.getByRole("link", { name: "Espalier, to the fleet" }).click();
  await dialog.getByRole("button", { name: "Leave, keep the draft" }).click();
  await expect(page).toHaveURL(/#\/$/);

  const other = await page.context().newPage();
  await other.goto(`${server.url}#/new`);
  await expect(other.getByText("You had begun this one")).toBeVisible();
  await expect(editor(other)).toContainText("Half");
  await other.close({ runBeforeUnload: false });
  const third = await page.context().newPage();
  await third.goto(`${server.url}#/new`);
  await expect(editor(third)).toContainText("Half");
  await third.getByRole("button", { name: "Start over" }).click();
  await expect(editor(third)).toContainText("deviceEntityId");
  await third.reload();
  await expect(third.getByLabel("MAC address")).toHaveValue("");
});

test("another device's document or a file can be begun with, on a phone in the dark", async ({ page, server }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.emulateMedia({ colorScheme: "dark" });
  await server.sample();
  await page.goto(`${server.url}#/new`);
  await page.getByLabel("File with the document").setInputFiles({
    name: "02-00-00-00-00-0c.json",
    mimeType: "application/json",
    buffer: Buffer.from('{"deviceName":"From a file"}'),
  });
  await expect(editor(page)).toContainText("From a file");
  await expect(page.getByLabel("MAC address")).toHaveValue("02:00:00:00:00:0c");
  await expectAccessible(page);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await page.getByLabel("Begin with the document of").fill("02:1f:5c:3a:90:11");
  await page.getByRole("button", { name: "Discard the changes" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Duplicate a configuration" })).toBeVisible();
  await expect(editor(page)).toContainText("deviceEntityId");
});

test("a file that comes in the moment in which the editor is made is in it", async ({ page, server }) => {
  const release = await hold(page, /Editor-.*\.js/);
  // The file is read as soon as the editor's element stands in the page, before anything else can happen.
  await page.addInitScript(() => {
    const read = Blob.prototype.arrayBuffer;
    Blob.prototype.arrayBuffer = async function () {
      const bytes = await read.call(this);
      await new Promise<void>((resolve) => {
        const observer = new MutationObserver(() => {
          if (!document.querySelector(".cm-editor")) return;
          observer.disconnect();
          resolve();
        });
        observer.observe(document, { childList: true, subtree: true });
      });
      return bytes;
    };
  });
  await page.goto(`${server.url}#/new`);
  await page.getByLabel("File with the document").setInputFiles({
    name: "02-00-00-00-00-0c.json",
    mimeType: "application/json",
    buffer: Buffer.from('{"deviceName":"From a file"}'),
  });
  release();
  await expect(page.getByLabel("MAC address")).toHaveValue("02:00:00:00:00:0c");
  await expect(editor(page)).toContainText("From a file");
});

test("a duplicate is filled in undisturbed while the other is saved and deleted", async ({ page, server }) => {
  const id = await server.create("02:00:00:00:00:01", '{"deviceName":"Porch"}');
  await page.goto(`${server.url}#/new?from=${id}`);
  await expect(editor(page)).toContainText("Porch");
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  await page.getByLabel("MAC address").fill("02:00:00:00:00:09");
  await put(page, '{"deviceName":"Shed"}');
  const message = page.getByLabel("Message for the history");
  await message.fill("for the shed");
  await server.api("PUT", `api/configs/${id}`, { content: '{"deviceName":"Another porch"}' });
  await expect(page.getByRole("link", { name: "Another porch" })).toBeVisible();
  await expect(message).toHaveValue("for the shed");
  await expect(message).toBeFocused();
  await expect(page.getByText("You had begun this one")).toBeHidden();

  const read = page.waitForResponse((r) => r.url().endsWith(`/api/configs/${id}`) && r.status() === 404);
  await server.api("DELETE", `api/configs/${id}`);
  await (await read).finished();
  await expect(message).toHaveValue("for the shed");
  await editor(page).focus();
  await page.keyboard.press("Control+z");
  await page.keyboard.press("Control+y");
  await expect(editor(page)).toContainText("Shed");
  await page.getByRole("button", { name: "Create configuration" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Shed" })).toBeVisible();
  const stored = await fetch(new URL("api/configs/02-00-00-00-00-09.json", server.url));
  expect(await stored.text()).toBe('{"deviceName":"Shed"}');
});

test("a copy begins with what there is now, whatever was read before", async ({ page, server }) => {
  const id = await server.create("02:00:00:00:00:01", '{"deviceName":"Porch"}');
  await deafen(page);
  await page.goto(`${server.url}#/devices/${id}`);
  await expect(editor(page)).toContainText("Porch");
  await server.api("PUT", `api/configs/${id}`, { content: '{"deviceName":"Another porch"}' });
  await page.goto(`${server.url}#/new?from=${id}`);
  await expect(page.getByRole("heading", { level: 1, name: "Duplicate a configuration" })).toBeVisible();
  await expect(editor(page)).toContainText("Another porch");
});

test("a file whose lines end in two ways is taken back, and taken again, byte for byte", async ({ page, server }) => {
  const mixed = '{\r\n"a": 1,\n"b": 2\r\n}';
  const typed = '{\n"typed": 1\n}';
  const create = async (mac: string) => {
    await page.getByLabel("MAC address").fill(mac);
    await page.getByRole("button", { name: "Create configuration" }).click();
    await expect(page.getByRole("heading", { level: 1, name: mac })).toBeVisible();
    return (await fetch(new URL(`api/configs/${mac.replaceAll(":", "-")}.json`, server.url))).text();
  };
  const begin = async () => {
    await page.goto(`${server.url}#/new`);
    await put(page, typed);
    await page.getByLabel("File with the document").setInputFiles({
      name: "mixed.json",
      mimeType: "application/json",
      buffer: Buffer.from(mixed),
    });
    await expect(editor(page)).toContainText('"b": 2');
    await editor(page).focus();
    await page.keyboard.press("Control+z");
    await expect(editor(page)).toContainText('"typed": 1');
    await expect(editor(page)).not.toContainText('"b": 2');
  };
  await begin();
  expect(await create("02:00:00:00:00:0a")).toBe(typed);
  await begin();
  await page.keyboard.press("Control+y");
  await expect(editor(page)).toContainText('"b": 2');
  // What is written then ends a line in the one way that is written.
  await page.keyboard.press("Control+End");
  await page.keyboard.press("Enter");
  expect(await create("02:00:00:00:00:0b")).toBe(`${mixed}\n`);
});
