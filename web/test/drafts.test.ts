import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { dialog, editorOf, mac, open, setText, text } from "./editing";
import { expect, expectAccessible, test } from "./fixtures";

const drafts = (page: Page) => page.evaluate(() => Object.keys(localStorage).filter((key) => key.includes(":draft:")));

/** Leaves the browser no room for anything more. */
const fill = (page: Page) =>
  page.evaluate(() => {
    let filler = "";
    for (let size = 1 << 20; size >= 1; size = Math.floor(size / 2))
      try {
        for (;;) {
          localStorage.setItem("filler", filler + "x".repeat(size));
          filler += "x".repeat(size);
        }
      } catch {
        // That was too much; less may fit.
      }
  });

const begin = async (page: Page, written: string) => {
  await setText(page, written);
  await expect.poll(() => drafts(page)).toHaveLength(1);
  await page.close({ runBeforeUnload: false });
};

test("what cannot be kept is said, and is not left behind as if it were", async ({ page, server, context }) => {
  const id = await server.create(mac, text);
  const other = await server.create("02:00:00:00:00:02", '{"a": 1}');
  await open(page, server, other);
  await begin(page, '{"a": 2}');

  const next = await context.newPage();
  await open(next, server, id);
  await fill(next);
  await setText(next, text.replace("home", "h".repeat(3000)));
  const unkept = next.getByText("What you write cannot be kept in this browser");
  await expect(unkept).toBeVisible();
  await expectAccessible(next);
  // What others were promised is not thrown away for nothing.
  await expect.poll(() => drafts(next)).toEqual([expect.stringContaining(`draft:${other}:`)]);
  await next.getByRole("link", { name: "Timeline" }).click();
  await expect(dialog(next)).toContainText("this browser cannot keep it as a draft");
  await expect(next.getByRole("button", { name: "Leave, keep the draft" })).toBeHidden();
  await next.getByRole("button", { name: "Stay" }).click();
  const asked = next.waitForEvent("dialog");
  void next.evaluate(() => window.location.reload());
  await (await asked).dismiss();

  await next.evaluate(() => localStorage.removeItem("filler"));
  await editorOf(next).focus();
  await next.keyboard.type(" ");
  await expect(unkept).toBeHidden();
  await expect.poll(() => drafts(next)).toHaveLength(2);
});

test("what is begun and cannot be kept is said too", async ({ page, server }) => {
  await page.goto(`${server.url}#/new`);
  await expect(editorOf(page)).toBeVisible();
  await fill(page);
  await page.getByLabel("MAC address").fill("02:00:00:00:00:0b");
  await expect(page.getByText("What you write cannot be kept in this browser")).toBeVisible();
  await page.getByRole("link", { name: "Audit" }).first().click();
  await expect(dialog(page)).toContainText("this browser cannot keep it as a draft");
  await page.getByRole("button", { name: "Stay" }).click();
  await page.evaluate(() => localStorage.removeItem("filler"));
  await page.getByLabel("MAC address").fill("02:00:00:00:00:0c");
  await expect(page.getByText("What you write cannot be kept in this browser")).toBeHidden();
});

test("a draft that is the document by now is let go", async ({ page, server, context }) => {
  const id = await server.create(mac, text);
  await open(page, server, id);
  await begin(page, '{"saved": "elsewhere"}');
  await server.api("PUT", `api/configs/${id}`, { content: '{"saved": "elsewhere"}' });
  const next = await context.newPage();
  await open(next, server, id);
  await expect(editorOf(next)).toContainText("elsewhere");
  await expect.poll(() => drafts(next)).toEqual([]);
});

test("a draft goes with its device: to new hardware, and to no other device", async ({ page, server, context }) => {
  const id = await server.create(mac, text);
  await open(page, server, id);
  await begin(page, text.replace("home", "draft"));
  await server.api("POST", `api/configs/${id}/replace-device`, { mac_address: "02:00:00:00:00:99" });
  const moved = await context.newPage();
  await open(moved, server, id);
  await expect(moved.getByText(/A draft from .* on revision 1 was found/)).toBeVisible();
  await expect(moved.getByRole("button", { name: "Restore" })).toBeVisible();
  await moved.close();

  // The same address, and another database.
  await server.down();
  rmSync(join(server.folder, "data"), { recursive: true });
  await server.up();
  expect(await server.create("02:00:00:00:00:55", '{"deviceName": "Stranger"}')).toBe(id);
  const other = await context.newPage();
  await open(other, server, id);
  await expect(other.getByText(`A draft for another device, ${mac}, was found`)).toBeVisible();
  await expect(other.getByRole("button", { name: "Restore" })).toBeHidden();
  await expectAccessible(other);
  await other.getByRole("button", { name: "Compare" }).click();
  await expect(dialog(other)).toContainText("draft");
  await other.keyboard.press("Escape");
  await other.getByRole("button", { name: "Discard" }).click();
  expect(await drafts(other)).toEqual([]);
});

test("a copy that was begun is offered for the device that it is a copy of, and for no other", async ({
  page,
  server,
}) => {
  const ids = [await server.create(mac, '{"of": "A"}'), await server.create("02:00:00:00:00:02", '{"of": "B"}')];
  const address = page.getByLabel("MAC address");
  const begun = page.getByText("You had begun this one");
  const show = async (path: string) => {
    await page.goto("about:blank");
    await page.goto(`${server.url}#/new${path}`);
    await expect(editorOf(page)).toBeVisible();
  };
  await show(`?from=${ids[0]}`);
  await address.fill("02:00:00:00:00:0a");
  await expect.poll(() => drafts(page)).toHaveLength(1);
  await show(`?from=${ids[1]}`);
  await expect(address).toHaveValue("");
  await expect(begun).toBeHidden();
  await address.fill("02:00:00:00:00:0b");
  await expect.poll(() => drafts(page)).toHaveLength(2);
  await show("");
  await expect(begun).toBeHidden();
  await show(`?from=${ids[0]}`);
  await expect(begun).toBeVisible();
  await expect(address).toHaveValue("02:00:00:00:00:0a");
  // What is taken back is no draft any more.
  await address.fill("");
  await expect.poll(() => drafts(page)).toHaveLength(1);
  await show(`?from=${ids[1]}`);
  await expect(address).toHaveValue("02:00:00:00:00:0b");
  await page.getByRole("button", { name: "Start over" }).click();
  await expect.poll(() => drafts(page)).toEqual([]);
});

/** Goes away from what is written, and says that it is to be kept. */
const leaveAndKeep = async (page: Page) => {
  await page.bringToFront();
  await page.getByRole("link", { name: "Audit" }).first().click();
  await page.getByRole("button", { name: "Leave, keep the draft" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Audit" })).toBeVisible();
};
const texts = (page: Page) => page.evaluate(() => Object.values(localStorage).join());

test("what is left to be kept is kept, also where another tab has thrown the draft away", async ({
  page,
  server,
  context,
}) => {
  const id = await server.create(mac, text);
  await open(page, server, id);
  await setText(page, text.replace("home", "unsaved"));
  await expect.poll(() => drafts(page)).toHaveLength(1);
  const other = await context.newPage();
  await open(other, server, id);
  await expect(other.getByText(/A draft from .* on revision 1 was found/)).toBeVisible();
  const discard = other.getByRole("button", { name: "Discard" });
  await discard.focus();
  await discard.press("Enter");
  await expect(editorOf(other)).toBeFocused();
  await expect.poll(() => drafts(page)).toEqual([]);

  // What is said of it is so when it is said.
  await page.bringToFront();
  await fill(page);
  await page.getByRole("link", { name: "Audit" }).first().click();
  await expect(dialog(page)).toContainText("this browser cannot keep it as a draft");
  await page.getByRole("button", { name: "Stay" }).click();
  await page.evaluate(() => localStorage.removeItem("filler"));
  await leaveAndKeep(page);
  expect(await drafts(page)).toHaveLength(1);
  await page.goBack();
  await page.getByRole("button", { name: "Restore" }).click();
  await expect(editorOf(page)).toContainText("unsaved");
});

test("two tabs that begin a configuration keep each its own", async ({ page, server, context }) => {
  const address = (of: Page) => of.getByLabel("MAC address");
  const begun = (of: Page) => of.getByText("You had begun this one");
  await page.goto(`${server.url}#/new`);
  await expect(editorOf(page)).toBeVisible();
  await address(page).fill("02:00:00:00:00:0a");
  await expect.poll(() => drafts(page)).toHaveLength(1);
  const other = await context.newPage();
  await other.goto(`${server.url}#/new`);
  await expect(begun(other)).toBeVisible();
  await expect(editorOf(other)).toBeVisible();
  const startOver = other.getByRole("button", { name: "Start over" });
  await startOver.focus();
  await startOver.press("Enter");
  await expect(address(other)).toBeFocused();
  await expect.poll(() => drafts(page)).toEqual([]);
  await leaveAndKeep(page);
  // The other, which has nothing to keep, leaves what there is alone.
  await expect.poll(() => texts(other)).toContain("02:00:00:00:00:0a");
  await other.reload();
  await expect(begun(other)).toBeVisible();

  // Both go on from the same, each its own way.
  await page.bringToFront();
  await page.goBack();
  await expect(begun(page)).toBeVisible();
  await expect(editorOf(page)).toBeVisible();
  await other.bringToFront();
  await expect(editorOf(other)).toBeVisible();
  await address(other).fill("02:00:00:00:00:0b");
  await expect.poll(() => texts(page)).toContain("02:00:00:00:00:0b");
  await address(page).fill("02:00:00:00:00:0c");
  await expect.poll(() => texts(other)).toContain("02:00:00:00:00:0c");
  await leaveAndKeep(other);
  await leaveAndKeep(page);
  await expect.poll(() => drafts(page)).toHaveLength(2);
  expect(await texts(page)).toContain("02:00:00:00:00:0b");
  await page.goBack();
  await expect(address(page)).toHaveValue("02:00:00:00:00:0c");
  // What one made is let go, and what the other began is not.
  await expect(editorOf(page)).toBeVisible();
  await page.getByRole("button", { name: "Create configuration" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "02:00:00:00:00:0c" })).toBeVisible();
  await page.goto(`${server.url}#/new`);
  await expect(address(page)).toHaveValue("02:00:00:00:00:0b");
});

test("what was discarded on leaving stays so", async ({ page, server }) => {
  await page.goto(`${server.url}#/new`);
  await expect(editorOf(page)).toBeVisible();
  await page.getByLabel("MAC address").fill("02:00:00:00:00:0b");
  await expect.poll(() => drafts(page)).toHaveLength(1);
  await page.getByRole("link", { name: "Audit" }).first().click();
  await page.getByRole("button", { name: "Discard the changes" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Audit" })).toBeVisible();
  expect(await drafts(page)).toEqual([]);
});

test.describe("with a token", () => {
  const token = "a-token-of-the-tests";
  test.use({ serverEnv: { ADMIN_TOKEN: token } });

  test("nothing of what was written is left by who signs out, not by its going either", async ({ page, server }) => {
    const headers = { Authorization: `Bearer ${token}` };
    const { id } = await server.api<{ id: number }>(
      "POST",
      "api/configs",
      { mac_address: mac, content: text },
      headers,
    );
    // The machine itself needs no token.
    await page.setExtraHTTPHeaders({ "X-Forwarded-For": "10.0.0.9" });
    for (const path of ["#/new", `#/devices/${id}`]) {
      await page.goto("about:blank");
      await page.goto(`${server.url}${path}`);
      await page.evaluate((t) => sessionStorage.setItem("espalier:/:token", t), token);
      await page.reload();
      await editorOf(page).focus();
      await page.keyboard.press("Control+End");
      await page.keyboard.type(" ");
      await expect.poll(() => drafts(page)).toHaveLength(1);
      await page.getByRole("button", { name: "More" }).click();
      await page.getByRole("menuitem", { name: "Sign out" }).click();
      await page.getByRole("button", { name: "Delete and sign out" }).click();
      await expect(page.getByLabel("Admin token")).toBeVisible();
      expect(await drafts(page)).toEqual([]);
    }
  });
});
