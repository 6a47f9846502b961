import { expect, expectAccessible, test } from "./fixtures";

const token = "correct-horse-battery-staple";

test.use({
  serverEnv: { ADMIN_TOKEN: token },
  launchOptions: {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--host-resolver-rules=MAP rebound.example 127.0.0.1"],
  },
});

test("a name that the server does not know is refused, and the token is not", async ({ page, server, problems }) => {
  await page.goto(`http://rebound.example:${server.port}/`);
  await expect(page.getByRole("heading", { level: 1, name: "The server does not know this name" })).toBeVisible();
  await expect(page.getByText("ALLOWED_HOSTS")).toBeVisible();
  await expectAccessible(page);
  await page.getByLabel("Admin token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("heading", { name: "Welcome to Espalier" })).toBeVisible();
  // It is this server, by another name.
  problems.splice(0, problems.length, ...problems.filter((problem) => !problem.includes("rebound.example")));
});
