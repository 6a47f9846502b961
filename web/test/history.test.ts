import { readFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { isDense, onlyLayoutDiffers } from "../src/editor/layout";
import { happened, type Revision } from "../src/pages/device/words";
import { expect, expectAccessible, test } from "./fixtures";
import type { Server } from "./server";
import { expectAccessibleInBothThemes } from "./themes";

const mac = "02:00:00:00:00:01";
const document = (volume: number, ssid = "home") =>
  `{\n  "deviceName": "Hall lamp",\n  "ssid": "${ssid}",\n  "volume": ${volume}\n}\n`;

const write = (server: Server, id: number, text: string, message: string) =>
  server.api("PUT", `api/configs/${id}`, { content: text }, { "X-Change-Message": message });

const make = async (server: Server): Promise<number> => {
  const id = await server.create(mac, document(1));
  await write(server, id, document(2), "louder");
  await write(server, id, document(2, "attic"), "moved upstairs");
  return id;
};

const row = (page: Page, n: number) =>
  page.getByRole("region", { name: "Revisions" }).getByRole("button", { name: new RegExp(`^Revision ${n}\\b`) });
const diff = (page: Page, from: string, to: number) =>
  page.getByRole("region", { name: `Differences from ${from} to revision ${to}` });

test("one revision is compared with that before it, and any two", async ({ page, server }) => {
  const id = await make(server);
  await page.goto(`${server.url}#/devices/${id}/history`);
  await expect(row(page, 3)).toContainText("moved upstairs");
  await expect(row(page, 3)).toContainText("newest");
  await expect(row(page, 3)).toContainText("127.0.0.1");
  await expect(diff(page, "revision 2", 3)).toContainText("attic");

  await row(page, 2).click();
  await expect(page).toHaveURL(/history\?to=2$/);
  await expect(page.getByRole("heading", { name: "What revision 2 changed" })).toBeVisible();
  await expect(diff(page, "revision 1", 2)).toContainText("+1−1lines");

  await row(page, 3).click();
  await page.getByRole("button", { name: "Compare revision 1 with revision 3" }).click();
  await expect(page).toHaveURL(/history\?from=1&to=3$/);
  await expect(diff(page, "revision 1", 3)).toContainText("+2−2lines");
  await expect(page.locator(".cm-mergeView")).toBeVisible();
  await page.getByRole("button", { name: "Inline" }).click();
  await expect(page.locator(".cm-deletedChunk").first()).toBeVisible();
  await page.reload();
  await expect(diff(page, "revision 1", 3)).toContainText("+2−2lines");
  await expect(page.locator(".cm-mergeView")).toHaveCount(0);

  await row(page, 1).click();
  await expect(diff(page, "nothing", 1)).toBeVisible();
  await page.getByRole("button", { name: "The newest" }).click();
  await expect(page).toHaveURL(/history\?from=1&to=3$/);
  await page.goBack();
  await expect(diff(page, "nothing", 1)).toBeVisible();
});

test("it is gone through by keys alone", async ({ page, server }) => {
  const id = await make(server);
  await page.goto(`${server.url}#/devices/${id}/history`);
  await expect(diff(page, "revision 2", 3)).toBeVisible();
  await page.keyboard.press("j");
  await expect(row(page, 3)).toBeFocused();
  await page.keyboard.press("j");
  await expect(row(page, 2)).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(diff(page, "revision 1", 2)).toBeVisible();
  await page.keyboard.press("k");
  await expect(row(page, 3)).toBeFocused();
  await page.keyboard.press("x");
  await expect(page).toHaveURL(/from=2&to=3$/);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await expect(row(page, 1)).toBeFocused();
  await page.keyboard.press("x");
  await expect(diff(page, "revision 1", 3)).toBeVisible();
  await expect(page.locator(".cm-mergeView")).toBeVisible();
  await page.keyboard.press("v");
  await expect(page.locator(".cm-mergeView")).toHaveCount(0);
  await page.getByRole("button", { name: "Restore revision 1" }).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("textbox", { name: "Message" })).toBeFocused();
  await page.keyboard.type("as it was");
  await expect(page.getByRole("region", { name: "What restoring revision 1 changes" })).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(row(page, 4)).toContainText("as it was");
});

test("a revision is restored in two clicks, and that is taken back", async ({ page, server }) => {
  const id = await make(server);
  await page.goto(`${server.url}#/devices/${id}/history?to=1`);
  await page.getByRole("button", { name: "Restore revision 1" }).click();
  const dialog = page.getByRole("dialog", { name: "Restore revision 1" });
  await expect(dialog.getByRole("region", { name: "What restoring revision 1 changes" })).toContainText("home");
  await expectAccessible(page);
  await dialog.getByLabel("Message").fill("as it was – früher");
  await dialog.getByRole("button", { name: "Restore revision 1" }).click();
  await expect(page.getByText("Revision 1 is restored, as revision 4").first()).toBeVisible();
  await expect(row(page, 4)).toContainText("Restored from revision 1");
  await expect(row(page, 4)).toContainText("as it was – früher");
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(row(page, 5)).toContainText("Undo: back to revision 3");
  const now = await fetch(`${server.url}api/configs/${id}/revisions/5/document`).then((r) => r.text());
  expect(now).toBe(document(2, "attic"));
});

test("nothing is restored over what somebody saved meanwhile", async ({ page, server }) => {
  const id = await make(server);
  await page.goto(`${server.url}#/devices/${id}/history?to=1`);
  await page.getByRole("button", { name: "Restore revision 1" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByRole("region", { name: "What restoring revision 1 changes" })).toBeVisible();
  // What the page hears of it is held back until it has tried.
  await page.route("**/restore", async (route) => {
    await write(server, id, document(7), "meanwhile");
    await route.continue();
  });
  await dialog.getByRole("button", { name: "Restore revision 1" }).click();
  await expect(dialog.getByRole("alert")).toContainText("Somebody saved meanwhile: nothing was restored");
  await expect(dialog.getByRole("region", { name: "What restoring revision 1 changes" })).toContainText("7");
  await page.unroute("**/restore");
  await dialog.getByRole("button", { name: "Restore revision 1" }).click();
  await expect(page.getByText("Revision 1 is restored, as revision 5").first()).toBeVisible();
});

test("deletes, replaced hardware and mere layout are shown as what they are", async ({ page, server }) => {
  const id = await make(server);
  await write(server, id, JSON.stringify(JSON.parse(document(2, "attic"))), "in one line");
  await server.api("DELETE", `api/configs/${id}`);
  await server.api("POST", `api/configs/${id}/undelete`);
  await server.api("POST", `api/configs/${id}/replace-device`, { mac_address: "02:00:00:00:00:99" });
  await page.goto(`${server.url}#/devices/${id}/history?to=4`);
  await expect(page.getByText("Only spaces and line breaks differ: every value is the same")).toBeVisible();
  await page.getByRole("button", { name: "Ignore layout" }).click();
  await expect(page.getByText("No differences but in layout")).toBeVisible();
  await expect(row(page, 7)).toContainText(`Hardware replaced: it was ${mac}`);
  await expect(row(page, 6)).toContainText("Undeleted, as revision 4 was");
  await row(page, 7).click();
  await expect(page.getByText("No differences", { exact: true })).toBeVisible();
  await row(page, 5).click();
  await expect(row(page, 5)).toContainText("Deleted");
  await expect(diff(page, "revision 4", 5)).toBeVisible();
  await expect(page.getByText("no document")).toBeVisible();
  await expect(page.getByText("Same as what is in force")).toBeVisible();
});

test("the document of a revision is looked at and kept, byte for byte", async ({ page, server }) => {
  const text = '{ "a":1.0,\r\n "ü": "\\u00fc" }';
  const id = await server.create(mac, text);
  await server.api("PATCH", `api/configs/${id}`, { content: { a: 2 } });
  await page.goto(`${server.url}#/devices/${id}/history?to=1`);
  await page.getByRole("button", { name: "Document of revision 1" }).click();
  const dialog = page.getByRole("dialog", { name: "Document of revision 1" });
  await expect(dialog.getByRole("region", { name: "Document of revision 1" })).toContainText('"a":1.0');
  await expectAccessible(page);
  const started = page.waitForEvent("download");
  await dialog.getByRole("button", { name: "Download" }).click();
  const download = await started;
  expect(download.suggestedFilename()).toBe("02-00-00-00-00-01-r1.json");
  expect(readFileSync(await download.path(), "utf8")).toBe(text);
});

test("a long history is read as it is gone through, and new revisions come in live", async ({ page, server }) => {
  const id = await server.create(mac, document(1));
  for (let n = 2; n <= 130; n++) await server.api("PATCH", `api/configs/${id}`, { content: { volume: n } });
  await page.goto(`${server.url}#/devices/${id}/history`);
  await expect(row(page, 130)).toBeVisible();
  await expect(row(page, 1)).toHaveCount(0);
  await page.getByRole("button", { name: "Show older" }).scrollIntoViewIfNeeded();
  await expect(row(page, 1)).toHaveCount(1);
  await expect(page.getByText("This is how it began.")).toHaveCount(1);
  await server.api("PATCH", `api/configs/${id}`, { content: { volume: 500 } });
  await expect(row(page, 131)).toHaveCount(1);
  await expect(row(page, 1)).toHaveCount(1);
  await page.goto(`${server.url}#/devices/${id}/history?to=4711`);
  await expect(page.getByRole("heading", { name: "Revision 4711 is not kept" })).toBeVisible();
});

test("what the device has is marked", async ({ page, server }) => {
  const id = await make(server);
  await page.goto(`${server.url}#/devices/${id}/history`);
  await expect(row(page, 3)).toBeVisible();
  await server.reportAsDevice(mac, { status: "applied", rev: 2 });
  await expect(row(page, 2)).toContainText("on the device");
});

test("it is accessible in both themes, and has room on a phone", async ({ page, server }) => {
  const id = await make(server);
  await page.goto(`${server.url}#/devices/${id}/history?from=1&to=3`);
  await expect(diff(page, "revision 1", 3)).toBeVisible();
  await expectAccessibleInBothThemes(page);
  await page.setViewportSize({ width: 390, height: 844 });
  await expect(page.locator(".cm-mergeView")).toHaveCount(0);
  await expect(row(page, 3)).toBeHidden();
  await expectAccessible(page);
  await page.getByRole("button", { name: "All revisions" }).click();
  await expect(row(page, 3)).toBeVisible();
  await row(page, 2).click();
  await expect(diff(page, "revision 1", 2)).toBeVisible();
  const wider = await page.evaluate(() => window.document.querySelector("main")!.scrollWidth - window.innerWidth);
  expect(wider).toBeLessThanOrEqual(0);
});

test("layout is told apart from values", () => {
  expect(onlyLayoutDiffers('{"a": 1}', '{\n"a":1}')).toBe(true);
  expect(onlyLayoutDiffers('{"a": 1}', '{"a": 1}')).toBe(false);
  expect(onlyLayoutDiffers('{"a": 1}', '{"a": 1.0}')).toBe(false);
  expect(onlyLayoutDiffers('{"a": "x y"}', '{"a": "x  y"}')).toBe(false);
  expect(onlyLayoutDiffers('{"a": "\\" {"}', '{"a":"\\" {"}')).toBe(true);
  expect(isDense("{}\n")).toBe(false);
  expect(isDense(`{"a":"${"x".repeat(500)}"}`)).toBe(true);
});

test("what happened with a revision is said in words", () => {
  const of = (r: Partial<Revision>) => happened({ etag: "x", ...r } as Revision);
  expect(of({ source: "restore", restored_from: 3 })).toBe("Restored from revision 3");
  expect(of({ source: "replace", other_mac_address: mac })).toBe(`Hardware replaced: it was ${mac}`);
  expect(of({ source: "replace", other_mac_address: mac, etag: null })).toBe(`Moved to ${mac}`);
  expect(of({ source: "delete", etag: null })).toBe("Deleted");
});

test("a revision beyond those that were read is compared with the one before it", async ({ page, server }) => {
  const id = await server.create("02:00:00:00:00:01", '{"n":1}');
  for (let n = 2; n <= 120; n++) await server.api("PUT", `api/configs/${id}`, { content: `{"n":${n}}` });
  await page.goto(`${server.url}#/devices/${id}/history?to=5`);
  await expect(page.getByRole("heading", { name: "What revision 5 changed" })).toBeVisible();
  await expect(diff(page, "revision 4", 5)).toContainText("+1−1lines");
});
