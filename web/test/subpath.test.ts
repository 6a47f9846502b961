import { expect, guard, test } from "./fixtures";
import { ReverseProxy } from "./proxy";

const token = "a-token-of-the-tests";
test.use({ serverEnv: { ADMIN_TOKEN: token, LOG_LEVEL: "warn" } });

test("works below a path of a proxy: signing in, the fleet, a device, live changes", async ({ browser, server }) => {
  await server.sample();
  const proxy = await ReverseProxy.start("/tools/espalier/", server.url);
  const context = await browser.newContext();
  const problems = await guard(context, proxy.url);
  const page = await context.newPage();
  const outside: string[] = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(proxy.url) && !/^(data|blob):/.test(request.url())) outside.push(request.url());
  });

  await page.goto(`${proxy.url}#/audit`);
  await expect(page.getByRole("heading", { level: 1, name: /Sign in/ })).toBeVisible();
  await page.getByLabel("Admin token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveTitle(/^Audit/);
  await expect(page.getByText("Live", { exact: true })).toBeAttached();

  await page.keyboard.press("Control+k");
  const palette = page.getByRole("dialog", { name: "Go to a device" });
  await palette.getByRole("combobox").fill("02-1f-5c-3a-90-11");
  await expect(palette.getByRole("option").first()).toContainText("02:1f:5c:3a:90:11");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/tools\/espalier\/#\/devices\/\d+/);
  await expect(page.getByText("hallway_intercom").first()).toBeVisible();

  await page.goto(proxy.url);
  await expect(page.getByRole("link", { name: "02:1f:5c:3a:90:11" })).toBeVisible();
  await server.fetchAsDevice("02:1f:5c:3a:90:11");
  await expect(page.getByRole("row").filter({ hasText: "02:1f:5c:3a:90:11" })).toContainText("Fetched");

  expect(outside).toEqual([]);
  expect(problems).toEqual([]);
  expect(await page.evaluate(() => Object.keys(sessionStorage))).toContain("espalier:/tools/espalier/:token");
  await context.close();
  await proxy.stop();
});
