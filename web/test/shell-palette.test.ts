import type { Page } from "@playwright/test";
import { expect, expectAccessible, hold, test } from "./fixtures";
import type { Server } from "./server";

const palette = (page: Page) => page.getByRole("dialog", { name: "Go to a device, or run a command" });
const ask = async (page: Page, text: string) => {
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox").fill(text);
};
const chosen = (page: Page) => palette(page).getByRole("option", { selected: true });

test("goes to a device by its address in any spelling, and lists it among the recent ones", async ({
  page,
  server,
}) => {
  await server.sample();
  await page.goto(`${server.url}#/server`);
  await expect(page.getByRole("banner")).toBeVisible();
  await ask(page, "02-1F-5C-3A-90-11");
  await expect(palette(page).getByRole("option", { name: "02:1f:5c:3a:90:11" })).toBeVisible();
  await expectAccessible(page);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/#\/devices\/\d+/);
  await expect(page.locator("main h1")).toBeFocused();
  await page.keyboard.press("g");
  await page.keyboard.press("s");
  await expect(page).toHaveURL(/#\/server/);
  await page.keyboard.press("Control+k");
  const recent = palette(page).getByRole("group", { name: "Recent devices" });
  await expect(recent.getByRole("option")).toHaveCount(1);
  await expect(recent).toContainText("02:1f:5c:3a:90:11");
});

test("does things to the device that one is on", async ({ page, server }) => {
  const id = await server.create("02:00:00:00:00:01", '{"deviceName":"Porch"}');
  await page.goto(`${server.url}#/devices/${id}`);
  await expect(page.locator("main h1")).toBeVisible();
  await ask(page, "blame");
  await expect(chosen(page)).toContainText("blame", { ignoreCase: true });
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(new RegExp(`#/devices/${id}/blame$`));
  await ask(page, "delete porch");
  await expect(chosen(page)).toContainText("Delete");
  await page.keyboard.press("Enter");
  await expect(palette(page)).toBeHidden();
  await expect(page.getByRole("dialog").or(page.getByRole("alertdialog"))).toContainText("Porch");
});

const document = '{"deviceName":"Porch"}';

/** Opens a document, and asks for the palette, which comes when `arrive` is called. */
const askEarly = async (page: Page, server: Server) => {
  const id = await server.create("02:00:00:00:00:01", document);
  const asked = page.waitForRequest(/Palette-.*\.js/);
  const arrive = await hold(page, /Palette-.*\.js/);
  await page.goto(`${server.url}#/devices/${id}`);
  const editor = page.getByRole("textbox", { name: "Document" });
  await editor.focus();
  await page.keyboard.press("Control+k");
  await asked;
  return { editor, arrive };
};

test("what is typed before it is there is typed into it, and not into the document", async ({ page, server }) => {
  const { editor, arrive } = await askEarly(page, server);
  await page.keyboard.type("porchx");
  await page.keyboard.press("Backspace");
  await expect(editor).toHaveText(document);
  arrive();
  await expect(page.getByRole("combobox")).toHaveValue("porch");
  await page.keyboard.press("Escape");
  await expect(palette(page)).toBeHidden();
  await expect(editor).toHaveText(document);
  await page.keyboard.press("Control+k");
  await expect(page.getByRole("combobox")).toHaveValue("");
});

test("Esc ends the waiting for it, and the keys are the page's again", async ({ page, server }) => {
  const { editor, arrive } = await askEarly(page, server);
  await page.keyboard.type("po");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+End");
  await page.keyboard.type(" ");
  await expect(page.getByText("Not saved")).toBeVisible();
  const came = page.waitForResponse(/Palette-.*\.js/);
  arrive();
  await came;
  await expect(editor).toHaveText(`${document} `);
  await expect(palette(page)).toBeHidden();
});

test("says when there is nothing, and Esc leads back", async ({ page, server }) => {
  await server.sample();
  await page.goto(`${server.url}#/server`);
  const button = page.getByRole("button", { name: "Go to… a device or a command" });
  await button.click();
  await page.getByRole("combobox").fill("zzzz");
  await expect(palette(page)).toContainText("Nothing has “zzzz” in its name");
  await page.keyboard.press("Escape");
  await expect(palette(page)).toBeHidden();
  await expect(button).toBeFocused();
});

test("fits a phone", async ({ page, server }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await server.sample();
  await page.goto(server.url);
  await page.getByRole("button", { name: "Go to… a device or a command" }).click();
  await page.getByRole("combobox").fill("hall");
  await expect(palette(page).getByRole("option").first()).toBeVisible();
  const box = (await palette(page).boundingBox())!;
  expect(box.x).toBeGreaterThanOrEqual(0);
  expect(box.x + box.width).toBeLessThanOrEqual(390);
  await expectAccessible(page);
});
