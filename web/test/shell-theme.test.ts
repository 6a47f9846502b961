import type { Page } from "@playwright/test";
import { expect, hold, test } from "./fixtures";

const dark = "rgb(17, 21, 19)";
const light = "rgb(247, 246, 242)";
const background = (page: Page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
const choose = async (page: Page, name: string) => {
  await page.getByRole("button", { name: "Theme" }).click();
  await page.getByRole("menuitemradio", { name }).click();
};

test("goes by the system, and by what is chosen, which is kept", async ({ page, server }) => {
  await page.emulateMedia({ colorScheme: "dark" });
  await page.goto(server.url);
  await expect.poll(() => background(page)).toBe(dark);
  await page.emulateMedia({ colorScheme: "light" });
  await expect.poll(() => background(page)).toBe(light);
  await choose(page, "Dark");
  await expect.poll(() => background(page)).toBe(dark);
  await expect(page.locator('meta[name="theme-color"]')).toHaveAttribute("content", "#181d1a");
  await page.reload();
  await expect.poll(() => background(page)).toBe(dark);
  await page.getByRole("button", { name: "Theme" }).click();
  await expect(page.getByRole("menuitemradio", { name: "Dark" })).toHaveAttribute("aria-checked", "true");
  await page.getByRole("menuitemradio", { name: "As the system" }).click();
  await expect.poll(() => background(page)).toBe(light);
});

test("what one tab chooses, the others show", async ({ page, context, server }) => {
  await page.emulateMedia({ colorScheme: "light" });
  await page.goto(server.url);
  const other = await context.newPage();
  await other.emulateMedia({ colorScheme: "light" });
  await other.goto(server.url);
  await expect.poll(() => background(other)).toBe(light);
  await choose(page, "Dark");
  await expect.poll(() => background(other)).toBe(dark);
});

test("the chosen theme is there before the page's own script is", async ({ page, server }) => {
  await page.emulateMedia({ colorScheme: "light" });
  await page.addInitScript(() => localStorage.setItem("espalier:/:theme", "dark"));
  // The page's script is cut off: what is shown now is what anybody sees first.
  await page.route(/assets\/index-[^/]*\.js$/, (route) => route.abort());
  await page.goto(server.url);
  await expect.poll(() => background(page)).toBe(dark);
  await expect(page.locator("#root")).toBeEmpty();
});

const moving = (page: Page) =>
  page.evaluate(() => document.getAnimations().filter((a) => a.playState === "running").length);

test("nothing moves for who asked for that", async ({ page, server }) => {
  await page.emulateMedia({ reducedMotion: "reduce" });
  await page.goto(`${server.url}#/server`);
  await expect(page.getByRole("banner")).toBeVisible();
  await page.keyboard.press("Control+k");
  await expect(page.getByRole("dialog")).toBeVisible();
  const slow = await page.evaluate(() =>
    [...document.querySelectorAll("*")]
      .map((element) => getComputedStyle(element))
      .flatMap((style) => [...style.transitionDuration.split(","), ...style.animationDuration.split(",")])
      .filter((duration) => Number.parseFloat(duration) > 0.001),
  );
  expect(slow).toEqual([]);
  await expect.poll(() => moving(page)).toBe(0);
});

test("what is on its way stands still for them too", async ({ page, server }) => {
  const answer = await hold(page, "**/api/server");
  await page.emulateMedia({ reducedMotion: "no-preference" });
  await page.goto(`${server.url}#/server`);
  await expect(page.getByLabel("Connecting to the server")).toBeAttached();
  await expect.poll(() => moving(page)).toBeGreaterThan(0);
  await page.emulateMedia({ reducedMotion: "reduce" });
  await expect.poll(() => moving(page)).toBe(0);
  answer();
  await expect(page.getByRole("heading", { level: 1, name: "Server" })).toBeVisible();
});
