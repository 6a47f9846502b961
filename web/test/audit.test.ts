import { readFileSync } from "node:fs";
import { expect, expectAccessible, test } from "./fixtures";

const entries = (page: import("@playwright/test").Page) =>
  page.getByRole("list", { name: "Attempts, the newest first" }).getByRole("listitem");

test("each attempt is told in words, and refused ones are marked", async ({ page, server, context }) => {
  await page.goto(`${server.url}#/audit`);
  await expect(page.getByRole("heading", { name: "Nothing has happened yet" })).toBeVisible();
  const id = await server.create("02:00:00:00:00:01", "{}");
  await server.api("PUT", `api/configs/${id}`, { content: '{"a":1}' }, { "X-Change-Message": "quieter" });
  await server.api("PUT", `api/configs/${id}`, { content: '{"a":1}' });
  await server.api("POST", `api/configs/${id}/replace-device`, { mac_address: "02:00:00:00:00:02" });
  await server.api("POST", "api/configs", { mac_address: "02:00:00:00:00:02", content: "{}" }).catch(() => {});
  // Refusals are written down within a second.
  await expect
    .poll(() => server.api<{ count: number }>("GET", "api/audit?result=refused").then((a) => a.count))
    .toBe(1);
  await page.getByRole("button", { name: "Show 5 newer" }).click();
  await expect(entries(page)).toHaveCount(5);
  await expect(entries(page).nth(0)).toContainText(
    "Refused Server's machine tried to create 02:00:00:00:00:02: the device has a configuration already",
  );
  await expect(entries(page).nth(1)).toContainText(
    "replaced the hardware of 02:00:00:00:00:02, which was 02:00:00:00:00:01",
  );
  await expect(entries(page).nth(2)).toContainText("saved 02:00:00:00:00:01 as it was");
  await expect(entries(page).nth(3)).toContainText("changed 02:00:00:00:00:01, revision 2");
  await expect(entries(page).nth(3)).toContainText("“quieter”");
  await expect(entries(page).nth(4)).toContainText("created 02:00:00:00:00:01, revision 1");
  await expectAccessible(page);
  await page.emulateMedia({ colorScheme: "dark" });
  await expectAccessible(page);

  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await entries(page)
    .nth(3)
    .getByRole("button", { name: /^Copy the correlation id/ })
    .click();
  const { audit } = await server.api<{ audit: { correlation_id: string }[] }>("GET", "api/audit");
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe(audit[3]!.correlation_id);
  await entries(page).nth(3).getByRole("link", { name: "revision 2" }).click();
  await expect(page).toHaveURL(new RegExp(`#/devices/${id}/history\\?`));
});

test("filters are in the address bar, and what they show is exported", async ({ page, server }) => {
  const id = await server.create("02:00:00:00:00:01", "{}");
  await server.create("02:00:00:00:00:02", "{}");
  await server.api("PUT", `api/configs/${id}`, { content: '{"a":1}' });
  await page.goto(`${server.url}#/audit`);
  await expect(entries(page)).toHaveCount(3);
  const mac = page.getByLabel("MAC address");
  await mac.focus();
  await page.keyboard.type("0200.0000.000x");
  await page.keyboard.press("Enter");
  await expect(mac).toHaveAccessibleDescription(/no hex digit/);
  await expect(entries(page)).toHaveCount(3);
  await mac.fill("0200.0000.0001");
  await page.keyboard.press("Enter");
  await expect(entries(page)).toHaveCount(2);
  await expect(page).toHaveURL(/mac=/);
  await page.getByLabel("Action").selectOption("update");
  await expect(entries(page)).toHaveCount(1);
  await page.reload();
  await expect(entries(page)).toHaveCount(1);
  await expect(mac).toHaveValue("02:00:00:00:00:01");
  const downloading = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export what is shown" }).click();
  const lines = readFileSync(await (await downloading).path(), "utf8")
    .trim()
    .split("\n");
  expect(lines.map((line) => JSON.parse(line).action)).toEqual(["update"]);
  await page.getByLabel("Before").fill("2020-01-01T00:00");
  await expect(page.getByRole("heading", { name: "Nothing fits these filters" })).toBeVisible();
  await page.getByRole("button", { name: "Clear filters" }).first().click();
  await expect(entries(page)).toHaveCount(3);
});

test("older entries come as one scrolls, and a page that cannot be read is tried again, on a phone", async ({
  page,
  server,
  context,
}) => {
  await page.setViewportSize({ width: 390, height: 844 });
  const lines = Array.from({ length: 250 }, (_, i) =>
    JSON.stringify({
      mac_address: `02:00:00:00:${i >> 8 ? "01" : "00"}:${(i & 255).toString(16).padStart(2, "0")}`,
      content: {},
    }),
  );
  await server.api("POST", "api/import", lines.join("\n"), { "Content-Type": "application/x-ndjson" });
  await page.goto(`${server.url}#/audit`);
  await expect(entries(page)).toHaveCount(100);
  // The filters would fill the screen: they wait behind a button that says how many are set.
  await expect(page.getByLabel("Result")).toBeHidden();
  await expect(entries(page).nth(2)).toBeInViewport();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await page.getByRole("button", { name: "Show more" }).scrollIntoViewIfNeeded();
  await expect.poll(() => entries(page).count()).toBeGreaterThanOrEqual(200);
  await expectAccessible(page);
  await page.getByRole("button", { name: "Filters", exact: true }).click();
  await expectAccessible(page);
  await context.setOffline(true);
  await page.getByLabel("Result").selectOption("applied");
  await expect(page.getByRole("heading", { name: "The audit could not be read" })).toBeVisible();
  await context.setOffline(false);
  await page.getByRole("button", { name: "Try again" }).click();
  await expect.poll(() => entries(page).count()).toBeGreaterThanOrEqual(100);
  await page.getByRole("button", { name: "Filters: 1 set" }).click();
  await expect(page.getByLabel("Result")).toBeHidden();
  await page.setViewportSize({ width: 1280, height: 800 });
  await expect(page.getByLabel("Result")).toHaveValue("applied");
});
