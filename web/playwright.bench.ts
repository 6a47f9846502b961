import { defineConfig } from "@playwright/test";
import config from "./playwright.config";

// What 100,000 devices cost a browser, printed: usable, frames and memory. It takes the machine for itself.
export default defineConfig({ ...config, testDir: "bench", testMatch: "*.bench.ts", workers: 1, timeout: 300_000 });
