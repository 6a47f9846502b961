import { setTimeout as sleep } from "node:timers/promises";
import type { CDPSession } from "@playwright/test";
import { expect, test } from "../test/fixtures";
import { macOf, many, seedMany } from "../test/large";

const say = (what: string, value: number, unit: string, goal: string) =>
  process.stdout.write(`${what.padEnd(44)} ${value.toFixed(1).padStart(8)} ${unit.padEnd(4)} goal ${goal}\n`);

/** The memory of the page's scripts in MB, after what nobody needs was thrown away. */
const heap = async (cdp: CDPSession): Promise<number> => {
  await cdp.send("HeapProfiler.collectGarbage");
  return (await cdp.send("Runtime.getHeapUsage")).usedSize / 1e6;
};

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

  const scroll = () =>
    page.evaluate(async () => {
      const box = document.querySelector<HTMLElement>("[data-fleet]")!;
      const gaps: number[] = [];
      let last = await new Promise(requestAnimationFrame);
      const end = last + 5000;
      for (let step = 0; last < end; step++) {
        box.scrollTop += step % 120 === 119 ? 400_000 : 600;
        const now = await new Promise<number>(requestAnimationFrame);
        gaps.push(now - last);
        last = now;
      }
      gaps.sort((a, b) => a - b);
      return { fps: (1000 * gaps.length) / gaps.reduce((a, b) => a + b), worst: gaps[Math.floor(gaps.length * 0.99)]! };
    });
  const quiet = await scroll();
  say("scrolling", quiet.fps, "fps", "30");
  say("  99 of 100 frames within", quiet.worst, "ms", "33");

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
  await page.evaluate(() => {
    document.querySelector("[data-fleet]")!.scrollTop = 0;
  });
  const busy = await scroll();
  pouring = false;
  await pour;
  say(`scrolling while ${perSecond} devices a second fetch`, busy.fps, "fps", "30");
  say("  99 of 100 frames within", busy.worst, "ms", "33");
  say(`memory of scripts after ${fetched} fetches`, await heap(cdp), "MB", "200");
});
