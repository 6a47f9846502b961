import type { Page, Route } from "@playwright/test";
import { expect, test } from "./fixtures";
import type { Server } from "./server";

const mac = (n: number) => `02:00:00:00:00:${n.toString(16).padStart(2, "0")}`;

const seed = async (server: Server, count: number) => {
  const lines = Array.from({ length: count }, (_, i) =>
    JSON.stringify({ mac_address: mac(i + 1), content: JSON.stringify({ deviceName: `Sensor ${i + 1}`, n: 0 }) }),
  );
  await server.api("POST", "api/import", lines.join("\n"), { "Content-Type": "application/x-ndjson" });
};

const contents = async (server: Server): Promise<string[]> => {
  const text = await (await fetch(`${server.url}api/export`)).text();
  return text.trim().split("\n").filter(Boolean);
};

/** How many have the new value. */
const changed = async (server: Server) => (await contents(server)).filter((line) => line.includes('n\\":7')).length;

/** Something that one waits for. */
const signal = () => {
  let give = () => {};
  const given = new Promise<void>((resolve) => {
    give = resolve;
  });
  return { given, give };
};

/** Holds those of these requests that come after the first few, until it is called. */
const holdAfter = async (page: Page, few: number, is: (route: Route) => boolean) => {
  let count = 0;
  const released = signal();
  const held = signal();
  await page.route("**/api/configs/**", async (route) => {
    if (!is(route)) return route.continue();
    if (++count > few) {
      held.give();
      await released.given;
    }
    await route.continue();
  });
  return { held: held.given, release: released.give };
};

const method = (name: string) => (route: Route) => route.request().method() === name;

/** Comes to the fleet from another page, so that there is one to go back to. */
const comeFromAudit = async (page: Page, server: Server) => {
  await page.goto(`${server.url}#/audit`);
  await expect(page.getByRole("heading", { name: "Audit" })).toBeVisible();
  await page.getByRole("link", { name: "Fleet" }).first().click();
};

/** Opens the change of all devices, up to the question how to make it. */
const wish = async (page: Page, message = "") => {
  await page.getByRole("checkbox", { name: "Select all that are shown" }).click();
  await page.getByRole("button", { name: "Set a value" }).click();
  const dialog = page.getByRole("dialog", { name: /^Set a value/ });
  await dialog.getByLabel("Which value").fill("n");
  await dialog.getByLabel("New value").fill("7");
  await dialog.getByLabel("Message").fill(message);
  await dialog.getByRole("button", { name: "Show the differences" }).click();
  await dialog.getByRole("button", { name: /^Go on with/ }).click();
  await dialog.getByRole("radio", { name: /All at once|Now/ }).check();
  return dialog;
};

test("a change that is stopped names what is left, and goes on; so does taking it back", async ({ page, server }) => {
  await seed(server, 9);
  await page.goto(server.url);
  const dialog = await wish(page);
  const change = await holdAfter(page, 2, method("PATCH"));
  await dialog.getByRole("button", { name: "Change 9 devices" }).click();
  await change.held;
  await dialog.getByRole("button", { name: "Stop" }).click();
  change.release();
  await expect(dialog).toContainText("devices changed.");
  const first = await changed(server);
  expect(first).toBeLessThan(9);
  await expect(dialog).toContainText(`Left as they were: ${9 - first} devices`);
  await expect(dialog.getByRole("link", { name: "Sensor 9" })).toBeVisible();
  await page.unroute("**/api/configs/**");
  await dialog.getByRole("button", { name: `Go on with ${9 - first} devices` }).click();
  await expect(dialog).toContainText("9 devices changed.");

  const back = await holdAfter(page, 2, (route) => /\/restore$/.test(route.request().url()));
  await dialog.getByRole("button", { name: "Take it back" }).click();
  await back.held;
  await dialog.getByRole("button", { name: "Stop" }).click();
  back.release();
  await expect(dialog).toContainText("the former document again.");
  const left = await changed(server);
  expect(left).toBeGreaterThan(0);
  await expect(dialog).toContainText(`Not taken back yet: ${left} devices`);
  await dialog.getByRole("button", { name: `Take back ${left} devices` }).click();
  await expect(dialog).toContainText("9 devices have the former document again.");
  expect(await changed(server)).toBe(0);
});

test("differences that were not read are named, and their documents stay as they are", async ({ page, server }) => {
  await seed(server, 9);
  await page.goto(server.url);
  await page.getByRole("checkbox", { name: "Select all that are shown" }).click();
  await page.getByRole("button", { name: "Remove a value" }).click();
  const dialog = page.getByRole("dialog");
  const reading = await holdAfter(page, 2, (route) => /\/preview$/.test(route.request().url()));
  await dialog.getByLabel("Which value").fill("n");
  await dialog.getByRole("button", { name: "Show the differences" }).click();
  await reading.held;
  await expect(dialog).toContainText("Reading the differences: 2 of 9");
  await dialog.getByRole("button", { name: "Stop reading" }).click();
  await expect(dialog).toContainText("7 devices were not looked at, and stay as they are");
  await expect(dialog).toContainText("Not looked at: 7 devices");
  await expect(dialog.getByRole("link", { name: "Sensor 9" })).toBeVisible();
  reading.release();
  await expect(dialog.getByRole("button", { name: "Go on with 2 devices" })).toBeEnabled();
});

test("a change whose answer was lost is found out, and taken back with the others", async ({ page, server }) => {
  await seed(server, 3);
  await page.goto(server.url);
  const dialog = await wish(page);
  // The first is done, and its answer lost; the second does not arrive. Nor does the question what became of them.
  let count = 0;
  await page.route("**/api/configs/*", async (route) => {
    if (!method("PATCH")(route)) return route.continue();
    const mine = ++count;
    if (mine === 1) await route.fetch();
    return mine < 3 ? route.abort() : route.continue();
  });
  await page.route("**/api/audit?*", (route) => route.abort());
  await dialog.getByRole("button", { name: "Change 3 devices" }).click();
  await expect(dialog).toContainText("Not known, as the answer was lost: 2 devices");
  await expect(dialog.getByRole("link", { name: "Sensor 1" })).toBeVisible();
  await page.unrouteAll();
  await dialog.getByRole("button", { name: "Find out" }).click();
  await expect(dialog).toContainText("2 devices changed. 1 device was left as it is.");
  await expect(dialog).not.toContainText("Not known");
  expect(await changed(server)).toBe(2);
  await dialog.getByRole("button", { name: "Take it back" }).click();
  await expect(dialog).toContainText("2 devices have the former document again.");
  expect(await changed(server)).toBe(0);
});

test("taking back whose answer was lost is found out at once", async ({ page, server }) => {
  await seed(server, 2);
  await page.goto(server.url);
  const dialog = await wish(page);
  await dialog.getByRole("button", { name: "Change 2 devices" }).click();
  await expect(dialog).toContainText("2 devices changed.");
  let count = 0;
  await page.route("**/restore", async (route) => {
    if (++count === 1) await route.fetch();
    await route.abort();
  });
  await dialog.getByRole("button", { name: "Take it back" }).click();
  await expect(dialog).toContainText("1 device has the former document again.");
  await expect(dialog).toContainText("Not taken back yet: 1 device");
  await page.unrouteAll();
  await dialog.getByRole("button", { name: "Take back 1 device" }).click();
  await expect(dialog).toContainText("2 devices have the former document again.");
  expect(await changed(server)).toBe(0);
});

test("what the browser sent twice is no change of somebody else", async ({ page, server }) => {
  await seed(server, 1);
  await page.goto(server.url);
  const dialog = await wish(page);
  await page.route("**/api/configs/*", async (route) => {
    if (method("PATCH")(route)) await route.fetch();
    await route.continue();
  });
  await dialog.getByRole("button", { name: "Change 1 device" }).click();
  await expect(dialog).toContainText("1 device changed.");
  await expect(dialog).not.toContainText("someone else");
});

test("who leaves meanwhile is asked, and told what was done", async ({ page, server }) => {
  await seed(server, 9);
  await comeFromAudit(page, server);
  await expect(page.getByTestId("summary")).toHaveText("9 devices");
  const dialog = await wish(page);
  const change = await holdAfter(page, 2, method("PATCH"));
  await dialog.getByRole("button", { name: "Change 9 devices" }).click();
  await change.held;
  await page.goBack();
  const asked = page.getByRole("dialog", { name: "Stop here, and leave?" });
  await asked.getByRole("button", { name: "Stay" }).click();
  await expect(dialog.getByRole("button", { name: "Stop" })).toBeVisible();
  await page.goBack();
  await asked.getByRole("button", { name: "Stop and leave" }).click();
  await expect(page.getByRole("heading", { name: "Audit" })).toBeVisible();
  change.release();
  const told = page.getByText(/^The change was stopped: \d devices changed, \d left as they were$/).first();
  await expect(told).toBeVisible();
  const [done, left] = (await told.textContent())!.match(/\d+/g)!.map(Number);
  expect(await changed(server)).toBe(done);
  expect(done! + left!).toBe(9);
  expect(left).toBeGreaterThan(0);
});

test("while the first are looked at nothing closes it by a slip, and who leaves is asked and told", async ({
  page,
  server,
}) => {
  await seed(server, 9);
  await comeFromAudit(page, server);
  await expect(page.getByTestId("summary")).toHaveText("9 devices");
  const dialog = await wish(page);
  await dialog.getByRole("radio", { name: /First 5/ }).check();
  await dialog.getByRole("button", { name: "Change the first 5" }).click();
  await expect(dialog).toContainText("The first 5 have it now; 4 wait");
  await page.keyboard.press("Escape");
  await page.mouse.click(5, 5);
  await dialog.getByRole("button", { name: "Close" }).click();
  await expect(dialog.getByRole("button", { name: "Go on with 4 devices" })).toBeEnabled();
  await page.goBack();
  const asked = page.getByRole("dialog", { name: "Stop here, and leave?" });
  await asked.getByRole("button", { name: "Stay" }).click();
  await expect(asked).toBeHidden();
  await expect(dialog.getByRole("button", { name: "Take it back" })).toBeEnabled();
  await page.goBack();
  await asked.getByRole("button", { name: "Stop and leave" }).click();
  await expect(page.getByRole("heading", { name: "Audit" })).toBeVisible();
  await expect(
    page.getByText("The change was stopped: 5 devices changed, 4 left as they were", { exact: true }),
  ).toBeVisible();
  expect(await changed(server)).toBe(5);
});

test("who was asked whether to leave, and did not answer before all was done, stays", async ({ page, server }) => {
  await seed(server, 3);
  await comeFromAudit(page, server);
  await page.getByRole("checkbox", { name: "Select Sensor 1" }).click();
  await page.getByRole("checkbox", { name: "Select Sensor 2" }).click();
  await page.getByRole("button", { name: "Delete" }).click();
  const deleting = await holdAfter(page, 0, method("DELETE"));
  const dialog = page.getByRole("dialog", { name: "Delete 2 devices?" });
  await dialog.getByRole("button", { name: "Delete 2 devices" }).click();
  await deleting.held;
  await page.goBack();
  await expect(page.getByRole("dialog", { name: "Stop here, and leave?" })).toBeVisible();
  await expect(page).toHaveURL(/#\/audit/);
  deleting.release();
  await expect(page.getByText("2 devices deleted", { exact: true })).toBeVisible();
  await expect(page.getByRole("dialog")).toBeHidden();
  await expect(page).not.toHaveURL(/#\/audit/);
  await expect(page.getByTestId("summary")).toHaveText("1 device");
});

test("deleting that is stopped names what is left, and what was lost is found out", async ({ page, server }) => {
  await seed(server, 9);
  await page.goto(server.url);
  await page.getByRole("checkbox", { name: "Select all that are shown" }).click();
  await page.getByRole("button", { name: "Delete" }).click();
  const dialog = page.getByRole("dialog", { name: "Delete 9 devices?" });
  let count = 0;
  const lost = signal();
  await page.route("**/api/configs/*", async (route) => {
    if (!method("DELETE")(route)) return route.continue();
    const mine = ++count;
    if (mine > 4) await lost.given;
    if (mine !== 3) return route.continue();
    await route.fetch();
    await route.abort();
    lost.give();
  });
  await dialog.getByRole("button", { name: "Delete 9 devices" }).click();
  await expect(dialog).toContainText("devices deleted.");
  const left = (await contents(server)).length;
  expect(left).toBeGreaterThan(0);
  await expect(dialog).toContainText(`${9 - left} devices deleted.`);
  await expect(dialog).toContainText(`Left as they were: ${left} devices`);
  await expect(dialog.getByRole("link", { name: "Sensor 9" })).toBeVisible();
  await page.unrouteAll();

  await dialog.getByRole("button", { name: `Go on with ${left} devices` }).click();
  await expect(dialog).toBeHidden();
  expect(await contents(server)).toHaveLength(0);
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(page.getByText("9 devices brought back", { exact: true })).toBeVisible();
  expect(await contents(server)).toHaveLength(9);
});

test("bringing back that breaks off names what stays deleted", async ({ page, server }) => {
  await seed(server, 9);
  await page.goto(server.url);
  await page.getByRole("checkbox", { name: "Select all that are shown" }).click();
  await page.getByRole("button", { name: "Delete" }).click();
  const dialog = page.getByRole("dialog", { name: "Delete 9 devices?" });
  await server.api("PATCH", "api/configs/9", { content: { mine: true } });
  await dialog.getByRole("button", { name: "Delete 9 devices" }).click();
  await expect(dialog).toContainText("8 devices deleted.");
  await expect(dialog).toContainText("Changed by someone else meanwhile, left alone: 1 device");
  let backs = 0;
  await page.route("**/undelete", async (route) => {
    if (++backs === 1) await route.fetch();
    await route.abort();
  });
  await dialog.getByRole("button", { name: "Undo" }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByText("1 device brought back", { exact: true })).toBeVisible();
  await expect(page.getByText("7 devices could not be brought back", { exact: true })).toBeVisible();
  await expect(page.getByText(/^Sensor \d, Sensor \d, Sensor \d and 4 more stay deleted/)).toBeVisible();
  expect(await contents(server)).toHaveLength(2);
  await page.unrouteAll();
  await page.getByRole("button", { name: "See Deleted" }).click();
  await expect(page.getByRole("heading", { name: "Deleted configurations" })).toBeVisible();
});

test("a message is as long as the server takes it, also where it is taken back", async ({ page, server }) => {
  await seed(server, 1);
  await page.goto(server.url);
  const dialog = await wish(page, "x".repeat(500));
  await dialog.getByRole("button", { name: "Change 1 device" }).click();
  await expect(dialog).toContainText("1 device changed.");
  await dialog.getByRole("button", { name: "Take it back" }).click();
  await expect(dialog).toContainText("1 device has the former document again.");
  const { audit } = await server.api<{ audit: { message: string }[] }>("GET", "api/audit?limit=2");
  expect(audit.map((entry) => entry.message)).toEqual([`Take back: ${"x".repeat(488)}…`, "x".repeat(500)]);
});

test("no more is typed into a message than the server takes", async ({ page, server }) => {
  await seed(server, 1);
  await page.goto(server.url);
  await page.getByRole("checkbox", { name: "Select all that are shown" }).click();
  for (const action of ["Set a value", "Delete"]) {
    await page.getByRole("button", { name: action }).click();
    await page.getByLabel("Message").focus();
    await page.keyboard.insertText("x".repeat(501));
    await expect(page.getByLabel("Message")).toHaveValue("x".repeat(500));
    await page.getByRole("button", { name: "Cancel" }).click();
  }
});
