import type { Page } from "@playwright/test";
import { dialog, editorOf, mac, open, revisionsOf, saveMerged, setText, stored, text } from "./editing";
import { deafen, expect, expectAccessible, test } from "./fixtures";
import type { Server } from "./server";

const banner = (page: Page, revision: number) =>
  page.getByRole("alert").filter({ hasText: `Revision ${revision} was saved by` });

const saveAll = async (page: Page, message: string) => {
  await page.keyboard.press("Control+s");
  await expect(page.getByRole("textbox", { name: "Message" })).toBeFocused();
  await page.keyboard.type(message);
  await page.keyboard.press("Control+Enter");
  await expect(dialog(page)).toBeHidden();
};

test("two edit the same: who is second sees both, chooses, and nothing is lost", async ({
  page,
  server,
  somebodyElse,
}) => {
  const id = await server.create(mac, text);
  const other = await somebodyElse();
  await open(page, server, id);
  await open(other, server, id);
  await setText(page, text.replace('"home"', '"mine"').replace("[4, 5]", "[4, 5, 6]"));
  await setText(other, text.replace('"home"', '"theirs"').replace("6\n", "11\n"));
  await saveAll(other, "another network");

  await expect(banner(page, 2)).toBeVisible();
  await expect(editorOf(page)).toContainText('"mine"');
  await page.keyboard.press("Control+s");
  await expect(dialog(page)).toContainText("Revision 2 was saved while you edited");
  await expect(dialog(page)).toContainText("another network");
  await expect(page.getByRole("region", { name: "Revision 1, and revision 2 of theirs" })).toContainText('"theirs"');
  await expect(page.getByRole("region", { name: "Revision 1, and your text" })).toContainText('"mine"');
  await expect(dialog(page)).toContainText("/wifi/channel changed by them");
  await expect(page.getByRole("button", { name: "Use the merged document" })).toBeDisabled();
  const clash = page.getByRole("group", { name: "/wifi/ssid" });
  const result = page.getByRole("textbox", { name: "The merged document" });
  await clash.getByRole("radio", { name: "Theirs" }).check();
  await expect(result).toContainText('"ssid": "theirs"');
  await clash.getByRole("radio", { name: "Another" }).check();
  await clash.getByRole("textbox").fill('"third');
  await expect(clash).toContainText("not closed");
  await clash.getByRole("textbox").fill('"third"');
  await expect(result).toContainText('"ssid": "third"');
  await expect(result).toContainText('"channel": 11');
  await expectAccessible(page);
  await page.getByRole("button", { name: "Use the merged document" }).click();
  await expect(dialog(page)).toContainText("Save as revision 3");
  await expect(page.getByRole("textbox", { name: "Message" })).toBeFocused();
  await page.keyboard.press("Control+Enter");
  await expect(page.getByText("Revision 3 is saved").first()).toBeVisible();
  const merged = text.replace('"home"', '"third"').replace("6\n", "11\n").replace("[4, 5]", "[4, 5, 6]");
  expect(await stored(server, id, 3)).toBe(merged);
  // The other has nothing unsaved, and follows.
  await expect(editorOf(other)).toContainText('"third"');
});

test("changes that do not touch each other merge by themselves; the result may be changed by hand", async ({
  page,
  server,
}) => {
  const id = await server.create(mac, text);
  await open(page, server, id);
  await setText(page, text.replace('"home"', '"mine"'));
  await server.api("PUT", `api/configs/${id}`, { content: text.replace("6\n", "11\n") });
  await banner(page, 2).getByRole("button", { name: "Look at both" }).click();
  await expect(dialog(page)).toContainText("There is no conflict");
  const result = page.getByRole("textbox", { name: "The merged document" });
  await result.focus();
  await page.keyboard.press("Control+End");
  await page.keyboard.insertText("x");
  await page.getByRole("button", { name: "Use the merged document" }).click();
  await expect(dialog(page)).toContainText("text after the end of the document");
  await page.getByRole("button", { name: "Undo what I wrote by hand" }).click();
  await expect(dialog(page)).not.toContainText("text after the end of the document");
  await saveMerged(page, 3);
  expect(await stored(server, id, 3)).toBe(text.replace('"home"', '"mine"').replace("6\n", "11\n"));
});

test("mine can be discarded for theirs", async ({ page, server }) => {
  const id = await server.create(mac, text);
  await open(page, server, id);
  await setText(page, text.replace('"home"', '"mine"'));
  await server.api("PUT", `api/configs/${id}`, { content: text.replace('"home"', '"theirs"') });
  await banner(page, 2).getByRole("button", { name: "Look at both" }).click();
  await page.getByRole("button", { name: "Discard mine" }).click();
  await expect(editorOf(page)).toContainText('"theirs"');
  await expect(page.getByText("Not saved")).toBeHidden();
  await expect(banner(page, 2)).toBeHidden();
});

test("who heard of nothing is stopped by the server, and sees both", async ({ page, server }) => {
  const id = await server.create(mac, text);
  await deafen(page);
  await page.goto(`${server.url}#/devices/${id}`);
  await expect(editorOf(page)).toBeVisible();
  await setText(page, text.replace('"home"', '"mine"'));
  await server.api("PUT", `api/configs/${id}`, { content: text.replace('"home"', '"theirs"') });
  await page.keyboard.press("Control+s");
  await expect(dialog(page)).toContainText("Save as revision 2");
  await page.keyboard.press("Control+Enter");
  await expect(dialog(page)).toContainText("Revision 2 was saved while you edited");
  await page.getByRole("group", { name: "/wifi/ssid" }).getByRole("radio", { name: "Mine" }).check();
  await saveMerged(page, 3);
  expect(await stored(server, id, 3)).toBe(text.replace('"home"', '"mine"'));
});

test("an editor with nothing unsaved follows, and keeps its cursor", async ({ page, server }) => {
  const id = await server.create(mac, text);
  await open(page, server, id);
  await editorOf(page).focus();
  await page.keyboard.press("Control+End");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("End");
  await expect(page.getByText("Line 7, column 17")).toBeVisible();
  await server.api(
    "PUT",
    `api/configs/${id}`,
    { content: text.replace('"home"', '"new"').replace('"Hall",', '"Hall",\n  "room": 1,') },
    { "X-Change-Message": "a room" },
  );
  await expect(editorOf(page)).toContainText('"room": 1,');
  await expect(page.getByText("Line 8, column 17")).toBeVisible();
  await expect(page.getByText(/Revision 2 is shown now: saved by .*“a room”/)).toBeVisible();
  await expect(page.getByText("Not saved")).toBeHidden();
  await expect(editorOf(page)).toBeFocused();
});

test("hardware that is replaced meanwhile is no conflict", async ({ page, server }) => {
  const id = await server.create(mac, text);
  await open(page, server, id);
  await setText(page, text.replace('"home"', '"mine"'));
  await server.api("POST", `api/configs/${id}/replace-device`, { mac_address: "02:00:00:00:00:99" });
  await expect(page.getByText("02:00:00:00:00:99").first()).toBeVisible();
  await saveAll(page, "after the move");
  await expect(page.getByText("Revision 3 is saved").first()).toBeVisible();
  expect(await stored(server, id, 3)).toBe(text.replace('"home"', '"mine"'));
});

test("what was deleted meanwhile is brought back with my text, or let go", async ({ page, server }) => {
  const id = await server.create(mac, text);
  await open(page, server, id);
  await setText(page, text.replace('"home"', '"mine"'));
  await server.api("DELETE", `api/configs/${id}`);
  await expect(page.getByText("It was deleted while you edit")).toBeVisible();
  await expect(page.getByRole("alert")).toHaveCount(1);
  await expect(page.getByRole("alert")).toContainText("Deleted by");
  await expect(editorOf(page)).toContainText('"mine"');
  await expectAccessible(page);
  await page.getByRole("button", { name: "Bring it back with my text" }).click();
  await expect(dialog(page)).toContainText("Save as revision 4");
  await page.getByRole("textbox", { name: "Message" }).press("Control+Enter");
  await expect(page.getByText("Revision 4 is saved").first()).toBeVisible();
  expect(await stored(server, id, 4)).toBe(text.replace('"home"', '"mine"'));
});

const change = (server: Server, id: number, content: string, why = "") =>
  server.api("PUT", `api/configs/${id}`, { content }, why ? { "X-Change-Message": why } : {});
const result = (page: Page) => page.getByRole("textbox", { name: "The merged document" });
const clash = (page: Page, name: string) => page.getByRole("group", { name });

test("who saves a third time meanwhile takes nothing of what was chosen but where they changed it", async ({
  page,
  server,
}) => {
  const id = await server.create(mac, text);
  await open(page, server, id);
  await setText(page, text.replace('"home"', '"mine"').replace("6\n", "7\n").replace('"Hall"', '"My hall"'));
  const theirs = text.replace('"home"', '"theirs"').replace("6\n", "8\n").replace('"Hall"', '"Their hall"');
  await change(server, id, theirs);
  await banner(page, 2).getByRole("button", { name: "Look at both" }).click();
  await clash(page, "/wifi/ssid").getByRole("radio", { name: "Theirs" }).check();
  await clash(page, "/deviceName").getByRole("radio", { name: "Another" }).check();
  await clash(page, "/deviceName").getByRole("textbox").fill('"Our hall"');
  await clash(page, "/wifi/channel").getByRole("radio", { name: "Another" }).check();
  await clash(page, "/wifi/channel").getByRole("textbox").fill("13");
  await expect(page.getByRole("button", { name: "Use the merged document" })).toBeEnabled();

  await change(server, id, theirs.replace("8\n", "9\n"), "once more");
  const newer = dialog(page).getByRole("alert").filter({ hasText: "Revision 3 was saved" });
  await expect(newer).toContainText("once more");
  await expect(newer).toContainText("It changed /wifi/channel, for which you wrote this; that goes then:");
  await expect(newer.locator("pre")).toHaveText("13");
  await expect(clash(page, "/wifi/channel").getByRole("textbox")).toHaveValue("13");
  await expectAccessible(page);
  await page.getByRole("button", { name: "Take in revision 3" }).click();
  await expect(newer).toBeHidden();
  await expect(clash(page, "/wifi/ssid").getByRole("radio", { name: "Theirs" })).toBeChecked();
  await expect(clash(page, "/deviceName").getByRole("textbox")).toHaveValue('"Our hall"');
  await expect(clash(page, "/wifi/channel").getByRole("radio", { checked: true })).toHaveCount(0);
  await clash(page, "/wifi/channel").getByRole("radio", { name: "Theirs" }).check();
  await saveMerged(page, 4);
  expect(await stored(server, id, 4)).toBe(theirs.replace("8\n", "9\n").replace("Their hall", "Our hall"));
});

test("what was written into the result by hand outlives a third save, also one that takes the second back", async ({
  page,
  server,
}) => {
  const id = await server.create(mac, text);
  await open(page, server, id);
  await setText(page, text.replace('"home"', '"mine"'));
  await change(server, id, text.replace("6\n", "11\n"));
  await banner(page, 2).getByRole("button", { name: "Look at both" }).click();
  await expect(result(page)).toContainText('"mine"');
  await result(page).focus();
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText(text.replace('"home"', '"by hand"').replace("6\n", "11\n"));
  await change(server, id, text);
  await expect(dialog(page).getByRole("alert").filter({ hasText: "Revision 3 was saved" })).toBeVisible();
  await expect(result(page)).toContainText('"by hand"');
  await page.getByRole("button", { name: "Take in revision 3" }).click();
  await expect(dialog(page)).toContainText("You began with revision 2");
  await expect(result(page)).toContainText('"by hand"');
  await saveMerged(page, 4);
  expect(await stored(server, id, 4)).toBe(text.replace('"home"', '"by hand"'));
});

test("what was written into the result by hand is not closed away unasked", async ({ page, server }) => {
  const id = await server.create(mac, text);
  await open(page, server, id);
  await setText(page, text.replace('"home"', '"mine"'));
  await change(server, id, text.replace("6\n", "11\n"));
  await banner(page, 2).getByRole("button", { name: "Look at both" }).click();
  await result(page).focus();
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText('{"by": "hand"}');
  await page.getByRole("button", { name: "Go on editing" }).click();
  await expect(dialog(page)).toContainText("What you wrote by hand into the result is lost then");
  await expect(page.getByRole("button", { name: "Stay" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(result(page)).toContainText('"hand"');
  await page.getByRole("button", { name: "Go on editing" }).click();
  await page.getByRole("button", { name: "Lose it, and go on editing" }).click();
  await expect(dialog(page)).toBeHidden();
  await expect(editorOf(page)).toContainText('"mine"');
});

test("what others saved and cannot be read is said, and asked for again; the message waits", async ({
  page,
  server,
}) => {
  const id = await server.create(mac, text);
  await deafen(page);
  await page.goto(`${server.url}#/devices/${id}`);
  await setText(page, text.replace('"home"', '"mine"'));
  await change(server, id, text.replace("6\n", "11\n"));
  await page.route("**/revisions/2/document", (route) => route.abort());
  await page.keyboard.press("Control+s");
  await page.getByRole("textbox", { name: "Message" }).fill("a quieter network");
  await page.keyboard.press("Control+Enter");
  const failed = dialog(page).getByRole("alert");
  await expect(failed).toContainText("Somebody else saved meanwhile, and what they saved could not be read");
  await page.unroute("**/revisions/2/document");
  await failed.getByRole("button", { name: "Try again" }).click();
  await expect(dialog(page)).toContainText("There is no conflict");
  await page.getByRole("button", { name: "Use the merged document" }).click();
  await expect(page.getByRole("textbox", { name: "Message" })).toHaveValue("a quieter network");
  await page.getByRole("textbox", { name: "Message" }).press("Control+Enter");
  await expect(page.getByText("Revision 3 is saved").first()).toBeVisible();
  expect((await revisionsOf(server, id))[0]).toMatchObject({ revision: 3, message: "a quieter network" });
});

test("who undoes a merge or a discard is held against what the text was made from", async ({ page, server }) => {
  const id = await server.create(mac, text);
  await open(page, server, id);
  const mine = text.replace('"home"', '"mine"');
  await setText(page, mine);
  await change(server, id, text.replace('"home"', '"theirs"'));
  await banner(page, 2).getByRole("button", { name: "Look at both" }).click();
  await page.getByRole("button", { name: "Discard mine" }).click();
  await expect(page.getByText("Not saved")).toBeHidden();
  await expect(editorOf(page)).toBeFocused();
  await page.keyboard.press("Control+z");
  await expect(editorOf(page)).toContainText('"mine"');
  await expect(banner(page, 2)).toBeVisible();
  // Theirs is not written over unseen.
  await page.keyboard.press("Control+s");
  await expect(dialog(page)).toContainText("You began with revision 1");
  await clash(page, "/wifi/ssid").getByRole("radio", { name: "Mine" }).check();
  await page.getByRole("button", { name: "Use the merged document" }).click();
  await expect(dialog(page)).toContainText("Save as revision 3");
  await page.keyboard.press("Escape");
  await expect(banner(page, 2)).toBeHidden();
  await editorOf(page).focus();
  await page.keyboard.press("Control+z");
  await expect(banner(page, 2)).toBeVisible();
  await page.keyboard.press("Control+y");
  await expect(banner(page, 2)).toBeHidden();
  await page.keyboard.press("Control+s");
  await page.getByRole("textbox", { name: "Message" }).press("Control+Enter");
  await expect(page.getByText("Revision 3 is saved").first()).toBeVisible();
  // What was saved is what there is: to undo behind that is a change of it.
  await expect(editorOf(page)).toBeFocused();
  await page.keyboard.press("Control+z");
  await page.keyboard.press("Control+z");
  await expect(page.getByText("Not saved")).toBeVisible();
  await expect(banner(page, 3)).toBeHidden();
  await page.keyboard.press("Control+s");
  await expect(dialog(page)).toContainText("Save as revision 4");
});

test("who takes everything back while others save is shown what they saved", async ({ page, server }) => {
  const id = await server.create(mac, text);
  await open(page, server, id);
  await setText(page, text.replace('"home"', '"mine"'));
  await change(server, id, text.replace('"home"', '"theirs"'));
  await expect(banner(page, 2)).toBeVisible();
  await editorOf(page).focus();
  await page.keyboard.press("Control+z");
  await expect(editorOf(page)).toContainText('"theirs"');
  await expect(page.getByText("Revision 2 is shown now")).toBeVisible();
});

for (const colorScheme of ["light", "dark"] as const)
  test(`the conflict is accessible and fits a phone, ${colorScheme}`, async ({ page, server }) => {
    const id = await server.create(mac, text);
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width: 390, height: 844 });
    await page.goto(`${server.url}#/devices/${id}`);
    await setText(page, text.replace('"home"', '"mine"').replace("[4, 5]", "[4, 5, 6]"));
    await server.api("PUT", `api/configs/${id}`, {
      content: text.replace('"home"', '"theirs"').replace("[4, 5]", "[4, 5, 7]"),
    });
    await banner(page, 2).getByRole("button", { name: "Look at both" }).click();
    const list = page.getByRole("group", { name: "/pins/2" });
    await list.getByRole("radio", { name: "Both" }).check();
    await page.getByRole("button", { name: "Mine for all" }).click();
    await list.getByRole("radio", { name: "Both" }).check();
    await expect(page.getByRole("textbox", { name: "The merged document" })).toContainText("[4, 5, 6, 7]");
    await expectAccessible(page);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
  });

test("what was chosen is not closed away unasked, and Tab leads through the result", async ({ page, server }) => {
  const id = await server.create(mac, text);
  await open(page, server, id);
  await setText(page, text.replace('"home"', '"mine"').replace("6\n", "7\n"));
  await change(server, id, text.replace('"home"', '"theirs"').replace("6\n", "8\n"));
  await banner(page, 2).getByRole("button", { name: "Look at both" }).click();
  // Nothing is lost yet, and nothing is asked.
  await expect(result(page)).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(dialog(page)).toBeHidden();
  await banner(page, 2).getByRole("button", { name: "Look at both" }).click();
  await clash(page, "/wifi/channel").getByRole("radio", { name: "Theirs" }).check();
  await clash(page, "/wifi/ssid").getByRole("radio", { name: "Another" }).check();
  const own = clash(page, "/wifi/ssid").getByRole("textbox");
  await own.fill('"third"');
  await expect(result(page)).toContainText('"third"');
  await expect(dialog(page)).not.toContainText("Tab indents");
  await result(page).focus();
  await page.keyboard.press("Tab");
  await expect(result(page)).not.toBeFocused();
  await expect(dialog(page)).not.toContainText("It was changed by hand");

  await own.press("Escape");
  await expect(dialog(page)).toContainText("What you chose is lost then");
  await expect(page.getByRole("button", { name: "Stay" })).toBeFocused();
  await expectAccessible(page);
  await page.keyboard.press("Enter");
  await expect(own).toHaveValue('"third"');
  await page.getByRole("button", { name: "Go on editing" }).click();
  await expect(dialog(page)).toContainText("What you chose is lost then");
  // Who chooses on stays.
  await clash(page, "/wifi/channel").getByRole("radio", { name: "Mine" }).check();
  await expect(page.getByRole("button", { name: "Use the merged document" })).toBeEnabled();
  await page.mouse.click(2, 2);
  await page.getByRole("button", { name: "Lose it, and go on editing" }).click();
  await expect(dialog(page)).toBeHidden();
  await expect(editorOf(page)).toContainText('"mine"');
});

test("what was brought back and cannot be read is said to be back", async ({ page, server }) => {
  const id = await server.create(mac, text);
  await open(page, server, id);
  await setText(page, text.replace('"home"', '"mine"'));
  await change(server, id, text.replace("6\n", "11\n"));
  await server.api("DELETE", `api/configs/${id}`);
  await page.route("**/revisions/4/document", (route) => route.abort());
  await page.getByRole("button", { name: "Bring it back with my text" }).click();
  await expect(page.getByText("It is back, but its document could not be read").first()).toBeVisible();
  await expect(page.getByText("It could not be brought back")).toBeHidden();
  await expect(page.getByText("It was deleted while you edit")).toBeHidden();
  await page.unroute("**/revisions/4/document");
  await page.keyboard.press("Control+s");
  await page.getByRole("textbox", { name: "Message" }).press("Control+Enter");
  await expect(dialog(page)).toContainText("Revision 4 was saved while you edited");
  await saveMerged(page, 5);
  expect(await stored(server, id, 5)).toBe(text.replace('"home"', '"mine"').replace("6\n", "11\n"));
});
