import { expect, expectAccessible, test } from "./fixtures";

test.beforeEach(async ({ page, server }) => {
  await server.sample();
  await page.goto(`${server.url}#/server`);
  await expect(page.getByRole("banner")).toBeVisible();
});

test("two keys go to a page each, and one makes a configuration", async ({ page }) => {
  for (const [second, path] of [
    ["a", "/audit"],
    ["i", "/import"],
    ["d", "/deleted"],
    ["s", "/server"],
    ["f", "/"],
  ] as const) {
    await page.keyboard.press("g");
    await page.keyboard.press(second);
    await expect(page).toHaveURL(new RegExp(`#${path}(\\?.*)?$`));
  }
  await page.keyboard.press("n");
  await expect(page).toHaveURL(/#\/new$/);
});

test("the second of two keys does nothing else", async ({ page }) => {
  await page.keyboard.press("g");
  await page.keyboard.press("n");
  await page.keyboard.press("g");
  await page.keyboard.press("a");
  await expect(page).toHaveURL(/#\/audit/);
  await page.goBack();
  await expect(page).toHaveURL(/#\/server/);
});

test("/ goes to the search of the fleet from everywhere, and what is typed there is text", async ({ page }) => {
  await page.keyboard.press("/");
  await expect(page).toHaveURL(/#\/$/);
  const search = page.getByRole("searchbox").first();
  await expect(search).toBeFocused();
  await page.keyboard.type("n?g a/");
  await expect(search).toHaveValue("n?g a/");
  await expect(page).toHaveURL(/#\/(\?|$)/);
  await expect(page.getByRole("dialog")).toBeHidden();
});

test("? lists every shortcut, and Esc goes back to where one was", async ({ page }) => {
  await page.getByRole("button", { name: "New configuration" }).focus();
  await page.keyboard.press("?");
  const list = page.getByRole("dialog", { name: "Keyboard shortcuts" });
  await expect(list).toBeVisible();
  await expect(list.getByText("Search the fleet")).toBeVisible();
  await expectAccessible(page);
  await page.keyboard.press("n");
  await expect(page).toHaveURL(/#\/server/);
  await page.keyboard.press("Escape");
  await expect(list).toBeHidden();
  await expect(page.getByRole("button", { name: "New configuration" })).toBeFocused();
});

test("single letters can be turned off, for good; those with Ctrl go on", async ({ page }) => {
  await page.keyboard.press("?");
  await page.getByRole("checkbox", { name: "Single letters and signs do things" }).uncheck();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
  await page.reload();
  await expect(page.getByRole("banner")).toBeVisible();
  await page.keyboard.press("n");
  await page.keyboard.press("g");
  await page.keyboard.press("a");
  await page.keyboard.press("Control+k");
  await expect(page.getByRole("dialog", { name: "Go to a device" })).toBeVisible();
  await expect(page).toHaveURL(/#\/server/);
  await page.keyboard.press("Escape");

  await page.getByRole("link", { name: "Fleet", exact: true }).click();
  const rows = page.locator('[role="row"][data-id]');
  await rows.first().focus();
  await page.keyboard.press("x");
  await page.keyboard.press("j");
  await expect(rows.first()).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/#\/devices\/\d+/);
  await expect(page.getByRole("navigation", { name: "Of this device" })).toBeVisible();
  const address = page.url();
  await page.keyboard.press("Shift+J");
  await page.goBack();
  await expect(rows.first()).toBeFocused();
  await expect(page.getByRole("region", { name: "Selected devices" })).toBeHidden();
  await page.goForward();
  await expect(page).toHaveURL(address);
});

test("a key does not press what has the focus twice", async ({ page }) => {
  await page.getByRole("button", { name: "More" }).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("menuitem", { name: "Keyboard shortcuts" })).toBeVisible();
  await page.keyboard.press("n");
  await expect(page).toHaveURL(/#\/server/);
});
