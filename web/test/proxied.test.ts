import type { Page } from "@playwright/test";
import { test as base, expect, guard } from "./fixtures";
import { ReverseProxy } from "./proxy";

/** A test whose page has the server through a proxy. */
const test = base.extend<{ reverse: ReverseProxy; behind: Page }>({
  serverEnv: { TRUST_NETWORK: "true" },
  reverse: async ({ server }, use) => {
    const proxy = await ReverseProxy.start("/", server.url);
    await use(proxy);
    await proxy.stop();
  },
  behind: async ({ browser, reverse }, use) => {
    const context = await browser.newContext();
    const problems = await guard(context, reverse.url);
    await use(await context.newPage());
    await context.close();
    expect(problems, "what the browser complained of").toEqual([]);
  },
});

test("an import whose answer a proxy did not wait for may have been done, and is checked again", async ({
  behind: page,
  reverse,
}) => {
  reverse.impatient = ({ url }) => /^\/api\/import\?.*dry_run=false/.test(url ?? "");
  await page.goto(`${reverse.url}#/import`);
  await page
    .getByLabel("Files to import")
    .setInputFiles({ name: "02-00-00-00-00-01.json", mimeType: "", buffer: Buffer.from("{}") });
  await page.getByRole("button", { name: "Import 1 device" }).click();
  await expect(page.getByRole("heading", { name: "The import failed" })).toBeVisible();
  await expect(page.getByText("It may have been done all the same")).toBeVisible();
  await page.getByRole("button", { name: "Check again" }).click();
  await expect(page.getByRole("button", { name: "Same 1" })).toBeVisible();
});
