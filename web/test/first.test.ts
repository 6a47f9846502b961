import { expect, expectAccessible, test } from "./fixtures";

test("opens, shows the sample fleet and a device", async ({ page, server }) => {
  await server.sample();
  await page.goto(server.url);
  await expect(page.getByRole("link", { name: "02:1f:5c:3a:90:11" })).toBeVisible();
  await expectAccessible(page);
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox").fill("hallway");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/#\/devices\/\d+/);
});
