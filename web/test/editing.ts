import { expect, type Page } from "@playwright/test";
import type { Server } from "./server";

// What the tests of the document do again and again.

export const mac = "02:00:00:00:00:01";
export const text = `{
  "deviceName": "Hall",
  "wifi": {
    "ssid": "home",
    "channel": 6
  },
  "pins": [4, 5]
}
`;

export const editorOf = (page: Page) => page.getByRole("textbox", { name: "Document" });
export const dialog = (page: Page) => page.getByRole("dialog");

/** Opens a device, and waits until its document can be edited and changes of others are told. */
export const open = async (page: Page, server: Server, id: number) => {
  await page.goto(`${server.url}#/devices/${id}`);
  await expect(editorOf(page)).toBeVisible();
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
};

/** Writes another document over the whole editor. */
export const setText = async (page: Page, next: string) => {
  await editorOf(page).focus();
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText(next);
  await expect(page.getByText("Not saved")).toBeVisible();
};

/** The document of a revision, as the server has it. */
export const stored = async (server: Server, id: number, revision: number) =>
  (await fetch(new URL(`api/configs/${id}/revisions/${revision}/document`, server.url))).text();

/** Has one request done by the server, and its answer lost on the way. */
export const loseAnswer = async (page: Page, url: string, method: string) => {
  let lost = false;
  await page.route(url, async (route) => {
    if (lost || route.request().method() !== method) return route.fallback();
    lost = true;
    await route.fetch();
    await route.abort("connectionreset");
  });
};

/** The revisions of a configuration, the newest first. */
export const revisionsOf = async (server: Server, id: number) =>
  (
    await server.api<{ revisions: { revision: number; message: string | null }[] }>(
      "GET",
      `api/configs/${id}/revisions`,
    )
  ).revisions;

/** Takes what two have made of a document, and saves it as `revision`. */
export const saveMerged = async (page: Page, revision: number) => {
  await page.getByRole("button", { name: "Use the merged document" }).click();
  await page.getByRole("textbox", { name: "Message" }).press("Control+Enter");
  await expect(page.getByText(`Revision ${revision} is saved`).first()).toBeVisible();
};
