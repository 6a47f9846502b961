import { existsSync } from "node:fs";
import { basename } from "node:path";
import { defineConfig } from "@playwright/test";

const browsers = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The browser that the tests use: the system's, or the one that CHROMIUM names. */
export const browser = process.env.CHROMIUM ?? browsers.find(existsSync) ?? browsers[0]!;
if (!existsSync(browser))
  throw new Error(`there is no ${browser}: make test-deps installs it, or CHROMIUM names another`);

// Who tests a program of their own beside others has results of their own.
const results = `test-results/${basename(process.env.ESPALIER_PROGRAM ?? "espalier")}`;

// Every test has a server of its own: the real one, with its own broker.
export default defineConfig({
  testDir: "test",
  testMatch: "*.test.ts",
  fullyParallel: true,
  workers: 2,
  timeout: 90_000,
  expect: { timeout: 15_000 },
  forbidOnly: true,
  reporter: [["line"], ["./test/reporter.ts", { outputFile: process.env.RESULTS ?? `${results}.json` }]],
  outputDir: results,
  use: {
    browserName: "chromium",
    locale: "en-GB",
    timezoneId: "UTC",
    viewport: { width: 1280, height: 800 },
    launchOptions: { executablePath: browser, args: ["--no-sandbox"] },
    // A trace of each test takes as long as the test: PWTRACE=1 keeps those of tests that fail.
    trace: process.env.PWTRACE ? "retain-on-failure" : "off",
    screenshot: "only-on-failure",
  },
});
