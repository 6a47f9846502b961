import type { Page } from "@playwright/test";
import { expect, expectAccessible, test } from "./fixtures";
import type { Server } from "./server";

const open = async (page: Page, server: Server, hash = "") => {
  await page.goto(server.url + hash);
  await expect(page.getByRole("link", { name: "Espalier, to the fleet" })).toBeVisible();
};

test("each page gives the tab its title and takes the focus to its heading", async ({ page, server }) => {
  await server.sample();
  await open(page, server);
  await expect(page).toHaveTitle("Fleet · Espalier");
  const pages = page.getByRole("navigation", { name: "Pages" });
  for (const name of ["Import", "Deleted", "Audit", "Server", "Fleet"]) {
    await pages.getByRole("link", { name }).click();
    await expect(page).toHaveTitle(new RegExp(`${name}.* · Espalier$`));
    await expect(page.locator("main h1")).toBeFocused();
    await expect(pages.getByRole("link", { name })).toHaveAttribute("aria-current", "page");
  }
});

test("the tab of a device is called by it, and a part of it is said to who does not see it change", async ({
  page,
  server,
}) => {
  const id = await server.create("02:00:00:00:00:01", '{"deviceName":"Porch"}');
  await open(page, server, `#/devices/${id}`);
  await expect(page).toHaveTitle("Document · Porch · Espalier");
  await page.keyboard.press("t");
  await page.keyboard.press("h");
  await expect(page).toHaveTitle("History · Porch · Espalier");
  await expect(page.getByRole("status").filter({ hasText: "History · Porch · Espalier" })).toBeAttached();
});

test("the first tab stop skips to the content", async ({ page, server }) => {
  await server.sample();
  await open(page, server, "#/server");
  await expect(page.locator("main h1")).toBeVisible();
  await page.keyboard.press("Tab");
  const skip = page.getByRole("button", { name: "Skip to the content" });
  await expect(skip).toBeFocused();
  await expect(skip).toBeInViewport();
  await page.keyboard.press("Enter");
  await expect(page.locator("main h1")).toBeFocused();
  await expect(page).toHaveURL(/#\/server$/);
});

test("the keyboard goes through the bar in its order", async ({ page, server }) => {
  await open(page, server, "#/server");
  await expect(page.locator("main h1")).toBeVisible();
  const names: string[] = [];
  for (let i = 0; i < 11; i++) {
    await page.keyboard.press("Tab");
    names.push(
      await page.evaluate(
        () => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent ?? "",
      ),
    );
  }
  expect(names).toEqual([
    "Skip to the content",
    "Espalier, to the fleet",
    "Fleet",
    "Import",
    "Deleted",
    "Audit",
    "Server",
    "Go to… a device or a commandCtrl K", // the key is not read out
    "New configuration",
    "Theme",
    "More",
  ]);
});

test("on a phone every page is in the menu, and nothing is wider than the screen", async ({ page, server }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await server.sample();
  await open(page, server);
  await expect(page.getByRole("navigation", { name: "Pages" })).toBeHidden();
  for (const name of ["Import", "Deleted", "Audit", "Server", "Fleet"]) {
    await page.getByRole("button", { name: "More" }).click();
    await page.getByRole("menuitem", { name }).click();
    await expect(page).toHaveTitle(new RegExp(`${name}.* · Espalier$`));
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  }
  const bar = page.getByRole("banner");
  for (const button of await bar.getByRole("button").all()) {
    const box = (await button.boundingBox())!;
    if (box.y < 0) continue; // that of those who skip is there when it has the focus
    expect(Math.min(box.width, box.height)).toBeGreaterThanOrEqual(24);
    expect(box.x + box.width).toBeLessThanOrEqual(390);
  }
});

test("an address without a page says so, and shows a way on", async ({ page, server }) => {
  await open(page, server, "#/no/such/page");
  await expect(page.getByRole("heading", { level: 1, name: "There is no such page" })).toBeVisible();
  await expect(page).toHaveTitle("There is no such page · Espalier");
  await expectAccessible(page);
  await page.getByRole("link", { name: "To the fleet", exact: true }).click();
  await expect(page).toHaveTitle(/^(Fleet|Welcome)/);
});

test("a part that cannot be loaded says so, and what is around it still works", async ({ page, server, problems }) => {
  await open(page, server);
  await expect(page.getByText("Live", { exact: true })).toBeAttached();
  await page.route(/AuditPage/, (route) => route.abort());
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Audit" }).click();
  await expect(page.getByRole("heading", { name: "A part of the page could not be loaded" })).toBeVisible();
  await expectAccessible(page);
  expect(problems.join("\n")).toContain("The server is away, or was updated");
  problems.length = 0;
  await page.unroute(/AuditPage/);
  await page.getByRole("button", { name: "Load the page again" }).click();
  await expect(page).toHaveTitle(/^Audit/);
});

test.describe("with a token", () => {
  const token = "a-token-of-the-tests";
  test.use({ serverEnv: { ADMIN_TOKEN: token, LOG_LEVEL: "warn" } });

  test("signing out forgets what the browser kept, after it asked for what was not saved", async ({ page, server }) => {
    await page.addInitScript((t) => {
      if (sessionStorage.getItem("given")) return;
      sessionStorage.setItem("given", "yes");
      sessionStorage.setItem("espalier:/:token", t);
      localStorage.setItem("espalier:/:token", t);
      localStorage.setItem("espalier:/:recent", "[1]");
      localStorage.setItem("espalier:/:theme", "dark");
      localStorage.setItem("espalier:/:draft:1", '{"text":"{}"}');
      localStorage.setItem("espalier:/other/:token", "of another server");
    }, token);
    await open(page, server, "#/server");
    const leave = async () => {
      await page.getByRole("button", { name: "More" }).click();
      await page.getByRole("menuitem", { name: "Sign out" }).click();
    };
    await leave();
    await expect(page.getByRole("dialog", { name: "Sign out?" })).toContainText("a draft in this browser");
    await expectAccessible(page);
    await page.getByRole("button", { name: "Stay" }).click();
    await expect(page.getByRole("dialog")).toBeHidden();
    await leave();
    await page.getByRole("button", { name: "Delete and sign out" }).click();
    const kept = await page.evaluate(() => [...Object.keys(localStorage), ...Object.keys(sessionStorage)].sort());
    expect(kept).toEqual(["espalier:/:theme", "espalier:/other/:token", "given"]);
  });

  test("who signs out in one tab is signed out in the others", async ({ page, context, server }) => {
    await page.addInitScript((t) => {
      if (sessionStorage.getItem("given")) return;
      sessionStorage.setItem("given", "yes");
      localStorage.setItem("espalier:/:token", t);
    }, token);
    await open(page, server, "#/server");
    const other = await context.newPage();
    await other.goto(`${server.url}#/server`);
    const has = async (tab: Page) => {
      await tab.getByRole("button", { name: "More" }).click();
      const there = await tab.getByRole("menuitem", { name: "Sign out" }).isVisible();
      await tab.keyboard.press("Escape");
      return there;
    };
    await expect.poll(() => has(other)).toBe(true);
    await page.getByRole("button", { name: "More" }).click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await expect.poll(() => has(other)).toBe(false);
  });

  test("another token in one tab takes nothing from the others", async ({ page, context, server }) => {
    await page.addInitScript((t) => {
      if (sessionStorage.getItem("given")) return;
      sessionStorage.setItem("given", "yes");
      localStorage.setItem("espalier:/:token", t);
      localStorage.setItem("espalier:/:draft:1:x", '{"revision":1,"text":"{}","at":1}');
    }, token);
    await open(page, server, "#/server");
    const other = await context.newPage();
    await other.goto(`${server.url}#/server`);
    await expect(other.getByRole("heading", { name: "Server", level: 1 })).toBeVisible();
    // As signing in without being remembered does.
    await other.evaluate(() => localStorage.removeItem("espalier:/:token"));
    await page.getByRole("button", { name: "More" }).click();
    await expect(page.getByRole("menuitem", { name: "Sign out" })).toBeVisible();
    expect(await page.evaluate(() => Object.keys(localStorage))).toContain("espalier:/:draft:1:x");
  });
});
