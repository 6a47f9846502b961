import { expect, expectAccessible, test } from "./fixtures";

const token = "correct-horse-battery-staple";
const elsewhere = { "X-Forwarded-For": "10.0.0.9" };

test.describe("with an admin token", () => {
  test.use({ serverEnv: { ADMIN_TOKEN: token } });

  test("one signs in by keyboard, comes to where one wanted, and signs out", async ({ page, server }) => {
    await page.setExtraHTTPHeaders(elsewhere);
    await page.goto(`${server.url}#/audit`);
    const field = page.getByLabel("Admin token");
    await expect(field).toBeFocused();
    await expectAccessible(page);
    await page.emulateMedia({ colorScheme: "dark" });
    await expectAccessible(page);
    await page.keyboard.type("wrong");
    await page.keyboard.press("Enter");
    await expect(field).toHaveAccessibleDescription("This is not the server's token");
    await expect(field).toHaveValue("wrong");
    await expectAccessible(page);
    // What is wrong is selected, to be written over.
    await page.keyboard.type(token);
    await page.keyboard.press("Enter");
    await expect(page.getByRole("heading", { level: 1, name: "Audit" })).toBeVisible();
    await page.reload();
    await expect(page.getByRole("heading", { level: 1, name: "Audit" })).toBeVisible();
    // For this tab only.
    const other = await page.context().newPage();
    await other.setExtraHTTPHeaders(elsewhere);
    await other.goto(server.url);
    await expect(other.getByLabel("Admin token")).toBeVisible();
    await other.getByLabel("Admin token").fill(token);
    await other.getByLabel("Stay signed in on this computer").check();
    await other.getByRole("button", { name: "Sign in" }).click();
    await expect(other.getByRole("heading", { name: "Welcome to Espalier" })).toBeVisible();
    const third = await page.context().newPage();
    await third.setExtraHTTPHeaders(elsewhere);
    await third.goto(server.url);
    await expect(third.getByRole("heading", { name: "Welcome to Espalier" })).toBeVisible();
    await third.getByRole("button", { name: "More" }).click();
    await third.getByRole("menuitem", { name: "Sign out" }).click();
    await expect(third.getByLabel("Admin token")).toBeVisible();
    expect(await third.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]))).not.toContain(
      token,
    );
  });

  test("who guesses has to wait, and is told how long", async ({ page, server }) => {
    await page.setExtraHTTPHeaders(elsewhere);
    await page.goto(server.url);
    await page.getByLabel("Admin token").fill("another guess");
    await page.getByRole("button", { name: "Sign in" }).click();
    await expect(page.getByLabel("Admin token")).toHaveAccessibleDescription(/no spaces/);
    await page.getByLabel("Admin token").fill("another-guess");
    const guess = (i: number) =>
      fetch(new URL("api/server", server.url), { headers: { ...elsewhere, Authorization: `Bearer guess${i}` } });
    // Who waits long enough may guess once more.
    await expect(async () => {
      const answers = await Promise.all(Array.from({ length: 25 }, (_, i) => guess(i)));
      expect(answers.map((answer) => answer.status)).toContain(429);
      await page.getByRole("button", { name: "Sign in" }).click();
      await expect(page.getByText(/Wait \d+ seconds?, and check the token/)).toBeVisible({ timeout: 3000 });
    }).toPass();
    await expect(page.getByRole("button", { name: "Sign in" })).toBeDisabled();
    await expectAccessible(page);
  });

  test("a token that is refused later leads to sign-in and back, with what was written", async ({ page, server }) => {
    await page.setExtraHTTPHeaders(elsewhere);
    await page.goto(`${server.url}#/new`);
    await page.getByLabel("Admin token").fill(token);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByLabel("MAC address").fill("02:00:00:00:00:0b");
    await server.down();
    server.env.ADMIN_TOKEN = "another-token-altogether";
    await server.up();
    await expect(page.getByLabel("Admin token")).toBeVisible({ timeout: 40_000 });
    await expect(page.getByText("Drafts that this browser keeps are there")).toBeVisible();
    await expect(page.getByText("The token that this browser had is not the server's any more").first()).toBeVisible();
    await page.getByLabel("Admin token").fill("another-token-altogether");
    await page.getByRole("button", { name: "Sign in" }).click();
    await expect(page).toHaveURL(/#\/new$/);
    await expect(page.getByLabel("MAC address")).toHaveValue("02:00:00:00:00:0b");
  });
});

test("a server that is closed to the network says so and what to do, on a phone", async ({ page, server }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.setExtraHTTPHeaders(elsewhere);
  await page.goto(server.url);
  await expect(page.getByRole("heading", { level: 1, name: "Not open to the network" })).toBeVisible();
  await expect(page.getByLabel("Admin token")).toBeHidden();
  await expect(page.getByText("Start it with an ADMIN_TOKEN")).toBeVisible();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await expectAccessible(page);
  await page.setExtraHTTPHeaders({});
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("heading", { name: "Welcome to Espalier" })).toBeVisible();
});
