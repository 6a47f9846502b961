import { readFileSync } from "node:fs";
import { expect, expectAccessible, test } from "./fixtures";
import type { Server } from "./server";

const mac = (n: number) => `02:00:00:00:00:${n.toString(16).padStart(2, "0")}`;

const seed = async (server: Server, count: number, document: (n: number) => object) => {
  const lines = Array.from({ length: count }, (_, i) =>
    JSON.stringify({ mac_address: mac(i + 1), content: JSON.stringify(document(i + 1), null, 2) }),
  );
  await server.api("POST", "api/import", lines.join("\n"), { "Content-Type": "application/x-ndjson" });
};

const contents = async (server: Server): Promise<Record<string, string>> => {
  const text = await (await fetch(`${server.url}api/export`)).text();
  const lines = text.trim().split("\n").filter(Boolean);
  return Object.fromEntries(lines.map((line) => JSON.parse(line)).map((item) => [item.mac_address, item.content]));
};

test("sets a value by keyboard alone: every difference, the first few, the rest, and back", async ({
  page,
  server,
}) => {
  await seed(server, 9, (n) => ({ deviceName: `Sensor ${n}`, wifi: { ssid: n === 9 ? "plant" : "old" }, list: [n] }));
  const before = await contents(server);
  await page.goto(server.url);
  await expect(page.getByTestId("summary")).toHaveText("9 devices");
  await page.keyboard.press("j");
  await page.keyboard.press("Control+a");
  await page.getByRole("button", { name: "Set a value" }).press("Enter");
  const dialog = page.getByRole("dialog", { name: "Set a value in 9 devices" });
  await dialog.getByLabel("Which value").fill("/Wifi/ssid");
  await expect(dialog).toContainText("differs in case");
  await dialog.getByRole("button", { name: "Use /wifi/ssid" }).press("Enter");
  await dialog.getByLabel("New value").fill("plant");
  await expect(dialog).toContainText('Sets: The text "plant"');
  await dialog.getByLabel("Message").fill("a new network");
  await expectAccessible(page);
  await page.keyboard.press("Enter");
  await expect(dialog).toContainText("8 devices would change, in 1 way");
  await expect(dialog).toContainText("Unchanged, as they have it so already: 1 device");
  await expect(dialog.getByText('-    "ssid": "old"')).toBeVisible();
  await expect(dialog.getByText('+    "ssid": "plant"')).toBeVisible();
  await expectAccessible(page);
  expect(await contents(server)).toEqual(before);

  await dialog.getByRole("button", { name: "Go on with 8 devices" }).press("Enter");
  await expect(dialog.getByRole("radio", { name: /First 5/ })).toBeChecked();
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Change the first 5" }).press("Enter");
  await expect(dialog).toContainText("The first 5 have it now; 3 wait");
  expect(Object.values(await contents(server)).filter((text) => text.includes('"plant"'))).toHaveLength(6);
  await server.reportAsDevice(mac(1), { etag: await server.fetchAsDevice(mac(1)), status: "error", message: "no" });
  await expect(dialog).toContainText("1 device of the first cannot use it");
  await dialog.getByRole("button", { name: "Go on with 3 devices" }).press("Enter");
  await expect(dialog).toContainText("8 devices changed.");
  const after = await contents(server);
  expect(after[mac(2)]).toBe(before[mac(2)]!.replace('"old"', '"plant"'));
  expect(await (await fetch(`${server.url}api/audit?limit=1`)).text()).toContain('"a new network"');

  await dialog.getByRole("button", { name: "Take it back" }).press("Enter");
  await expect(dialog).toContainText("8 devices have the former document again.");
  expect(await contents(server)).toEqual(before);
  await dialog.getByRole("button", { name: "Done" }).press("Enter");
  await expect(dialog).toBeHidden();
});

test("leaves alone what was changed meanwhile, what it would break, and what one takes out", async ({
  page,
  server,
}) => {
  await seed(server, 4, (n) => ({ deviceName: `Sensor ${n}`, a: n === 3 ? [1] : { b: n === 4 ? 7 : 1.5 } }));
  const before = await contents(server);
  await page.goto(server.url);
  await page.getByRole("checkbox", { name: "Select all that are shown" }).click();
  await page.getByRole("button", { name: "Set a value" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Which value").fill("a.b");
  await dialog.getByLabel("New value").fill("1.50");
  await dialog.getByRole("button", { name: "Show the differences" }).click();
  await expect(dialog).toContainText("3 devices would change, in 2 ways");
  await expect(dialog).toContainText("Refused: 1 device");
  await expect(dialog).toContainText("A list or a plain value is at /a");
  await dialog.getByRole("checkbox", { name: "In 1 device" }).uncheck();
  await dialog.getByRole("button", { name: "Go on with 2 devices" }).click();
  const list = await server.api<{ configs: { id: number; mac_address: string }[] }>("GET", "api/configs");
  const second = list.configs.find((config) => config.mac_address === mac(2))!.id;
  await server.api("PATCH", `api/configs/${second}`, { content: { mine: true } });
  const theirs = (await contents(server))[mac(2)];
  await dialog.getByRole("button", { name: "Change 2 devices" }).click();
  await expect(dialog).toContainText("1 device changed.");
  await expect(dialog).toContainText("Changed by someone else meanwhile, left alone: 1 device");
  expect(await contents(server)).toEqual({
    ...before,
    [mac(1)]: before[mac(1)]!.replace("1.5", "1.50"),
    [mac(2)]: theirs,
  });
});

test("what one takes out stays out for whoever goes back, until the change is another", async ({ page, server }) => {
  await seed(server, 3, (n) => ({ deviceName: `Sensor ${n}`, n }));
  await page.goto(server.url);
  await page.getByRole("checkbox", { name: "Select all that are shown" }).click();
  await page.getByRole("button", { name: "Set a value" }).click();
  const dialog = page.getByRole("dialog");
  const ways = dialog.getByRole("checkbox", { name: "In 1 device" });
  await dialog.getByLabel("Which value").fill("n");
  await dialog.getByLabel("New value").fill("7");
  await dialog.getByRole("button", { name: "Show the differences" }).click();
  await expect(dialog).toContainText("3 devices would change, in 3 ways");
  await ways.nth(1).uncheck();
  await dialog.getByRole("button", { name: "Go on with 2 devices" }).click();
  await dialog.getByRole("button", { name: "Back" }).click();
  await expect(dialog).toContainText("3 devices would change, in 3 ways");
  await expect(dialog.getByRole("button", { name: "Go on with 2 devices" })).toBeEnabled();
  await expect(ways.nth(1)).not.toBeChecked();
  // Another message is no other change; another value is.
  await dialog.getByRole("button", { name: "Back" }).click();
  await dialog.getByLabel("Message").fill("why");
  await dialog.getByRole("button", { name: "Show the differences" }).click();
  await expect(dialog.getByRole("button", { name: "Go on with 2 devices" })).toBeEnabled();
  await dialog.getByRole("button", { name: "Back" }).click();
  await dialog.getByLabel("New value").fill("8");
  await dialog.getByRole("button", { name: "Show the differences" }).click();
  await expect(dialog.getByRole("button", { name: "Go on with 3 devices" })).toBeEnabled();
});

test("removes a value, and a wish that cannot be is told at its place", async ({ page, server }) => {
  await seed(server, 2, (n) => ({ deviceName: `Sensor ${n}`, wifi: { ssid: "x", psk: "y" } }));
  await page.goto(server.url);
  await page.getByRole("checkbox", { name: "Select all that are shown" }).click();
  await page.getByRole("button", { name: "Set a value" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Show the differences" }).click();
  await expect(dialog.getByLabel("Which value")).toHaveAttribute("aria-invalid", "true");
  await dialog.getByLabel("New value").fill("null");
  await expect(dialog).toContainText("in a merge patch it removes");
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Remove a value" }).click();
  await dialog.getByLabel("Which value").fill("wifi.psk");
  await dialog.getByRole("button", { name: "Show the differences" }).click();
  await expect(dialog).toContainText("2 devices would change, in 1 way");
  await dialog.getByRole("button", { name: "Go on with 2 devices" }).click();
  await dialog.getByRole("button", { name: "Change 2 devices" }).click();
  await expect(dialog).toContainText("2 devices changed.");
  for (const text of Object.values(await contents(server))) expect(JSON.parse(text).wifi).toEqual({ ssid: "x" });
});

test("a hint names the document that it is from", async ({ page, server }) => {
  await seed(server, 3, (n) => (n === 2 ? { deviceName: "Two", odd: 1 } : { deviceName: `Sensor ${n}` }));
  await page.goto(server.url);
  await page.getByRole("checkbox", { name: "Select all that are shown" }).click();
  await page.getByRole("button", { name: "Set a value" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Which value").fill("/odd");
  await expect(dialog.getByLabel("Which value")).toHaveAccessibleDescription("In the document of Two this is number");
  await dialog.getByLabel("Which value").fill("/nowhere");
  await expect(dialog).toContainText("None of the documents of Sensor 1, Two, and Sensor 3 has such a value");
});

test("each difference can be looked at, however many there are", async ({ page, server }) => {
  await seed(server, 205, (n) => ({ deviceName: `Sensor ${n}`, n }));
  await page.goto(server.url);
  await page.getByRole("checkbox", { name: "Select all that are shown" }).click();
  await page.getByRole("button", { name: "Set a value" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Which value").fill("n");
  await dialog.getByLabel("New value").fill("-1");
  await dialog.getByRole("button", { name: "Show the differences" }).click();
  // As many requests, of which a slow machine answers a few in a second.
  await expect(dialog.getByRole("button", { name: "Go on with 205 devices" })).toBeEnabled({ timeout: 60_000 });
  await expect(dialog).toContainText("205 devices would change, in 205 ways");
  const differences = dialog.getByText(/^The difference in Sensor/);
  await expect(differences).toHaveCount(100);
  await expect(dialog).toContainText("And 105 more ways, in 105 devices");
  await dialog.getByRole("button", { name: "Show 100 more" }).click();
  await dialog.getByRole("button", { name: "Show 5 more" }).click();
  await expect(differences).toHaveCount(205);
  await expect(dialog).not.toContainText("more ways");
  await differences.last().click();
  await expect(dialog.getByText('+  "n": -1').last()).toBeVisible();
});

test("exports what is selected, as an import reads it", async ({ page, server }) => {
  await seed(server, 3, (n) => ({ deviceName: `Sensor ${n}`, odd: 1e3 }));
  const before = await contents(server);
  await page.goto(server.url);
  await page.getByRole("checkbox", { name: "Select Sensor 3" }).click();
  await page.getByRole("checkbox", { name: "Select Sensor 1" }).click();
  const downloading = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export" }).click();
  const file = readFileSync(await (await downloading).path(), "utf8");
  const items = file
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(items).toEqual([1, 3].map((n) => ({ mac_address: mac(n), content: before[mac(n)] })));
});

test("deletes many only when their number is typed, and brings them back", async ({ page, server }) => {
  await seed(server, 12, (n) => ({ deviceName: `Sensor ${n}` }));
  const before = await contents(server);
  await page.goto(server.url);
  await page.getByRole("checkbox", { name: "Select all that are shown" }).click();
  await page.getByRole("button", { name: "Delete" }).click();
  const dialog = page.getByRole("dialog", { name: "Delete 12 devices?" });
  await expect(dialog.getByRole("button", { name: "Delete 12 devices" })).toBeDisabled();
  await dialog.getByLabel("Type 12 to delete them").fill("12");
  await expectAccessible(page);
  await page.keyboard.press("Enter");
  await expect(dialog).toBeHidden();
  expect(await contents(server)).toEqual({});
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(page.getByText("12 devices brought back", { exact: true })).toBeVisible();
  expect(await contents(server)).toEqual(before);
  await expect(page.getByTestId("summary")).toHaveText("12 devices");
});

test.describe("on a phone", () => {
  test.use({ viewport: { width: 390, height: 844 }, colorScheme: "dark" });
  test("the differences fit, and are accessible", async ({ page, server }) => {
    await seed(server, 7, (n) => ({ deviceName: `Sensor ${n}`, a: { long: `${n}`.repeat(90) } }));
    await page.goto(server.url);
    await page.getByRole("checkbox", { name: "Select Sensor 1" }).click();
    await page.getByRole("checkbox", { name: "Select Sensor 2" }).click();
    await page.getByRole("button", { name: "Set a value" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Which value").fill("/a/long");
    await dialog.getByLabel("New value").fill("short");
    await dialog.getByRole("button", { name: "Show the differences" }).click();
    await expect(dialog).toContainText("2 devices would change, in 2 ways");
    await expectAccessible(page);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  });
});
