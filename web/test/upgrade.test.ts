import { execFileSync } from "node:child_process";
import { join, resolve } from "node:path";
import { expect, expectAccessible, test } from "./fixtures";

const root = resolve(import.meta.dirname, "../..");

test("a page that is older than its server says so, and loads itself again", async ({ page, server }) => {
  test.slow(); // a program is built
  const newer = join(server.folder, "espalier-newer");
  const flags = ["-trimpath", "-ldflags", "-s -w -X main.version=v99.1.0", "-o", newer];
  execFileSync("go", ["build", ...flags, "./cmd/espalier"], { cwd: root, env: { ...process.env, CGO_ENABLED: "0" } });
  await page.goto(`${server.url}#/server`);
  await expect(page.getByText("Live", { exact: true })).toBeAttached();
  const told = page.getByText("The server was updated to v99.1.0; this page is of");
  await server.down();
  server.program = newer;
  await server.up();
  await expect(told).toBeVisible({ timeout: 40_000 });
  await expectAccessible(page);
  await page.getByRole("button", { name: "Load the page again" }).click();
  await expect(page.getByText("v99.1.0").first()).toBeVisible();
  await expect(told).toBeHidden();
});
