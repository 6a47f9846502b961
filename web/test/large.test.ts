import { expect, test } from "./fixtures";
import { many, seedMany } from "./large";

test.describe.configure({ timeout: 300_000 });

test("a hundred thousand devices: few of them in the page, each of them a search or a key away", async ({
  page,
  server,
}) => {
  await seedMany(server);
  await page.goto(server.url);
  await expect(page.getByTestId("summary")).toHaveText("100,000 devices", { timeout: 60_000 });
  const rows = page.locator('[role="row"][data-id]');
  await expect(rows.first()).toContainText("Sensor 0");
  expect(await page.locator("*").count()).toBeLessThan(2500);
  await expect(page.getByRole("grid")).toHaveAttribute("aria-rowcount", String(many + 1));

  await page.keyboard.press("j");
  await page.keyboard.press("End");
  const last = page.getByRole("row").filter({ hasText: /sensor_99999(?!\d)/ });
  await expect(last).toBeFocused();
  await expect(last).toBeInViewport();
  await expect(last).toHaveAttribute("aria-rowindex", String(many + 1));
  expect(await rows.count()).toBeLessThan(80);

  await page.keyboard.press("/");
  await page.keyboard.type("sensor_73210");
  await expect(page.getByTestId("summary")).toHaveText("1 of 100,000");
  await expect(rows).toHaveCount(1);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Name", exact: true }).click();
  await page.getByRole("button", { name: "Name", exact: true }).click();
  await expect(rows.first()).toContainText("Sensor 99999");
  await server.fetchAsDevice("02:00:00:01:86:9f");
  await expect(rows.first()).toContainText("Fetched");
  await expect(page.getByRole("button", { name: "Fetched 1" })).toBeVisible();
});
