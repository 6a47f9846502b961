import { expect, test } from "@playwright/test";
import {
  diffName,
  makesNew,
  patchText,
  pathOf,
  pathsIn,
  pointerOf,
  replacedAbove,
  sameButCase,
  typedValue,
} from "../src/fleet/change";
import { areas, nearest, roundTop, type Sample, stretches, thinned } from "../src/fleet/chart";
import { runMany } from "../src/fleet/many";
import { filterRows, mergeRows, type Row, rowOf, searchOf, sortRows } from "../src/fleet/row";
import { differing, type Source, View } from "../src/fleet/view";
import { Slots } from "../src/pages/fleet/slots";
import { sliceOf } from "../src/pages/fleet/useSlice";

const row = (id: number, change: Partial<Row> = {}): Row => ({
  id,
  mac: `02:00:00:00:00:${id.toString(16).padStart(2, "0")}`,
  name: `Sensor ${id}`,
  entity: `sensor_${id}`,
  ota: null,
  sync: "unknown",
  lastSeen: null,
  revision: 1,
  deviceRevision: null,
  updated: 0,
  overdue: false,
  online: null,
  ...change,
});
const everything = { q: "", sync: [], overdue: false, online: null };
const ids = (rows: readonly Row[]) => rows.map((r) => r.id);

test("a line of the compact list is a row", () => {
  expect(rowOf([7, "02:00:00:00:00:07", "A", null, 1, "held", 5, 3, 2, 4, 1, 0])).toEqual({
    ...row(7, { name: "A", entity: null, ota: true, sync: "held", lastSeen: 5, revision: 3, deviceRevision: 2 }),
    updated: 4,
    overdue: true,
    online: false,
  });
});

test("a search finds a MAC address in any spelling, and names without case and accents", () => {
  const there = row(1, { mac: "aa:bb:cc:0d:ee:ff", name: "Haustür Süd 12", entity: "front_door" });
  for (const q of [
    "aa:bb",
    "AA-BB-CC",
    "aabb.cc0d",
    "aabbcc",
    "bb:cc:0",
    "0d:EE:ff",
    "cc0dee",
    "aa:",
    "haustur",
    "HAUSTÜR",
    "süd 12",
    "12 door",
    " front_ ",
  ])
    expect(searchOf(q)?.(there), q).toBe(true);
  for (const q of ["ab:bc", "aa:cc", "bb.aa", "nord", "haustur nord"]) expect(searchOf(q)?.(there), q).toBe(false);
  expect(searchOf("  ")).toBeNull();
});

test("filters hold all at once", () => {
  const rows = [
    row(1, { sync: "error", overdue: true, online: false }),
    row(2, { sync: "error", online: true }),
    row(3, { sync: "held", overdue: true }),
    row(4),
  ];
  expect(ids(filterRows(rows, everything))).toEqual([1, 2, 3, 4]);
  expect(ids(filterRows(rows, { ...everything, sync: ["error", "held"] }))).toEqual([1, 2, 3]);
  expect(ids(filterRows(rows, { ...everything, overdue: true, sync: ["error"] }))).toEqual([1]);
  expect(ids(filterRows(rows, { ...everything, online: false }))).toEqual([1]);
  expect(ids(filterRows(rows, { ...everything, q: "sensor_4" }))).toEqual([4]);
});

test("rows are put in order as people do, what is missing last either way", () => {
  const rows = [
    row(1, { name: "sensor 10", lastSeen: 5 }),
    row(2, { name: null, lastSeen: null }),
    row(3, { name: "Sensor 9", lastSeen: 7 }),
    row(4, { name: "Ärmel", lastSeen: 5 }),
  ];
  expect(ids(sortRows(rows, { column: "name", descending: false }))).toEqual([4, 3, 1, 2]);
  expect(ids(sortRows(rows, { column: "name", descending: true }))).toEqual([1, 3, 4, 2]);
  expect(ids(sortRows(rows, { column: "lastSeen", descending: true }))).toEqual([3, 1, 4, 2]);
  expect(ids(sortRows(rows, { column: "mac", descending: true }))).toEqual([4, 3, 2, 1]);
  const bySync = rows.map((r, i) => ({
    ...r,
    sync: (["held", "error", "unknown", "held"] as const)[i]!,
    overdue: i === 3,
  }));
  expect(ids(sortRows(bySync, { column: "sync", descending: true }))).toEqual([2, 4, 1, 3]);
});

test("putting rows among sorted ones is the same as sorting all", () => {
  let seed = 7;
  const random = () => (seed = (seed * 16807) % 2147483647);
  for (let round = 0; round < 200; round++) {
    const rows = Array.from({ length: random() % 30 }, (_, i) =>
      row(i + 1, { name: random() % 4 ? `n${random() % 9}` : null, lastSeen: random() % 3 ? random() % 5 : null }),
    );
    const order = { column: (["name", "lastSeen", "mac"] as const)[random() % 3]!, descending: random() % 2 === 0 };
    const some = rows.filter(() => random() % 2);
    const rest = rows.filter((r) => !some.includes(r));
    expect(ids(mergeRows(sortRows(rest, order), some, order))).toEqual(ids(sortRows(rows, order)));
  }
});

const sourceOf = (rows: Row[]) => {
  const map = new Map(rows.map((r) => [r.id, r]));
  const steps: ReadonlySet<number>[] = [];
  return {
    rows: map,
    get version() {
      return steps.length;
    },
    changedSince: (version: number): ReadonlySet<number> => new Set(steps.slice(version).flatMap((step) => [...step])),
    change(...changed: Row[]) {
      for (const r of changed) map.set(r.id, r);
      steps.push(new Set(changed.map((r) => r.id)));
    },
    drop(id: number) {
      map.delete(id);
      steps.push(new Set([id]));
    },
  } satisfies Source & Record<string, unknown>;
};

test("a view that is held keeps rows where they stand, and says how many would move", () => {
  const source = sourceOf([row(1, { lastSeen: 3 }), row(2, { lastSeen: 2 }), row(3, { lastSeen: 1 })]);
  const view = new View();
  const order = { column: "lastSeen", descending: true } as const;
  view.update(source, everything, order, true);
  expect(ids(view.shown)).toEqual([1, 2, 3]);
  source.change(row(3, { lastSeen: 9 }));
  view.update(source, everything, order, true);
  expect(ids(view.shown)).toEqual([1, 2, 3]);
  expect(view.shown[2]!.lastSeen).toBe(9);
  expect(view.waiting).toBe(1);
  source.change(row(4, { lastSeen: 10 }));
  source.drop(2);
  view.update(source, everything, order, true);
  expect(ids(view.shown)).toEqual([1, 3]);
  expect(view.waiting).toBe(2);
  view.update(source, everything, order, false);
  expect(ids(view.shown)).toEqual([4, 3, 1]);
  expect(view.waiting).toBe(0);
});

test("a view follows every change as if it had been made anew", () => {
  let seed = 11;
  const random = () => (seed = (seed * 16807) % 2147483647);
  const states = ["unknown", "held", "error"] as const;
  const some = (id: number) => row(id, { sync: states[random() % 3]!, lastSeen: random() % 9 });
  const source = sourceOf(Array.from({ length: 40 }, (_, i) => some(i + 1)));
  const filter = { ...everything, sync: ["held", "error"] as const };
  const order = { column: "lastSeen", descending: true } as const;
  const view = new View();
  for (let round = 0; round < 100; round++) {
    const held = random() % 2 === 0;
    view.update(source, filter, order, held);
    const anew = sortRows(filterRows(source.rows.values(), filter), order);
    if (!held) expect(view.shown).toEqual(anew);
    else expect(view.waiting).toBe(differing(view.shown, anew));
    for (const shown of view.shown) expect(shown).toBe(source.rows.get(shown.id));
    if (random() % 3) source.change(...Array.from({ length: random() % 5 }, () => some((random() % 45) + 1)));
    else source.drop((random() % 45) + 1);
  }
});

test("what differs between two orders is the least that moved, came or went", () => {
  const list = (...which: number[]) => which.map((id) => row(id));
  expect(differing(list(1, 2, 3), list(1, 2, 3))).toBe(0);
  expect(differing(list(1, 2, 3, 4), list(4, 1, 2, 3))).toBe(1);
  expect(differing(list(1, 2, 3), list(3, 2, 1))).toBe(2);
  expect(differing(list(1, 2), list(2, 3))).toBe(2);
  expect(differing([], list(5))).toBe(1);
});

test("a path is a JSON Pointer or names with dots", () => {
  expect(pathOf("/wifi/a~1b/~0")).toEqual({ path: ["wifi", "a/b", "~"] });
  expect(pathOf(" wifi.ssid ")).toEqual({ path: ["wifi", "ssid"] });
  for (const bad of ["", "a..b", ".a", "/a~2"]) expect(pathOf(bad), bad).toHaveProperty("wrong");
  expect(pointerOf(["a/b", "~", "c"])).toBe("/a~1b/~0/c");
  expect([...pathsIn({ a: { b: 1 }, c: [1], d: null })]).toEqual([
    ["/a", "object"],
    ["/a/b", "number"],
    ["/c", "list"],
    ["/d", "null"],
  ]);
  expect(sameButCase("/Wifi/ssid", ["/wifi/ssid"])).toBe("/wifi/ssid");
  expect(sameButCase("/wifi/ssid", ["/WIFI/ssid", "/wifi/ssid"])).toBeNull();
});

test("a value is JSON as it was typed, or plain text", () => {
  expect(typedValue(" 1.50 ")).toMatchObject({ json: "1.50", says: "The number 1.50" });
  expect(typedValue("true")).toMatchObject({ json: "true" });
  expect(typedValue('"a b"')).toMatchObject({ json: '"a b"' });
  expect(typedValue("hello")).toEqual({ json: '"hello"', says: 'The text "hello"' });
  expect(typedValue("007")).toHaveProperty("warns");
  expect(typedValue("True")).toHaveProperty("warns");
  expect(typedValue("12345678901234567890")).toHaveProperty("warns");
  expect(typedValue('{"a":null}')).toHaveProperty("warns");
  for (const bad of ["", "null", '{"a":', '"x']) expect(typedValue(bad), bad).toHaveProperty("wrong");
});

test("a patch keeps the text of its value, and any name", () => {
  expect(patchText(["a", "b"], "1.50")).toBe('{"a":{"b":1.50}}');
  expect(patchText(["__proto__", 'q"'], "null")).toBe('{"__proto__":{"q\\"":null}}');
});

test("what a change would break is found in its preview", () => {
  const unified = (a: string, b: string) => `--- revision 1\n+++ preview\n@@ -1,3 +1,3 @@\n {\n-${a}\n+${b}\n }\n`;
  const list = { changed: true, patch: [{ op: "replace", path: "/list" }], unified: "" };
  expect(replacedAbove(["list", "0", "x"], list)).toBe("/list");
  expect(replacedAbove(["list"], list)).toBeNull();
  expect(replacedAbove(["listing"], list)).toBeNull();
  expect(makesNew(["a", "b"], { changed: true, patch: [{ op: "add", path: "/a" }], unified: "" })).toBe(true);
  expect(makesNew(["a", "b"], { changed: true, patch: [{ op: "replace", path: "/a/b" }], unified: "" })).toBe(false);
  const name = (a: string, b: string) =>
    diffName({ changed: true, patch: [{ op: "replace", path: "/a" }], unified: unified(a, b) });
  expect(name('  "a": 1,', '  "a": 2,')).toBe(name('\t"a":1', '\t"a":2'));
  expect(name('  "a": 1', '  "a": 2')).not.toBe(name('  "a": 3', '  "a": 2'));
  expect(name('"a": "x : y"', '"a": 2')).not.toBe(name('"a": "x:y"', '"a": 2'));
});

test("many are worked on a few at a time, and an error that all would meet ends it", async () => {
  let now = 0;
  let most = 0;
  const values: number[] = [];
  const work = async (n: number) => {
    most = Math.max(most, ++now);
    await Promise.resolve();
    now--;
    if (n === 5) throw new Error("five");
    return n * 2;
  };
  const items = Array.from({ length: 12 }, (_, i) => i);
  const note = (o: { item: number } & object) => values.push(o.item);
  const all = { at: 3, signal: new AbortController().signal, done: note };
  expect(await runMany(items, work, all)).toEqual([]);
  expect([values.length, most]).toEqual([12, 3]);
  const left = await runMany(items, work, { ...all, at: 1, hopeless: () => true });
  expect(left).toEqual([6, 7, 8, 9, 10, 11]);
  const stop = new AbortController();
  const rest = await runMany(items, work, { at: 1, signal: stop.signal, done: (o) => o.item === 2 && stop.abort() });
  expect(rest).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11]);
});

test("the picture stands on what is wrong, and has gaps where nobody looked", () => {
  const sample = (at: number, error: number, held: number): Sample => ({
    at,
    total: error + held,
    sync: { unknown: 0, pending: 0, fetched: 0, held, applied: 0, error },
    overdue: 0,
    online: 0,
  });
  const samples = [sample(0, 1, 1), sample(10, 2, 0), sample(50, 0, 2)];
  const parts = stretches(samples, 20);
  expect(parts.map((part) => part.length)).toEqual([2, 1]);
  const paths = areas(parts, { from: 0, until: 50, top: 2, width: 100, height: 10 });
  expect(paths.error).toBe("M0.0 5.00L20.0 0.00L20.0 10.00L0.0 10.00Z");
  expect(paths.applied).toBe("");
  expect(nearest(samples, 33)?.at).toBe(50);
  expect([0, 1, 3, 7, 24, 24_000, 100_000].map(roundTop)).toEqual([2, 2, 4, 10, 40, 25_000, 100_000]);
  expect(
    thinned(
      Array.from({ length: 10 }, (_, i) => sample(i, 0, 0)),
      4,
    ).map((s) => s.at),
  ).toEqual([0, 3, 6, 9]);
});

test("an element keeps its row, and shows another only when that goes", () => {
  let seed = 13;
  const random = () => (seed = (seed * 16807) % 2147483647);
  const slots = new Slots();
  let before = new Map<number, number>();
  let order: number[] = [];
  let heldBefore: number | null = null;
  let made = 0;
  for (let round = 0; round < 300; round++) {
    const from = random() % 40;
    const wanted = Array.from({ length: 12 }, (_, i) => from + i);
    const held = random() % 2 ? random() % 52 : null;
    const sorted = random() % 3 === 0;
    const places = slots.place(wanted, held, sorted);
    const now = new Map(places.map(({ slot, at }) => [wanted[at]!, slot]));
    expect([...now.keys()].toSorted((a, b) => a - b)).toEqual(wanted);
    expect(new Set(now.values()).size).toBe(wanted.length);
    for (const [id, slot] of before) {
      if (now.has(id)) expect(now.get(id)).toBe(slot);
      else if (id === held || id === heldBefore) expect([...now.values()]).not.toContain(slot);
    }
    const stood = order.filter((slot) => places.some((place) => place.slot === slot));
    order = places.map(({ slot }) => slot);
    if (sorted) expect(places.map(({ at }) => at)).toEqual(wanted.map((_, i) => i));
    else expect(order.slice(0, stood.length)).toEqual(stood);
    made = Math.max(made, ...order);
    before = now;
    heldBefore = held;
  }
  expect(made).toBeLessThan(250);
});

test("wherever one is in the table, as many rows are in the page", () => {
  const seen = [0, 17, 399, 40_000, 3_999_000, 4_100_000].map((from) => sliceOf(from, 700, 100_000, 40));
  expect(new Set(seen.map(({ first, end }) => end - first)).size).toBe(1);
  for (const [i, from] of [0, 17, 399, 40_000, 3_999_000].entries()) {
    expect(seen[i]!.first * 40).toBeLessThanOrEqual(from);
    expect(seen[i]!.end * 40).toBeGreaterThanOrEqual(Math.min(from + 700, 4_000_000));
  }
  expect(seen.at(-1)!.end).toBe(100_000);
  expect(sliceOf(0, 700, 3, 40)).toEqual({ first: 0, end: 3 });
  expect(sliceOf(900, 700, 0, 40)).toEqual({ first: 0, end: 0 });
});
