import { existsSync } from "node:fs";
import { defineConfig } from "@playwright/test";

const browser = process.env.CHROMIUM ?? "/usr/bin/chromium";
if (!existsSync(browser))
  throw new Error(`there is no ${browser}; make test-deps installs it, or CHROMIUM names another`);

// Every test has a server of its own: the real one, with its own broker.
export default defineConfig({
  testDir: "test",
  testMatch: "*.test.ts",
  fullyParallel: true,
  workers: 2,
  timeout: 90_000,
  expect: { timeout: 15_000 },
  forbidOnly: true,
  reporter: [["line"]],
  outputDir: "test-results",
  use: {
    browserName: "chromium",
    locale: "en-GB",
    timezoneId: "UTC",
    viewport: { width: 1280, height: 800 },
    launchOptions: { executablePath: browser, args: ["--no-sandbox"] },
    trace: "retain-on-failure",
  },
});
