import { ages, type Blamed, blameLines, findLines, leavesOf, lineOf } from "../src/pages/device/blame";
import { expect, expectAccessible, test } from "./fixtures";
import type { Server } from "./server";
import { expectAccessibleInBothThemes } from "./themes";

const mac = "02:00:00:00:00:01";
const text = `{
  "deviceName": "Hall lamp",
  "wifi": {
    "ssid": "home",
    "password": "secret"
  },
  "pins": [4, 5],
  "volume": 3
}
`;

const write = (server: Server, id: number, changed: string, message: string) =>
  server.api("PUT", `api/configs/${id}`, { content: changed }, { "X-Change-Message": message });

const make = async (server: Server): Promise<number> => {
  const id = await server.create(mac, text);
  await write(server, id, text.replace("home", "attic"), "moved upstairs");
  await write(server, id, text.replace("home", "attic").replace("3", "5"), "louder");
  return id;
};

test("each value stands beside the revision that set it, and leads to what that changed", async ({ page, server }) => {
  const id = await make(server);
  await page.goto(`${server.url}#/devices/${id}/blame`);
  const line = (what: string) => page.getByRole("listitem").filter({ hasText: what });
  await expect(line('"ssid"')).toContainText("moved upstairs");
  await expect(line('"volume"')).toContainText("louder");
  await expect(line('"deviceName"')).toContainText("Created");
  await expect(page.getByText("6 values, set by 3 revisions")).toBeVisible();
  await expectAccessibleInBothThemes(page);
  await line('"ssid"').getByRole("link").click();
  await expect(page).toHaveURL(/history\?to=2$/);
  await expect(page.getByRole("region", { name: "Differences from revision 1 to revision 2" })).toContainText("attic");
});

test("it is gone through and searched by keys alone", async ({ page, server }) => {
  const id = await make(server);
  await page.goto(`${server.url}#/devices/${id}/blame`);
  const link = (what: string) => page.getByRole("listitem").filter({ hasText: what }).getByRole("link");
  await expect(link('"deviceName"')).toBeVisible();
  await page.keyboard.press("j");
  await expect(link('"deviceName"')).toBeFocused();
  await page.keyboard.press("j");
  await expect(link('"ssid"')).toBeFocused();
  await page.keyboard.press("End");
  await expect(link('"volume"')).toBeFocused();
  await page.keyboard.press("k");
  await expect(link('"pins"')).toBeFocused();

  await page.keyboard.press("Control+f");
  const search = page.getByRole("searchbox");
  await expect(search).toBeFocused();
  await page.keyboard.type("upstairs");
  await expect(page.getByText("1 of 1")).toBeVisible();
  await search.fill("/wifi/");
  await expect(page.getByText("1 of 2")).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(page.getByText("2 of 2")).toBeVisible();
  await page.keyboard.press("Shift+Enter");
  await expect(page.getByText("1 of 2")).toBeVisible();
  await page.keyboard.press("ArrowDown");
  await expect(link('"ssid"')).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/history\?to=2$/);
  await expect(page.getByRole("region", { name: "Revisions" })).toBeVisible();
  await page.goBack();
  await search.fill("nowhere");
  await expect(page.getByText("Not found")).toBeVisible();
});

test("the value at the cursor leads to who set it, by keys alone", async ({ page, server }) => {
  const id = await make(server);
  const link = (what: string) => page.getByRole("listitem").filter({ hasText: what }).getByRole("link");
  const editor = page.getByRole("textbox", { name: "Document" });
  const down = async (lines: number) => {
    await page.goto(`${server.url}#/devices/${id}`);
    await editor.focus();
    await page.keyboard.press("Control+Home");
    for (let i = 0; i < lines; i++) await page.keyboard.press("ArrowDown");
  };
  await down(3);
  await page.keyboard.press("Shift+Alt+B");
  await expect(link('"ssid"')).toBeFocused();
  await expect(link('"ssid"')).toContainText("moved upstairs");
  // Names of values are of the document, and no part of an address.
  await expect(page).toHaveURL(/\/blame$/);
  // What comes in meanwhile takes nobody from what they read.
  await page.keyboard.press("End");
  await expect(link('"volume"')).toBeFocused();
  await write(server, id, text.replace("home", "cellar"), "moved downstairs");
  await expect(link('"ssid"')).toContainText("moved downstairs");
  await expect(link('"ssid"')).not.toBeFocused();

  // A value with values in it: the first of these.
  await down(2);
  await page.keyboard.press("Control+k");
  await expect(page.getByRole("combobox")).toBeFocused();
  await page.keyboard.type("who set the value at");
  await expect(page.getByRole("option", { selected: true })).toContainText("Who set the value at");
  await page.keyboard.press("Enter");
  await expect(link('"ssid"')).toBeFocused();
  await page.keyboard.press("Control+k");
  await expect(page.getByRole("combobox")).toBeFocused();
  await page.keyboard.type("who set the value at");
  await expect(page.getByText(/^Nothing has “who set/)).toBeVisible();
  await page.keyboard.press("Escape");
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog")).toContainText("Who set the value at the cursor");
});

test("a document in one line is laid out, and a new revision comes in live", async ({ page, server }) => {
  const id = await server.create(mac, '{"deviceName":"Hall lamp","volume":3}');
  await page.goto(`${server.url}#/devices/${id}/blame`);
  await expect(page.getByText("2 values, set by 1 revision")).toBeVisible();
  await write(server, id, '{"deviceName":"Hall lamp","volume":4}', "louder");
  await expect(page.getByText("2 values, set by 2 revisions")).toBeVisible();
  await expect(page.getByText("Shown with a line for each value")).toBeVisible();
  await expect(page.getByRole("listitem").filter({ hasText: '"volume"' })).toContainText("louder");
});

test("a large document is shown in part, and found in whole", async ({ page, server }) => {
  const members = Array.from({ length: 3000 }, (_, i) => `  "key${i}": ${i}`);
  const id = await server.create(mac, `{\n${members.join(",\n")}\n}\n`);
  await page.goto(`${server.url}#/devices/${id}/blame`);
  const lines = page.getByRole("region", { name: "The document, and who set each value" }).getByRole("listitem");
  await expect(lines.first()).toBeVisible();
  expect(await lines.count()).toBeLessThan(200);
  await page.getByRole("searchbox").fill("key2900");
  await expect(lines.filter({ hasText: '"key2900"' })).toBeVisible();
  await page.keyboard.press("ArrowDown");
  await expect(lines.filter({ hasText: '"key2900"' }).getByRole("link")).toBeFocused();
  await page.keyboard.press("Home");
  await expect(lines.filter({ hasText: /"key0"/ }).getByRole("link")).toBeFocused();
});

test("it has room on a phone", async ({ page, server }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  const id = await make(server);
  await page.goto(`${server.url}#/devices/${id}/blame`);
  await expect(page.getByText("moved upstairs")).toBeVisible();
  const wider = await page.evaluate(() => document.querySelector("main")!.scrollWidth - window.innerWidth);
  expect(wider).toBeLessThanOrEqual(0);
  await expectAccessible(page);
});

const by = (revision: number | null, path: string): Blamed => ({
  path,
  revision,
  created_at: "2026-01-01T00:00:00Z",
  message: null,
  principal: "local",
  source: "edit",
});

test("leaves have the pointers that the server gives them", () => {
  const paths = (json: string) => leavesOf(json).map((leaf) => leaf.path);
  expect(paths('{"a":{"b~/c":[1,{}]},"d":[],"":null}')).toEqual(["/a/b~0~1c/0", "/a/b~0~1c/1", "/d", "/"]);
  expect(paths("{}")).toEqual([""]);
  expect(paths('{"a":1,"a":2}')).toEqual(["/a"]);
  expect(paths('{"\\u00fc":1}')).toEqual(["/ü"]);
});

test("lines are put together by the revision that set them", () => {
  const values = [
    by(1, "/deviceName"),
    by(2, "/wifi/ssid"),
    by(2, "/wifi/password"),
    by(1, "/pins/0"),
    by(1, "/pins/1"),
  ];
  const { lines, laidOut } = blameLines(text, [...values, by(1, "/volume")]);
  expect(laidOut).toBe(false);
  expect(lines.map((l) => [l.blamed?.revision ?? 0, l.first])).toEqual([
    [0, false],
    [1, true],
    [0, false],
    [2, true],
    [2, false],
    [0, false],
    [1, true],
    [1, false],
    [0, false],
  ]);
  const split = blameLines(text, [...values.slice(0, 4), by(3, "/pins/1"), by(1, "/volume")]);
  expect(split.laidOut).toBe(true);
  expect(split.lines.find((l) => l.paths.includes("/pins/1"))?.blamed?.revision).toBe(3);
  expect(blameLines("{\r\n}", [by(1, "")]).lines.map((l) => l.text)).toEqual(["{", "}"]);
});

test("a value is found on its line, or what is nearest to it", () => {
  const { lines } = blameLines('{\n"a": 1,\n"b": {\n"c": 2,\n"d": {}\n}\n}', [
    by(1, "/a"),
    by(2, "/b/c"),
    by(2, "/b/d"),
  ]);
  const at = (pointer: string) => lineOf(lines, pointer);
  expect([at("/a"), at("/b/d"), at("/b")]).toEqual([1, 4, 3]);
  expect([at("/b/d/new"), at("/b/e"), at("/new"), at("")]).toEqual([4, 3, 1, 1]);
  expect(lineOf([], "/a")).toBe(-1);
});

test("newer revisions are told from older ones", () => {
  expect([...ages([by(7, "/a"), by(null, "/b"), by(3, "/c"), by(5, "/d"), by(5, "/e")])]).toEqual([
    [null, 0],
    [3, 0],
    [5, 0.5],
    [7, 1],
  ]);
  expect(ages([by(4, "/a")]).get(4)).toBe(1);
});

test("lines are found by what stands in them and by what is known of them", () => {
  const { lines } = blameLines('{\n"a": 1,\n"b": {"c": 2}\n}', [by(1, "/a"), by(2, "/b/c")]);
  const find = (query: string) => findLines(lines, query, (b) => `revision ${b.revision}`);
  expect(find("REVISION 2")).toEqual([2]);
  expect(find("/b/c")).toEqual([2]);
  expect(find('"a"')).toEqual([1]);
  expect(find(" ")).toEqual([]);
});
