import { expect, test } from "@playwright/test";
import { type Entry, readFound } from "../src/pages/import/intake";
import { outcomeOf, planOf, refusedOf, reportCsv } from "../src/pages/import/plan";
import { arraySlices, objectSlices } from "../src/pages/import/slices";

const file = (path: string, content: BlobPart) => ({ path, file: new Blob([content]) });
const read = (...found: { path: string; file: Blob }[]) => readFound(found, 1000, () => {});
const short = (entries: Entry[]) =>
  entries.map((e) => [e.path, e.kind, e.mac, e.kind === "candidate" ? e.text : e.reason]);

test("values are cut out of JSON byte for byte", () => {
  expect(arraySlices('[ {"a": [1,2]} , "x\\"]", 1.0 ,null,{}]')).toEqual([
    '{"a": [1,2]}',
    '"x\\"]"',
    "1.0",
    "null",
    "{}",
  ]);
  expect(arraySlices("[]")).toEqual([]);
  expect([...objectSlices('{ "a" : { "b" : 1.0 } ,"c\\u0064":"}", "e":-0}')]).toEqual([
    ["a", '{ "b" : 1.0 }'],
    ["cd", '"}"'],
    ["e", "-0"],
  ]);
  expect(() => arraySlices("{}")).toThrow(SyntaxError);
  expect(() => objectSlices("[1")).toThrow(SyntaxError);
});

test("files are told apart by their names, and no byte of a document is changed", async () => {
  const text = '﻿{ "a" : 1.0,\r\n\t"é" : "\\u00e9" }\n\n';
  const entries = await read(
    file("fleet/02-1F-5C-3A-90-11.json", text),
    file("fleet/021f5c3a9012.JSON", "{}"),
    file("fleet/021f.5c3a.9013.json", "{}"),
    file("fleet/again/02:1f:5c:3a:90:12.json", '{"b":1}'),
    file("fleet/README.md", "hello"),
    file("fleet/notes.json", "{}"),
    file("fleet/.DS_Store", "x"),
    file("fleet/02-1f-5c-3a-90-14.json", new Uint8Array([0x7b, 0xff, 0x7d])),
    file("fleet/02-1f-5c-3a-90-15.json", " ".repeat(1001)),
  );
  expect(short(entries)).toEqual([
    ["fleet/02-1F-5C-3A-90-11.json", "candidate", "02:1f:5c:3a:90:11", text],
    ["fleet/021f5c3a9012.JSON", "candidate", "02:1f:5c:3a:90:12", "{}"],
    ["fleet/021f.5c3a.9013.json", "candidate", "02:1f:5c:3a:90:13", "{}"],
    [
      "fleet/again/02:1f:5c:3a:90:12.json",
      "refused",
      "02:1f:5c:3a:90:12",
      "02:1f:5c:3a:90:12 is here twice; first in fleet/021f5c3a9012.JSON",
    ],
    ["fleet/README.md", "other", null, "No .json file"],
    ["fleet/notes.json", "other", null, "Its name is no MAC address"],
    ["fleet/.DS_Store", "other", null, "A file of the computer's own"],
    ["fleet/02-1f-5c-3a-90-14.json", "refused", "02:1f:5c:3a:90:14", "It is not valid UTF-8"],
    [
      "fleet/02-1f-5c-3a-90-15.json",
      "refused",
      "02:1f:5c:3a:90:15",
      "It has 1,001 bytes, and the server takes 1,000 at most",
    ],
  ]);
});

test("an export is read line by line, and an array item by item", async () => {
  const lines = [
    '{"mac_address":"02:1f:5c:3a:90:11","content":"{ \\"a\\": 1 }\\n"}',
    '{"mac_address":"02-1f-5c-3a-90-12","content":{ "b" : 1.0 }}',
    "",
    "nonsense",
    '{"mac_address":"nobody","content":{}}',
    '{"mac_address":"02:1f:5c:3a:90:13"}',
  ].join("\n");
  expect(short(await read(file("e.ndjson", lines)))).toEqual([
    ["e.ndjson, line 1", "candidate", "02:1f:5c:3a:90:11", '{ "a": 1 }\n'],
    ["e.ndjson, line 2", "candidate", "02:1f:5c:3a:90:12", '{ "b" : 1.0 }'],
    ["e.ndjson, line 4", "refused", null, "It is no JSON object with mac_address and content"],
    ["e.ndjson, line 5", "refused", null, "Its mac_address is no MAC address"],
    ["e.ndjson, line 6", "refused", null, "It has no content"],
  ]);
  expect(short(await read(file("all.json", '[{"mac_address":"02:1f:5c:3a:90:11","content":{"a":1}}]')))).toEqual([
    ["all.json, item 1", "candidate", "02:1f:5c:3a:90:11", '{"a":1}'],
  ]);
});

test("the report says of each file what becomes of it", async () => {
  const entries = await read(
    file("02-1f-5c-3a-90-11.json", "{}"),
    file("02-1f-5c-3a-90-12.json", "{}"),
    file("02-1f-5c-3a-90-13.json", "{}"),
    file("02-1f-5c-3a-90-14.json", "{"),
    file("02-1f-5c-3a-90-16.json", "{}"),
    file("=cmd,.txt", ""),
  );
  const refused = [
    { source: "1", code: "RECORD_EXISTS", reason: "it exists", current_revision: 7 },
    { source: "3", code: "VALIDATION_FAILED", reason: "content is not valid JSON (line 1, column 2)" },
    { source: "4", code: "RECORD_EXISTS", reason: "it exists" },
  ];
  const report = { applied: false, dry_run: true, created: 1, updated: 0, unchanged: 1, skipped: 0, refused };
  const plan = planOf(entries, report, (mac) => ({ "02:1f:5c:3a:90:12": 2, "02:1f:5c:3a:90:13": 3 })[mac] ?? null);
  expect(plan.map((each) => [each.fate, each.id, each.revision])).toEqual([
    ["create", null, 0],
    ["update", 2, 7],
    ["same", 3, 0],
    ["refused", null, 0],
    ["refused", null, 0],
    ["other", null, 0],
  ]);
  expect(plan[4]!.reason).toContain("gave it no revision");
  expect(outcomeOf("update", "skip", true)).toBe("skipped");
  expect(outcomeOf("create", "skip", false)).toBe("not imported");
  expect(reportCsv(plan, "update", true).split("\r\n")).toEqual([
    "file,mac_address,outcome,reason",
    "02-1f-5c-3a-90-11.json,02:1f:5c:3a:90:11,created,",
    "02-1f-5c-3a-90-12.json,02:1f:5c:3a:90:12,updated,",
    "02-1f-5c-3a-90-13.json,02:1f:5c:3a:90:13,unchanged,",
    '02-1f-5c-3a-90-14.json,02:1f:5c:3a:90:14,refused,"content is not valid JSON (line 1, column 2)"',
    '02-1f-5c-3a-90-16.json,02:1f:5c:3a:90:16,refused,"Another program wrote the document that is there, and gave it no revision. Save it here once, then check again"',
    '"\'=cmd,.txt",,no configuration,No .json file',
    "",
  ]);
  // What the server refuses afterwards was changed since, and is told so.
  const late = [
    { source: "0", code: "PRECONDITION_FAILED", reason: "", current_revision: 1 },
    { source: "1", code: "PRECONDITION_FAILED", reason: "", current_revision: 8 },
  ];
  expect(refusedOf(plan, { ...report, refused: late }).map((each) => [each.fate, each.changed, each.reason])).toEqual([
    ["refused", true, "It was created by somebody else since the check"],
    ["refused", true, "It was changed since the check: revision 7 then, 8 now"],
    ...plan.slice(2).map((each) => [each.fate, undefined, each.reason]),
  ]);
  const gone = refusedOf(plan, { ...report, refused: [{ source: "1", code: "PRECONDITION_FAILED", reason: "" }] });
  expect(gone[1]).toMatchObject({ fate: "refused", changed: true, reason: "It was deleted since the check" });
});
