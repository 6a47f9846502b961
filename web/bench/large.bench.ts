import { setTimeout as sleep } from "node:timers/promises";
import type { CDPSession, Page } from "@playwright/test";
import { expect, test } from "../test/fixtures";
import { macOf, many, seedMany } from "../test/large";

const say = (what: string, value: number, unit: string, goal: string) =>
  process.stdout.write(`${what.padEnd(44)} ${value.toFixed(1).padStart(8)} ${unit.padEnd(4)} goal ${goal}\n`);

/** The memory of the page's scripts in MB, after what nobody needs was thrown away. */
const heap = async (cdp: CDPSession): Promise<number> => {
  await cdp.send("HeapProfiler.collectGarbage");
  return (await cdp.send("Runtime.getHeapUsage")).usedSize / 1e6;
};

interface Frames {
  /** On average. */
  fps: number;
  /** In the worst second of them. */
  slowest: number;
  /** How long 99 of 100 took at most, in ms. */
  within: number;
}

/** Scrolls for eight seconds, by so many pixels with each frame, and with jumps of 10,000 rows between. */
const scroll = (page: Page, how: { by: number; jumps: boolean }): Promise<Frames> =>
  page.evaluate(async ({ by, jumps }) => {
    const box = document.querySelector<HTMLElement>("[data-fleet]")!;
    box.scrollTop = 0;
    const at = [await new Promise<number>(requestAnimationFrame)];
    for (let step = 0; at.at(-1)! < at[0]! + 8000; step++) {
      box.scrollTop += jumps && step % 120 === 119 ? 400_000 : by;
      at.push(await new Promise<number>(requestAnimationFrame));
    }
    const gaps = at.slice(1).map((now, i) => now - at[i]!);
    const inSecond = (from: number) => at.filter((now) => now > from && now <= from + 1000).length;
    return {
      fps: (1000 * gaps.length) / (at.at(-1)! - at[0]!),
      slowest: Math.min(...at.filter((now) => now <= at.at(-1)! - 1000).map(inSecond)),
      within: gaps.toSorted((a, b) => a - b)[Math.floor(gaps.length * 0.99)]!,
    };
  }, how);

test("100,000 devices", async ({ page, server }) => {
  await seedMany(server);
  await page.goto(`${server.url}api/docs`);
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("HeapProfiler.enable");
  await page.addInitScript(() => {
    const note = (name: string) => performance.getEntriesByName(name).length || performance.mark(name);
    new MutationObserver(() => {
      if (document.querySelector('[role="row"][data-id]')) note("rows");
      if (document.querySelector('[data-fleet="ready"]')) note("all");
    }).observe(document, { childList: true, subtree: true, attributes: true });
  });
  const marks: { rows: number; all: number }[] = [];
  for (let i = 0; i < 5; i++) {
    await page.goto("about:blank");
    await page.goto(server.url);
    await expect(page.locator('[data-fleet="ready"]')).toBeAttached();
    marks.push(
      await page.evaluate(() => ({
        rows: performance.getEntriesByName("rows")[0]!.startTime,
        all: performance.getEntriesByName("all")[0]!.startTime,
      })),
    );
  }
  const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;
  say("first rows seen", median(marks.map((m) => m.rows)), "ms", "1500");
  say("all rows there", median(marks.map((m) => m.all)), "ms", "1500");

  const searched = await page.evaluate(async () => {
    const input = document.querySelector<HTMLInputElement>('input[type="search"]')!;
    const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")!.set!;
    const from = performance.now();
    set.call(input, "sensor_73210");
    input.dispatchEvent(new Event("input", { bubbles: true }));
    while (document.querySelectorAll('[role="row"][data-id]').length !== 1) await new Promise(requestAnimationFrame);
    const took = performance.now() - from;
    set.call(input, "");
    input.dispatchEvent(new Event("input", { bubbles: true }));
    while (document.querySelectorAll('[role="row"][data-id]').length === 1) await new Promise(requestAnimationFrame);
    return took;
  });
  say("a search answers", searched, "ms", "-");
  say("memory of scripts", await heap(cdp), "MB", "200");

  const quiet = await scroll(page, { by: 200, jumps: false });
  say("scrolling", quiet.fps, "fps", "30");
  say("  its slowest second", quiet.slowest, "fps", "30");
  say("  99 of 100 frames within", quiet.within, "ms", "33");
  const wild = await scroll(page, { by: 600, jumps: true });
  say("scrolling a screen each frame, with jumps", wild.fps, "fps", "30");
  say("  its slowest second", wild.slowest, "fps", "30");
  say("  99 of 100 frames within", wild.within, "ms", "-");

  let pouring = true;
  let fetched = 0;
  const perSecond = 500;
  const pour = (async () => {
    const began = performance.now();
    while (pouring) {
      const due = Math.min(20, Math.floor(((performance.now() - began) / 1000) * perSecond) - fetched);
      await Promise.all(Array.from({ length: due }, () => server.fetchAsDevice(macOf((fetched++ * 7919) % many))));
      await sleep(10);
    }
  })();
  const busy = await scroll(page, { by: 200, jumps: false });
  pouring = false;
  await pour;
  say(`scrolling while ${perSecond} devices a second fetch`, busy.fps, "fps", "30");
  say("  its slowest second", busy.slowest, "fps", "30");
  say("  99 of 100 frames within", busy.within, "ms", "33");
  say(`memory of scripts after ${fetched} fetches`, await heap(cdp), "MB", "200");
});
