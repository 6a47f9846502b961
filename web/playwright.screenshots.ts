import { defineConfig } from "@playwright/test";
import tests from "./playwright.config";

// Pictures of every view, for people to look at: make screenshots.
export default defineConfig({
  ...tests,
  testDir: "test/screenshots",
  testMatch: "*.shots.ts",
  timeout: 240_000,
  reporter: [["line"]],
  use: { ...tests.use, trace: "off" },
});
