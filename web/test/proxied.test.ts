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

test("a change of many stops where a proxy says that the server is away", async ({ behind: page, reverse, server }) => {
  const lines = Array.from({ length: 30 }, (_, i) =>
    JSON.stringify({ mac_address: `02:00:00:00:00:${i + 10}`, content: `{"deviceName":"Sensor ${i + 1}"}` }),
  );
  await server.api("POST", "api/import", lines.join("\n"), { "Content-Type": "application/x-ndjson" });
  await page.goto(reverse.url);
  await page.getByRole("checkbox", { name: "Select all that are shown" }).click();
  await page.getByRole("button", { name: "Set a value" }).click();
  const dialog = page.getByRole("dialog", { name: /^Set a value/ });
  await dialog.getByLabel("Which value").fill("n");
  await dialog.getByLabel("New value").fill("7");
  await dialog.getByRole("button", { name: "Show the differences" }).click();
  await dialog.getByRole("button", { name: "Go on with 30 devices" }).click();
  await dialog.getByRole("radio", { name: "All at once" }).check();
  await server.down();
  await dialog.getByRole("button", { name: "Change 30 devices" }).click();
  await expect(dialog).toContainText("0 devices changed.");
  await expect(dialog).toContainText(/Not known, as the answer was lost: [1-4] devices?/);
  await expect(dialog).toContainText(/Left as they were: 2\d devices/);
});
