import type { Page } from "@playwright/test";
import { dialog, editorOf, loseAnswer, mac, open, revisionsOf, setText, stored, text } from "./editing";
import { deafen, expect, hold, test } from "./fixtures";
import type { Server } from "./server";

// The server did it, and its answer was lost. Whoever asks again wants the same once, and not twice.

/** Opens a document on a page that is told of nothing that others do. */
const openDeaf = async (page: Page, server: Server): Promise<number> => {
  const id = await server.create(mac, text);
  await deafen(page);
  await page.goto(`${server.url}#/devices/${id}`);
  return id;
};
const message = (page: Page) => page.getByRole("textbox", { name: "Message" });
const mine = text.replace('"home"', '"mine"');

/** Saves what is written; the answer is lost. */
const saveUnanswered = async (page: Page, id: number, why = "why") => {
  await loseAnswer(page, `**/api/configs/${id}`, "PUT");
  await page.keyboard.press("Control+s");
  await message(page).fill(why);
  await page.keyboard.press("Control+Enter");
};

test("a save is one revision, and no conflict with oneself", async ({ page, server }) => {
  const id = await openDeaf(page, server);
  await setText(page, mine);
  await saveUnanswered(page, id);
  await expect(dialog(page)).toContainText("The server cannot be reached");
  await expect(message(page)).toHaveValue("why");
  await dialog(page).getByRole("button", { name: "Try again" }).click();
  await expect(page.getByText("Revision 2 is saved").first()).toBeVisible();
  await expect(dialog(page)).toBeHidden();
  await expect(page.getByText("Not saved")).toBeHidden();
  expect((await revisionsOf(server, id)).map((r) => r.revision)).toEqual([2, 1]);
  // What is written after that is the next revision.
  await setText(page, mine.replace("6\n", "11\n"));
  await page.keyboard.press("Control+s");
  await expect(dialog(page)).toContainText("Save as revision 3");
  await expect(message(page)).toHaveValue("");
  await page.keyboard.press("Control+Enter");
  await expect(page.getByText("Revision 3 is saved").first()).toBeVisible();
});

test("a save that others tell of is known to be done", async ({ page, server }) => {
  const id = await server.create(mac, text);
  await open(page, server, id);
  await setText(page, mine);
  await saveUnanswered(page, id);
  await expect(page.getByText("Revision 2 is saved").first()).toBeVisible();
  await expect(dialog(page)).toBeHidden();
  await expect(page.getByText("Not saved")).toBeHidden();
  expect(await revisionsOf(server, id)).toHaveLength(2);
  await page.getByRole("button", { name: "Undo", exact: true }).last().click();
  await expect(page.getByText("Revision 3 has the document of revision 1 again").first()).toBeVisible();
});

test("a save that somebody saved upon is one's own all the same, and what was written since goes on from it", async ({
  page,
  server,
}) => {
  const id = await openDeaf(page, server);
  await setText(page, mine);
  await saveUnanswered(page, id);
  await expect(dialog(page)).toContainText("The server cannot be reached");
  await page.getByRole("button", { name: "Go on editing" }).click();
  await setText(page, mine.replace("Hall", "Porch"));
  await server.api("PUT", `api/configs/${id}`, { content: mine.replace("6\n", "11\n") });
  await page.keyboard.press("Control+s");
  await expect(message(page)).toHaveValue("why");
  await page.keyboard.press("Control+Enter");
  await expect(page.getByText("Revision 2 is saved").first()).toBeVisible();
  await expect(dialog(page)).toContainText("Revision 3 was saved while you edited");
  await expect(dialog(page)).toContainText("You began with revision 2");
  await expect(dialog(page)).toContainText("There is no conflict");
  await page.getByRole("button", { name: "Use the merged document" }).click();
  await page.keyboard.press("Control+Enter");
  await expect(page.getByText("Revision 4 is saved").first()).toBeVisible();
  expect(await stored(server, id, 4)).toBe(mine.replace("Hall", "Porch").replace("6\n", "11\n"));
});

test("what never arrived, and what another saved in its place, is no save", async ({ page, server }) => {
  const id = await openDeaf(page, server);
  await setText(page, mine);
  await page.route(`**/api/configs/${id}`, (route) =>
    route.request().method() === "PUT" ? route.abort() : route.fallback(),
  );
  await page.keyboard.press("Control+s");
  await page.keyboard.press("Control+Enter");
  await expect(dialog(page)).toContainText("The server cannot be reached");
  await page.unroute(`**/api/configs/${id}`);
  await server.api("PUT", `api/configs/${id}`, { content: text.replace('"home"', '"theirs"') });
  await dialog(page).getByRole("button", { name: "Try again" }).click();
  await expect(dialog(page)).toContainText("Revision 2 was saved while you edited");
  await expect(page.getByRole("group", { name: "/wifi/ssid" })).toContainText("theirs");
});

test("a configuration is made once", async ({ page, server }) => {
  await loseAnswer(page, "**/api/configs", "POST");
  await page.goto(`${server.url}#/new`);
  await expect(editorOf(page)).toBeVisible();
  await page.getByLabel("MAC address").fill(mac);
  await page.getByRole("button", { name: "Create configuration" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "It was not created" })).toContainText("cannot be reached");
  // Why is no part of what is made.
  await page.getByLabel("Message for the history").fill("once more");
  await page.getByRole("button", { name: "Create configuration" }).click();
  await expect(page).toHaveURL(/#\/devices\/1$/);
  await expect(page.getByRole("heading", { level: 1, name: mac })).toBeVisible();
  expect(await revisionsOf(server, 1)).toHaveLength(1);
});

test("a revision is restored once, also where others have told of it", async ({ page, server }) => {
  const id = await server.create(mac, text);
  await server.api("PUT", `api/configs/${id}`, { content: mine });
  await page.goto(`${server.url}#/devices/${id}/history?to=1`);
  await page.getByRole("button", { name: "Restore revision 1" }).click();
  await expect(dialog(page).getByRole("region", { name: "What restoring revision 1 changes" })).toBeVisible();
  await loseAnswer(page, "**/revisions/1/restore", "POST");
  await dialog(page).getByRole("button", { name: "Restore revision 1" }).click();
  await expect(dialog(page)).toContainText("It was not restored");
  await expect(dialog(page)).toContainText("No differences");
  await dialog(page).getByRole("button", { name: "Restore revision 1" }).click();
  await expect(page.getByText("Revision 1 is restored, as revision 3").first()).toBeVisible();
  expect(await revisionsOf(server, id)).toHaveLength(3);
  await page.getByRole("button", { name: "Undo", exact: true }).last().click();
  await expect(page.getByText("Taken back: it is as it was, as revision 4").first()).toBeVisible();
  expect(await stored(server, id, 4)).toBe(mine);
});

test("a device is deleted once, and hardware replaced once", async ({ page, server }) => {
  const id = await server.create(mac, text);
  const menu = page.locator("main header").getByRole("button", { name: /^Actions for/ });
  await page.goto(`${server.url}#/devices/${id}`);
  await menu.click();
  await page.getByRole("menuitem", { name: "Replace hardware…" }).click();
  await dialog(page).getByLabel("MAC address of the new device").fill("02:00:00:00:00:99");
  await loseAnswer(page, "**/replace-device", "POST");
  await dialog(page).getByRole("button", { name: "Replace", exact: true }).click();
  await expect(dialog(page)).toContainText("The hardware was not replaced");
  await dialog(page).getByRole("button", { name: "Replace", exact: true }).click();
  await expect(page.getByText("Hall is 02:00:00:00:00:99 now").first()).toBeVisible();
  expect(await revisionsOf(server, id)).toHaveLength(2);

  await menu.click();
  await page.getByRole("menuitem", { name: "Delete…" }).click();
  await loseAnswer(page, `**/api/configs/${id}`, "DELETE");
  await dialog(page).getByRole("button", { name: "Delete" }).click();
  await expect(dialog(page)).toContainText("It was not deleted");
  await dialog(page).getByRole("button", { name: "Delete" }).click();
  await expect(page.getByText("Hall was deleted").first()).toBeVisible();
  await expect(page.getByRole("heading", { name: "Welcome to Espalier" })).toBeVisible();
  expect(await revisionsOf(server, id)).toHaveLength(3);
});

test("a configuration that was brought back is back", async ({ page, server }) => {
  const id = await server.create(mac, text);
  await server.api("DELETE", `api/configs/${id}`);
  await deafen(page);
  await page.goto(`${server.url}#/devices/${id}`);
  await loseAnswer(page, `**/api/configs/${id}/undelete`, "POST");
  await page.getByRole("button", { name: "Undelete" }).click();
  await expect(page.getByText("Hall could not be brought back").first()).toBeVisible();
  await page.getByRole("button", { name: "Undelete" }).click();
  await expect(page.getByText("Hall is back, as revision 3").first()).toBeVisible();
  await expect(editorOf(page)).toContainText("Hall");
  expect((await revisionsOf(server, id)).map((r) => r.revision)).toEqual([3, 2, 1]);
});

test("a revision is restored under its own key, and what became of another is not said of it", async ({
  page,
  server,
}) => {
  const id = await server.create(mac, text);
  await server.api("PUT", `api/configs/${id}`, { content: text.replace("6\n", "7\n") });
  await server.api("PUT", `api/configs/${id}`, { content: text.replace("6\n", "8\n") });
  await deafen(page);
  await page.goto(`${server.url}#/devices/${id}/history?to=1`);
  const choose = async (n: number) => {
    await page
      .getByRole("region", { name: "Revisions" })
      .getByRole("button", { name: new RegExp(`^Revision ${n}\\b`) })
      .click();
    await page.getByRole("button", { name: `Restore revision ${n}` }).click();
    await expect(dialog(page).getByRole("region", { name: `What restoring revision ${n} changes` })).toBeVisible();
  };
  const restore = (n: number) => dialog(page).getByRole("button", { name: `Restore revision ${n}` });
  const cancel = dialog(page).getByRole("button", { name: "Cancel" });
  const why = dialog(page).getByLabel("Message");

  // It is refused, as somebody is quicker; and cannot be called off while it is on its way.
  await choose(1);
  await why.fill("for the first");
  const release = await hold(page, "**/revisions/1/restore");
  await restore(1).click();
  await expect(cancel).toBeDisabled();
  await page.keyboard.press("Escape");
  await expect(dialog(page)).toBeVisible();
  await server.api("PUT", `api/configs/${id}`, { content: text.replace("6\n", "9\n") });
  release();
  const refused = dialog(page).getByText("Somebody saved meanwhile: nothing was restored");
  await expect(refused).toBeVisible();
  await page.unroute("**/revisions/1/restore");
  await cancel.click();
  await choose(2);
  await expect(refused).toBeHidden();
  await expect(why).toHaveValue("");
  await cancel.click();
  await choose(1);
  await expect(refused).toBeHidden();

  await loseAnswer(page, "**/revisions/1/restore", "POST");
  await restore(1).click();
  await expect(dialog(page)).toContainText("It was not restored");
  await cancel.click();
  await choose(2);
  await restore(2).click();
  // Another's revision is there by now, of which the page was not told.
  await expect(refused).toBeVisible();
  await expect(dialog(page)).toContainText("It becomes revision 6");
  await restore(2).click();
  await expect(page.getByText("Revision 2 is restored, as revision 6").first()).toBeVisible();
  expect(await stored(server, id, 6)).toBe(text.replace("6\n", "7\n"));
});
