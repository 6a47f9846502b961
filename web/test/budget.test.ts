import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test as bare } from "@playwright/test";
import { budget, judge, measure } from "../budget.mjs";
import { expect, test } from "./fixtures";

const manifest = {
  "index.html": { file: "assets/index.js", css: ["assets/index.css"], imports: ["_shared.js"], isEntry: true },
  "_shared.js": { file: "assets/shared.js" },
  "src/pages/fleet/History.tsx": { file: "assets/chart.js", imports: ["_shared.js"] },
  "src/pages/device/DevicePage.tsx": { file: "assets/device.js", imports: ["_shared.js"] },
  "src/pages/device/DocumentTab.tsx": { file: "assets/document.js", imports: ["_shared.js"] },
  "src/editor/Editor.tsx": { file: "assets/editor.js", imports: ["_shared.js"] },
  "src/pages/AuditPage.tsx": { file: "assets/audit.js" },
};
const html = '<script src="./assets/theme.js"></script><script src="./assets/index.js"></script>';
const sizes = {
  "index.html": 1,
  "assets/theme.js": 2,
  "assets/index.js": 4,
  "assets/index.css": 8,
  "assets/shared.js": 16,
  "assets/chart.js": 32,
  "assets/editor.js": 64,
  "assets/audit.js": 128,
  "assets/device.js": 256,
  "assets/document.js": 512,
};

bare("what opens with the fleet counts once, also what it loads by itself", () => {
  expect(measure(manifest, html, sizes)).toMatchObject({ first: 63, editor: 832, total: 1023 });
});

bare("a budget that is spent is kept to, and one byte more is not", () => {
  const measured = measure(manifest, html, sizes);
  expect(judge(measured, { first: 63, editor: 832, total: 1023 }).kept).toBe(true);
  const over = judge(measured, { first: 62, editor: 832, total: 1023 });
  expect(over.kept).toBe(false);
  expect(over.lines[0]).toMatch(/^OVER +first/);
});

for (const part of ["index.html", ...Object.keys(manifest).filter((key) => /History|Device|Document|Editor/.test(key))])
  bare(`a build without ${part} is refused`, () => {
    const rest = Object.fromEntries(Object.entries(manifest).filter(([key]) => key !== part));
    expect(() => measure(rest, html, sizes)).toThrow(part === "index.html" ? "no entry" : part.replace("src/", ""));
  });

bare("a page that has grown too large does not build", () => {
  const pack = (bytes: number) => {
    const folder = mkdtempSync(join(tmpdir(), "espalier-pack-"));
    mkdirSync(join(folder, "assets"));
    writeFileSync(join(folder, "manifest.json"), JSON.stringify(manifest));
    writeFileSync(join(folder, "index.html"), html);
    for (const name of Object.keys(sizes).slice(1)) writeFileSync(join(folder, name), "//");
    writeFileSync(join(folder, "assets/index.js"), randomBytes(bytes));
    const done = spawnSync(process.execPath, [resolve(import.meta.dirname, "../pack.mjs"), folder], {
      encoding: "utf8",
    });
    rmSync(folder, { recursive: true });
    return done;
  };
  const good = pack(budget.first - 10_000);
  expect(good.stdout).toMatch(/^ok +first/m);
  expect(good.status).toBe(0);
  const bad = pack(budget.first + 1);
  expect(bad.stdout).toMatch(/^OVER +first/m);
  expect(bad.stderr).toContain("larger than its budget");
  expect(bad.status).toBe(1);
});

test("a browser that opens the fleet loads no more than the budget", async ({ page, server }) => {
  await server.sample();
  const parts = new Map<string, Promise<number>>();
  page.on("response", (response) => {
    const path = new URL(response.url()).pathname;
    if (path === "/" || path.startsWith("/assets/") || path === "/favicon.svg")
      parts.set(
        path,
        response
          .request()
          .sizes()
          .then((size) => size.responseBodySize),
      );
  });
  await page.goto(server.url);
  await expect(page.getByRole("link", { name: "02:1f:5c:3a:90:11" })).toBeVisible();
  // The stream of events never ends: it is over when nothing has come for a second.
  await page.waitForFunction(
    () =>
      performance.now() -
        Math.max(...performance.getEntriesByType("resource").map((e) => (e as PerformanceResourceTiming).responseEnd)) >
      1000,
  );
  const all = await Promise.all(parts.values());
  expect(parts.size).toBeGreaterThan(4);
  expect(all.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(budget.first);
});
