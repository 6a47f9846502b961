import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { expect, expectAccessible, hold, test } from "./fixtures";

const folder = (files: Record<string, string>): string => {
  const root = mkdtempSync(join(tmpdir(), "espalier-import-"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
};

const row = (page: Page, text: string) =>
  page.getByRole("region", { name: "Files" }).getByRole("listitem").filter({ hasText: text });

/** Drops files as a person does with the mouse. */
const drop = async (page: Page, target: string, files: Record<string, string>) => {
  const transfer = await page.evaluateHandle((given) => {
    const data = new DataTransfer();
    for (const [name, text] of Object.entries(given)) data.items.add(new File([text], name));
    return data;
  }, files);
  await page.getByText(target).dispatchEvent("drop", { dataTransfer: transfer });
};

test("a folder is imported with a report for each file, and nothing is changed before", async ({ page, server }) => {
  const changed = await server.create("02:00:00:00:00:02", '{"deviceName":"Two","n":1}');
  await server.create("02:00:00:00:00:03", '{"deviceName":"Three"}');
  const text = '{\r\n\t"deviceName" : "One", "x": 1.0\r\n}\r\n';
  const root = folder({
    "a/02-00-00-00-00-01.json": text,
    "a/020000000002.json": '{"deviceName":"Two","n":2}',
    "0200.0000.0003.json": '{"deviceName":"Three"}',
    "b/02-00-00-00-00-04.json": '{\n  "a": }\n',
    "b/02-00-00-00-00-01.json": "{}",
    "README.md": "hello",
  });
  await page.goto(`${server.url}#/import`);
  await page.getByLabel("Folder to import").setInputFiles(root);
  await expect(page.getByRole("heading", { name: "What will happen" })).toBeFocused();
  await expect(row(page, "a/02-00-00-00-00-01.json").first()).toContainText("Will be created");
  await expect(row(page, "a/020000000002.json")).toContainText("Will be updated");
  await expect(row(page, "0200.0000.0003.json")).toContainText("Is there already");
  await expect(row(page, "b/02-00-00-00-00-04.json")).toContainText("line 2, column 8");
  await expect(row(page, "is here twice")).toContainText("b/02-00-00-00-00-01.json");
  await expect(row(page, "README.md")).toContainText("No configuration");
  await expectAccessible(page);

  await row(page, "a/020000000002.json").getByRole("button", { name: "Compare" }).click();
  await expect(page.getByRole("dialog")).toContainText('"n":2');
  await page.keyboard.press("Escape");

  // What is refused holds up the rest until somebody says otherwise.
  const send = page.getByRole("button", { name: "Import 2 devices" });
  await expect(send).toBeDisabled();
  await page.getByLabel("Import the others, although 2 are refused").check();
  await page.getByLabel("Message for the history").fill("from the old server");
  expect(await server.api("GET", "api/audit?action=import")).toMatchObject({ count: 0 });
  await send.click();
  await expect(page.getByText("Imported: 1 created, 1 updated, 1 unchanged, 2 refused")).toBeVisible();
  await expect(row(page, "a/020000000002.json")).toContainText("Updated");
  await expectAccessible(page);

  const downloading = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download the report" }).click();
  const report = readFileSync(await (await downloading).path(), "utf8");
  expect(report).toContain("02:00:00:00:00:02,updated,");
  expect(report).toMatch(/02-00-00-00-00-04\.json,02:00:00:00:00:04,refused,"?content is not valid JSON/);

  const stored = await fetch(new URL("api/configs/02-00-00-00-00-01.json", server.url));
  expect(await stored.text()).toBe(text);
  const history = await server.api<{ revisions: { message: string }[] }>("GET", `api/configs/${changed}/revisions`);
  expect(history.revisions[0]!.message).toBe("from the old server");
  rmSync(root, { recursive: true });
});

test("what is there can be left as it is", async ({ page, server }) => {
  const id = await server.create("02:00:00:00:00:02", '{"deviceName":"Two","n":1}');
  await page.goto(`${server.url}#/import`);
  await drop(page, "Drop a folder or files here", {
    "02-00-00-00-00-02.json": '{"deviceName":"Two","n":2}',
    "02-00-00-00-00-05.json": "{}",
  });
  await page.getByLabel("Skip: leave what is there").check();
  await expect(row(page, "02-00-00-00-00-02.json")).toContainText("Will be skipped");
  await page.getByRole("button", { name: "Import 1 device" }).click();
  await expect(page.getByText("Imported: 1 created, 1 skipped")).toBeVisible();
  expect(await server.api("GET", `api/configs/${id}`)).toMatchObject({ revision: 1 });
});

test("everything is exported, and imported again byte for byte, by keyboard", async ({ page, server }) => {
  await server.sample();
  const before = await (await fetch(new URL("api/export", server.url))).text();
  await page.goto(`${server.url}#/import`);
  const downloading = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export everything" }).focus();
  await page.keyboard.press("Enter");
  const download = await downloading;
  expect(download.suggestedFilename()).toMatch(/^espalier-\d{4}-\d\d-\d\d\.ndjson$/);
  const path = await download.path();
  expect(readFileSync(path, "utf8")).toBe(before);

  const { configs } = await server.api<{ configs: { id: number }[] }>("GET", "api/configs");
  for (const config of configs.slice(0, 3)) await server.api("DELETE", `api/configs/${config.id}`);
  const choosing = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Choose files" }).focus();
  await page.keyboard.press("Enter");
  await (await choosing).setFiles({ name: "fleet.ndjson", mimeType: "", buffer: Buffer.from(before) });
  await expect(page.getByRole("button", { name: "New 3" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Same 21" })).toBeVisible();
  await page.getByRole("button", { name: "Import 3 devices" }).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByText("Imported: 3 created, 21 unchanged")).toBeVisible();
  expect(await (await fetch(new URL("api/export", server.url))).text()).toBe(before);
});

test("thousands of files are told one by one, and few of them are in the page", async ({ page, server }) => {
  await page.goto(`${server.url}#/import`);
  const files: Record<string, string> = {};
  // From a disk, as the browser makes thousands of files slowly where a script asks for them.
  for (let i = 0; i < 2000; i++)
    files[`02-00-00-00-${(i >> 8).toString(16).padStart(2, "0")}-${(i & 255).toString(16).padStart(2, "0")}.json`] =
      `{"n":${i}}`;
  files["zz.txt"] = "";
  const root = folder(files);
  await page.getByLabel("Folder to import").setInputFiles(root);
  await expect(page.getByRole("button", { name: "New 2,000" })).toBeVisible({ timeout: 45_000 });
  await expect(page.getByRole("button", { name: "All 2,001" })).toBeVisible();
  expect(await page.getByRole("region", { name: "Files" }).getByRole("listitem").count()).toBeLessThan(80);
  await page.getByRole("button", { name: "Other files 1" }).click();
  await expect(row(page, "zz.txt")).toBeVisible();
  await page.getByRole("button", { name: "Import 2,000 devices" }).click();
  await expect(page.getByText("Imported: 2,000 created")).toBeVisible();
  rmSync(root, { recursive: true });
});

test("what is the same is left alone, and what is new writes over nothing", async ({ page, server }) => {
  const same = await server.create("02:00:00:00:00:01", '{"n":1}');
  await page.goto(`${server.url}#/import`);
  await drop(page, "Drop a folder or files here", {
    "02-00-00-00-00-01.json": '{"n":1}',
    "02-00-00-00-00-02.json": '{"n":2}',
  });
  await expect(page.getByRole("button", { name: "Same 1" })).toBeVisible();
  // Meanwhile, somebody changes the one and makes the other.
  await server.api("PUT", `api/configs/${same}`, { content: '{"n":9}' });
  const made = await server.create("02:00:00:00:00:02", '{"n":8}');
  await page.getByRole("button", { name: "Import 1 device" }).click();
  await expect(page.getByText("Nothing was imported")).toBeVisible();
  await page.getByRole("button", { name: "Check again" }).click();
  await expect(page.getByText("2 devices have another document already")).toBeVisible();
  const content = async (id: number) =>
    (await fetch(new URL(`api/configs/${id}/revisions/${id === same ? 2 : 1}/document`, server.url))).text();
  expect([await content(same), await content(made)]).toEqual(['{"n":9}', '{"n":8}']);
  expect((await server.api<{ revision: number }>("GET", `api/configs/${same}`)).revision).toBe(2);
});

test("what was changed since the check is not written over, and can be checked again alone", async ({
  page,
  server,
}) => {
  const one = await server.create("02:00:00:00:00:01", '{"n":1}');
  await server.create("02:00:00:00:00:02", '{"n":1}');
  const three = await server.create("02:00:00:00:00:03", '{"n":1}');
  await page.goto(`${server.url}#/import`);
  await drop(page, "Drop a folder or files here", {
    "02-00-00-00-00-01.json": '{"n":2}',
    "02-00-00-00-00-02.json": '{"n":2}',
    "02-00-00-00-00-03.json": '{"n":2}',
    "02-00-00-00-00-04.json": '{"n":2}',
  });
  await expect(page.getByText("3 devices have another document already")).toBeVisible();
  // Meanwhile, somebody changes one, deletes another, and makes the one that is new.
  await server.api("PUT", `api/configs/${one}`, { content: '{"mine":1}' });
  await server.api("DELETE", `api/configs/${three}`);
  await server.create("02:00:00:00:00:04", '{"mine":4}');
  const document = async (n: number) =>
    (
      await fetch(new URL(`api/configs/02-00-00-00-00-0${n}.json`, server.url), { headers: { "X-No-Check-In": "1" } })
    ).text();
  await page.getByRole("button", { name: "Import 4 devices" }).click();
  await expect(page.getByText("Nothing was imported")).toBeVisible();
  await expect(page.getByText("3 devices were changed since the check")).toBeVisible();
  await expect(row(page, "02-00-00-00-00-01.json")).toContainText("changed since the check: revision 1 then, 2 now");
  await expect(row(page, "02-00-00-00-00-03.json")).toContainText("deleted since the check");
  await expect(row(page, "02-00-00-00-00-04.json")).toContainText("created by somebody else since the check");
  expect([await document(1), await document(2), await document(4)]).toEqual(['{"mine":1}', '{"n":1}', '{"mine":4}']);

  await page.getByRole("button", { name: "Check again" }).click();
  await expect(page.getByText("3 devices have another document already")).toBeVisible();
  await server.api("PUT", `api/configs/${one}`, { content: '{"mine":2}' });
  await page.getByRole("button", { name: "Import 4 devices" }).click();
  await expect(page.getByText("1 device was changed since the check")).toBeVisible();
  await page
    .getByRole("button", { name: "Choose other files" })
    .or(page.getByRole("button", { name: "Import more" }))
    .click();

  // Where the others go on all the same, it waits alone.
  await drop(page, "Drop a folder or files here", {
    "02-00-00-00-00-01.json": '{"n":2}',
    "02-00-00-00-00-02.json": '{"n":2}',
    "02-00-00-00-00-05.json": "{",
  });
  await page.getByLabel("Import the others, although 1 is refused").check();
  await server.api("PUT", `api/configs/${one}`, { content: '{"mine":3}' });
  await page.getByRole("button", { name: "Import 2 devices" }).click();
  await expect(page.getByText("Imported: 1 updated, 2 refused")).toBeVisible();
  await expect(page.getByText("Changed since the check, and left alone: 1 device")).toBeVisible();
  expect([await document(1), await document(2)]).toEqual(['{"mine":3}', '{"n":2}']);
  await expectAccessible(page);
  await page.getByRole("button", { name: "Check again" }).click();
  await expect(page.getByRole("button", { name: "All 1", exact: true })).toBeVisible();
  await page.getByRole("button", { name: "Import 1 device" }).click();
  await expect(page.getByText("Imported: 1 updated")).toBeVisible();
  expect(await document(1)).toBe('{"n":2}');
});

test("a real folder is read whole, however many files and folders are in it", async ({ page, server }) => {
  const files: Record<string, string> = { "zz/notes.txt": "" };
  for (let i = 0; i < 250; i++) files[`02-00-00-00-00-${i.toString(16).padStart(2, "0")}.json`] = `{"n":${i}}`;
  for (let i = 0; i < 120; i++) files[`a/b/c/02-00-00-00-01-${i.toString(16).padStart(2, "0")}.json`] = "{}";
  const root = folder(files);
  await page.goto(`${server.url}#/import`);
  const zone = (await page.getByText("Drop a folder or files here").boundingBox())!;
  const at = { x: zone.x + 5, y: zone.y + 5 };
  const browser = await page.context().newCDPSession(page);
  const data = { items: [], files: [root], dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"] as const)
    await browser.send("Input.dispatchDragEvent", { type, ...at, data });
  await expect(page.getByRole("button", { name: "All 371" })).toBeVisible();
  await expect(page.getByRole("button", { name: "New 370" })).toBeVisible();
  await expect(row(page, `${root.split("/").at(-1)}/02-00-00-00-00-00.json`)).toBeVisible();
  await page.getByRole("button", { name: "Import 370 devices" }).click();
  await expect(page.getByText("Imported: 370 created")).toBeVisible();
  rmSync(root, { recursive: true });
});

test("an import that the network cut off can be checked again", async ({ page, server, context }) => {
  await page.goto(`${server.url}#/import`);
  await drop(page, "Drop a folder or files here", { "02-00-00-00-00-05.json": "{}" });
  await expect(page.getByRole("button", { name: "Import 1 device" })).toBeEnabled();
  await context.setOffline(true);
  await page.getByRole("button", { name: "Import 1 device" }).click();
  await expect(page.getByRole("heading", { name: "The import failed" })).toBeVisible();
  await context.setOffline(false);
  await page.getByRole("button", { name: "Check again" }).click();
  await page.getByRole("button", { name: "Import 1 device" }).click();
  await expect(page.getByText("Imported: 1 created")).toBeVisible();
});

test("what was imported just now is not new, however late the fleet is read anew", async ({ page, server }) => {
  const files = { "02-00-00-00-00-01.json": '{"n":1}', "02-00-00-00-00-02.json": '{"n":2}' };
  await page.goto(`${server.url}#/import`);
  await drop(page, "Drop a folder or files here", files);
  await expect(page.getByRole("button", { name: "New 2" })).toBeVisible();
  const release = await hold(page, /\/api\/fleet\/devices$/);
  const anew = page.waitForRequest(/\/api\/fleet\/devices$/);
  await page.getByRole("button", { name: "Import 2 devices" }).click();
  await anew;
  const checked = page.waitForResponse(/\/api\/import\?.*dry_run=true/);
  await page.getByRole("button", { name: "Import more" }).click();
  await drop(page, "Drop a folder or files here", files);
  await checked;
  release();
  await expect(page.getByRole("button", { name: "Same 2" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Nothing to import" })).toBeDisabled();
});

test("who leaves during an import is told how it ended", async ({ page, server }) => {
  await page.goto(`${server.url}#/import`);
  const begin = async () => {
    await drop(page, "Drop a folder or files here", { "02-00-00-00-00-01.json": '{"n":1}' });
    await expect(page.getByRole("button", { name: "Import 1 device" })).toBeEnabled();
  };
  const leave = async () => {
    const sending = page.waitForRequest(/\/api\/import\?.*dry_run=false/);
    await page.getByRole("button", { name: "Import 1 device" }).click();
    await sending;
    await page.getByRole("link", { name: "Audit" }).first().click();
    await expect(page.getByRole("heading", { name: "Audit" })).toBeVisible();
  };
  const back = async () => {
    await page.unrouteAll();
    await page.getByRole("link", { name: "Import" }).first().click();
    await expect(page.getByRole("heading", { name: "Import" })).toBeVisible();
  };
  await begin();
  let release = await hold(page, /\/api\/import\?.*dry_run=false/);
  await server.create("02:00:00:00:00:01", '{"mine":1}');
  await leave();
  release();
  await expect(page.getByText("Nothing was imported", { exact: true })).toBeVisible();
  await expect(page.getByText("1 file was refused. Choose the files again", { exact: false }).first()).toBeVisible();

  await back();
  await begin();
  release = await hold(page, /\/api\/import\?.*dry_run=false/);
  await leave();
  release();
  await expect(page.getByText("Imported: 1 updated", { exact: true })).toBeVisible();

  await back();
  await server.api("PUT", "api/configs/1", { content: '{"mine":2}' });
  await begin();
  const cut = await hold(page, /\/api\/import\?.*dry_run=false/, (route) => route.abort());
  await leave();
  cut();
  await expect(page.getByText("The import failed", { exact: true })).toBeVisible();
  await expect(page.getByText("It may have been done all the same", { exact: false }).first()).toBeVisible();
});

test("narrow and dark", async ({ page, server }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.emulateMedia({ colorScheme: "dark" });
  await server.create("02:00:00:00:00:02", '{"deviceName":"Two","n":1}');
  await page.goto(`${server.url}#/import`);
  await expectAccessible(page);
  await drop(page, "Drop a folder or files here", {
    "02-00-00-00-00-02.json": '{"deviceName":"Two","n":2}',
    "02-00-00-00-00-05.json": "{",
    "a-name-of-a-file-that-is-so-long-that-it-does-not-fit-into-a-narrow-window-at-all.txt": "",
  });
  await expect(row(page, "02-00-00-00-00-05.json")).toContainText("Refused");
  await expectAccessible(page);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
});
