import { expect, expectAccessible, test } from "./fixtures";

test("an empty server says what it is and where devices find it, and loads the sample fleet by keyboard", async ({
  page,
  server,
}) => {
  await page.goto(server.url);
  await expect(page.getByRole("heading", { level: 1, name: "Welcome to Espalier" })).toBeVisible();
  await expect(page.getByText(`${server.url}api/configs/<mac>.json`)).toBeVisible();
  await expect(page.getByText(`mqtt://127.0.0.1:${server.mqttPort}`)).toBeVisible();
  await expect(page.getByText("Only programs on this machine reach the server")).toBeVisible();
  await expectAccessible(page);
  await page.emulateMedia({ colorScheme: "dark" });
  await expectAccessible(page);
  await page.getByRole("button", { name: "Load the sample fleet" }).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByText("02:1f:5c:3a:90:11")).toBeVisible();
  await expect(page.getByRole("heading", { name: "Welcome to Espalier" })).toBeHidden();
  expect(await server.api("GET", "api/configs?limit=1000")).toMatchObject({ count: 24 });
});

test("files that are dropped on the first page are checked at once", async ({ page, server }) => {
  await page.goto(server.url);
  await expect(page.getByText("Drop your folder of documents here")).toBeVisible();
  const transfer = await page.evaluateHandle(() => {
    const data = new DataTransfer();
    data.items.add(new File(['{"deviceName":"Porch"}'], "02-00-00-00-00-01.json"));
    return data;
  });
  // Beside the place for it, too.
  await page.getByRole("heading", { level: 1 }).dispatchEvent("drop", { dataTransfer: transfer });
  await expect(page).toHaveURL(/#\/import$/);
  await page.getByRole("button", { name: "Import 1 device" }).click();
  await page.getByRole("link", { name: "To the fleet", exact: true }).click();
  await expect(page.getByText("02:00:00:00:00:01")).toBeVisible();
});

test("the first page leads to a new configuration, on a phone", async ({ page, server }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(server.url);
  await expect(page.getByRole("heading", { level: 1, name: "Welcome to Espalier" })).toBeVisible();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await expectAccessible(page);
  await page.locator("main").getByRole("link", { name: "New configuration" }).click();
  await expect(page).toHaveURL(/#\/new$/);
});
