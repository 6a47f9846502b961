import { expect, expectAccessible, test } from "./fixtures";

test("the server says how it does, where devices find it, and its settings", async ({ page, server }) => {
  await page.goto(`${server.url}#/server`);
  const part = (name: string) => page.getByRole("listitem").filter({ has: page.getByRole("heading", { name }) });
  await expect(part("Database")).toContainText("Works");
  await expect(part("Broker")).toContainText("Connected");
  await expect(part("Messages to devices")).toContainText("None waits");
  await expect(page.getByText("as on the server's own machine")).toBeVisible();
  await expect(page.getByText(`mqtt://127.0.0.1:${server.mqttPort}`)).toBeVisible();
  await expectAccessible(page);
  await page.emulateMedia({ colorScheme: "dark" });
  await expectAccessible(page);

  await page.getByLabel("Search settings").focus();
  await page.keyboard.type("keep_");
  await expect(page.getByRole("row")).toHaveCount(5);
  await page.keyboard.press("Control+a");
  await page.keyboard.type("nothing like it");
  await expect(page.getByText("No setting has")).toBeVisible();

  for (const [name, text] of [
    ["API documentation", "Espalier"],
    ["Metrics", "go_goroutines"],
  ] as const) {
    const href = await page.getByRole("link", { name }).getAttribute("href");
    const response = await fetch(href!);
    expect(response.status, name).toBe(200);
    expect(await response.text(), name).toContain(text);
  }
});

test.describe("with secrets and no broker there", () => {
  test.use({
    serverEnv: { MQTT_URL: "mqtt://somebody:hush@127.0.0.1:1", MQTT_LISTEN: "", ADMIN_TOKEN: "open-sesame-open" },
  });
  test("what is broken is said with what to do, and secrets are masked", async ({ page, server }) => {
    await server.create("02:00:00:00:00:01", "{}");
    await page.setViewportSize({ width: 390, height: 844 });
    await page.goto(`${server.url}#/server`);
    await expect(page.getByRole("alert").filter({ hasText: "The MQTT broker is away" })).toContainText(
      "Look at MQTT_URL",
    );
    await expect(page.getByText("1 waits")).toBeVisible();
    await expect(page.getByRole("definition").getByText("mqtt://127.0.0.1:1", { exact: true })).toBeVisible();
    await page.getByLabel("Search settings").fill("ADMIN_TOKEN");
    await expect(page.getByRole("img", { name: "Secret, masked" })).toBeVisible();
    expect(await page.content()).not.toMatch(/hush|open-sesame/);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    await expectAccessible(page);
  });
});

test("a server that goes away is told, and what it said last stays", async ({ page, server }) => {
  await page.goto(`${server.url}#/server`);
  await expect(page.getByText("Works", { exact: true })).toBeVisible();
  await server.down();
  await expect(page.getByRole("alert").filter({ hasText: "The server does not answer" })).toBeVisible({
    timeout: 40_000,
  });
  await expect(page.getByText("Works", { exact: true })).toBeVisible();
  await server.up();
  await expect(page.getByRole("alert").filter({ hasText: "The server does not answer" })).toBeHidden({
    timeout: 40_000,
  });
});
