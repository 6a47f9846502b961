import { test } from "@playwright/test";
import { blocksSaving, checkDocument } from "../src/editor/checks";
import { intoEditor, lineEndsOf, outOfEditor } from "../src/editor/eol";
import { formatDocument } from "../src/editor/format";
import { type Choice, mergeDocuments } from "../src/editor/merge";
import { locate, offsetOf, pointerAt } from "../src/editor/pointer";
import { scan } from "../src/editor/scan";
import { type Refused, refusedProblems } from "../src/pages/device/document/told";
import { expect, test as serverTest } from "./fixtures";

const found = (text: string) =>
  checkDocument(text).map((p) => [p.severity, text.slice(p.from, p.to), p.message] as const);

const one = (text: string, severity: "error" | "warning", at: string, message: RegExp) => {
  const all = found(text);
  expect(all, text).toHaveLength(1);
  expect(all[0]![0]).toBe(severity);
  expect(all[0]![1]).toBe(at);
  expect(all[0]![2]).toMatch(message);
};

const deep = (n: number) => `{"a":${"[".repeat(n)}${"]".repeat(n)}}`;

test.describe("checkDocument", () => {
  test("finds nothing where there is nothing", () => {
    for (const text of [
      "{}",
      ' {"a": [1, -2.5e3, 0.1, true, false, null, "ü😀\\u00e4\\ud83d\\ude00\\n\\t"], "": {}}\r\n',
      '{"wifi":{"ssid":"a"},"mqtt":{"ssid":"b"}}',
      `{"n": ${2147483647}, "m": ${-2147483648}}`,
      deep(63),
    ])
      expect(found(text), text).toEqual([]);
  });

  test("marks what is no JSON at its place, and says what to do", () => {
    one('{"a": 1,}', "error", ",", /comma behind the last element/);
    one('{"a": 1 "b": 2}', "error", "1", /comma is missing/);
    one('{"a" 1}', "error", '"a"', /colon/);
    one('{"a": }', "error", '"a"', /value of this key is missing/);
    one("{a: 1}", "error", "a", /key needs double quotes/);
    one("{'a': 1}", "error", "'a'", /double quotes/);
    one('{"a": “b”}', "error", "“b”", /double quotes/);
    one('{"a": True}', "error", "True", /Write true/);
    one('{"a": None}', "error", "None", /Write null/);
    one('{"a": NaN}', "error", "NaN", /no NaN/);
    one('{"a": hello}', "error", "hello", /double quotes/);
    one('{"a": 01}', "error", "01", /begin with a zero/);
    one('{"a": +1}', "error", "+1", /plus/);
    one('{"a": .5}', "error", ".5", /0 before the point/);
    one('{"a": 5.}', "error", "5.", /digits are missing/);
    one('{"a": 0x1F}', "error", "0x1F", /decimal/);
    one('{"a": 10.0.0.1}', "error", "10.0.0.1", /double quotes/);
    one('{"a": "x\ty"}', "error", "\t", /\\t/);
    one('{"a": "C:\\dir"}', "error", "\\d", /escape/);
    one('{"a": 1} // why', "error", "// why", /no comments/);
    one('{"a": /* b */ 1}', "error", "/* b */", /no comments/);
    one('{"a": "b}', "error", '"b}', /not closed/);
    one('{"a": [1, 2}', "error", "[", /\] is missing/);
    one('{"a": 1', "error", "{", /\} is missing/);
    one('{"a": 1} {"b": 2}', "error", '{"b": 2}', /text after the end/);
    one("", "error", "", /empty/);
    one("﻿{}", "error", "﻿", /byte order mark/);
    one('{"a":\u00a01}', "error", "\u00a0", /space/);
  });

  test("goes on behind an error", () => {
    const all = found('{"a": tru, "b": 01, "b": 2,}');
    expect(all.map(([, at]) => at)).toEqual(["tru", "01", '"b"', ","]);
  });

  test("ends with whatever it is given", () => {
    for (const text of [
      "[".repeat(131072),
      '{"a":'.repeat(20_000),
      "]}{,:",
      "-",
      '"\\',
      '{"\\u12',
      "{,,,}",
      "[1,,2]",
      "{{}}",
      "{]",
    ])
      expect(blocksSaving(checkDocument(text)), text.slice(0, 20)).toBe(true);
    const noise = "{}[]\",:\\/ \n019.eE+-truefalsn\u0000ü\ud800'";
    let seed = 7;
    for (let i = 0; i < 3000; i++) {
      let text = "";
      for (let n = 0; n < 12; n++) {
        seed = (seed * 1103515245 + 12345) & 0x7fffffff;
        text += noise[seed % noise.length];
      }
      let valid = true;
      try {
        JSON.parse(text);
      } catch {
        valid = false;
      }
      expect(scan(text).faults.length === 0, JSON.stringify(text)).toBe(valid);
    }
  });

  test("finds keys that are there twice, and those that cJSON takes for the same", () => {
    one('{"a": 1,\n"a": 2}', "error", '"a"', /already, on line 1/);
    one('{"a": 1, "\\u0061": 2}', "error", '"\\u0061"', /already/);
    one('{"Wifi": 1,\n"wifi": 2}', "warning", '"wifi"', /“Wifi” on line 1/);
    one('{"x": {"A": 1, "a": 1}}', "warning", '"a"', /small and capital/);
    expect(found('{"x": {"a": 1}, "y": {"a": 1}}')).toEqual([]);
    expect(found('{"Ä": 1, "ä": 2}')).toEqual([]);
  });

  test("finds numbers that a device misreads", () => {
    one('{"a": 9007199254740993}', "warning", "9007199254740993", /reads 9007199254740992/);
    one('{"a": 123456789012345678901234567890}', "warning", "123456789012345678901234567890", /lose digits/);
    one('{"a": 2147483648}', "warning", "2147483648", /gets 2147483647/);
    one('{"a": -2147483649}', "warning", "-2147483649", /gets -2147483648/);
    one('{"a": 4e9}', "warning", "4e9", /32 bits/);
    one('{"a": 1e400}', "warning", "1e400", /infinity/);
    one('{"a": -1e400}', "warning", "-1e400", /infinity/);
    one('{"a": 1e-400}', "warning", "1e-400", /reads 0/);
    one('{"a": -0}', "warning", "-0", /-0/);
    one('{"a": -0.0}', "warning", "-0.0", /-0/);
    one('{"a": 0.1234567890123456789}', "warning", "0.1234567890123456789", /16 digits/);
    one(`{"a": 0.${"1".repeat(70)}}`, "warning", `0.${"1".repeat(70)}`, /63/);
    expect(found('{"a": [0, 0.0, 1.5, 1e3, 3.14159, 9e-5, 0.1]}')).toEqual([]);
  });

  test("finds characters at which a text ends on a device", () => {
    one('{"a": "b\\u0000c"}', "warning", '"b\\u0000c"', /only up to/);
    one('{"a\\u0000": 1}', "warning", '"a\\u0000"', /key only up to/);
    one('{"a": "\\u001b"}', "warning", '"\\u001b"', /control character/);
    one('{"a": "\\ud83d"}', "warning", '"\\ud83d"', /cannot read the document/);
    one('{"a": "\ud83d"}', "error", '"\ud83d"', /broken character/);
    expect(found('{"a": "\\r\\n\\t"}')).toEqual([]);
  });

  test("finds what the server refuses besides", () => {
    one("[]", "error", "[]", /not an array/);
    one("null", "error", "null", /not null/);
    one('"a"', "error", '"a"', /not a text/);
    one(deep(64), "error", "[", /deeper than 64/);
    one('{"enableOTA": "yes"}', "error", '"yes"', /true, false or null/);
    one('{"deviceName": 5}', "error", "5", /text or null/);
    one(`{"deviceName": "${"a".repeat(256)}"}`, "error", `"${"a".repeat(256)}"`, /256/);
    expect(found(`{"deviceName": "${"😀".repeat(255)}", "deviceEntityId": null}`)).toEqual([]);
    expect(checkDocument('{"a":"ä"}', { maxBytes: 10 })).toEqual([]);
    expect(checkDocument('{"a":"ä"}', { maxBytes: 9 })[0]!.message).toMatch(/10 bytes.* 9 at most/);
    expect(checkDocument('{"a":"ä"}', { maxBytes: 10, extraBytes: 1 })).toHaveLength(1);
  });

  serverTest("blocks saving exactly where the server refuses", async ({ server }) => {
    const texts = [
      "{}",
      "[]",
      "{",
      "",
      "﻿{}",
      '{"a":1,}',
      '{"a":1,"a":2}',
      '{"a":1,"\\u0061":2}',
      '{"a":1,"A":2}',
      '{"x":{"b":1,"b":1}}',
      '{"a":01}',
      '{"a":1e400}',
      '{"a":-0}',
      '{"a":9007199254740993}',
      '{"a":"\\u0000"}',
      '{"a":"\\ud83d"}',
      '{"a":"\t"}',
      '{"a":"\u007f"}',
      '{"a":"\\x"}',
      deep(63),
      deep(64),
      '{"a":1} x',
      '{"deviceName":null}',
      '{"deviceName":[]}',
      '{"deviceName":"\\u0000"}',
      `{"deviceName":"${"😀".repeat(255)}"}`,
      `{"deviceName":"${"😀".repeat(256)}"}`,
      '{"deviceEntityId":false}',
      '{"enableOTA":0}',
      '{"enableOTA":true}',
      `{"a":"${"x".repeat((128 << 10) - 8)}"}`,
      `{"a":"${"x".repeat((128 << 10) - 7)}"}`,
    ];
    for (const [i, text] of texts.entries()) {
      const refused = await server.create(`02:00:00:00:00:${i.toString(16).padStart(2, "0")}`, text).then(
        () => false,
        () => true,
      );
      expect(blocksSaving(checkDocument(text)), text.slice(0, 60)).toBe(refused);
    }
  });

  test("takes time as the document is long, and no more", () => {
    const of = (n: number) =>
      `{${Array.from({ length: n }, (_, i) => `"key_${i}": {"value": ${i}, "t": "x"}`).join(",\n")}}`;
    const best = (text: string) =>
      Math.min(
        ...Array.from({ length: 9 }, () => {
          const start = performance.now();
          checkDocument(text);
          return performance.now() - start;
        }),
      );
    const small = best(of(400));
    expect(best(of(3200))).toBeLessThan(8 * 5 * Math.max(small, 0.2));
  });
});

test.describe("formatDocument", () => {
  test("changes only the space between tokens", () => {
    const text = '{"b":1.0,"a" : [ ],"c":{ },"e":[1e+05,{"x":"\\u00e4\\/ , : { }"}],"2":-0,"1":12345678901234567890}';
    expect(formatDocument(text)).toBe(
      [
        "{",
        '  "b": 1.0,',
        '  "a": [],',
        '  "c": {},',
        '  "e": [',
        "    1e+05,",
        "    {",
        '      "x": "\\u00e4\\/ , : { }"',
        "    }",
        "  ],",
        '  "2": -0,',
        '  "1": 12345678901234567890',
        "}",
      ].join("\n"),
    );
  });
  test("is still when it is done, and keeps whether the text ends with a line", () => {
    const once = formatDocument('{"a":[1,2]}\n')!;
    expect(once.endsWith("}\n")).toBe(true);
    expect(formatDocument(once)).toBe(once);
    expect(formatDocument("{}")).toBe("{}");
    expect(formatDocument('{"a":1,}')).toBeNull();
  });
});

serverTest("what the server refuses is shown at its place", async ({ server }) => {
  for (const [text, at, message] of [
    ['{\n"ü": "😀", "a": 1, "a": 2}', '"a"', /twice/],
    ['{"a": tru}', "tru}", /not valid JSON/],
    ['{"x": 1,\n"deviceName": 5}', '"deviceName": 5', /deviceName must be a string/],
  ] as const) {
    const response = await fetch(new URL("api/configs", server.url), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ mac_address: "02:00:00:00:00:01", content: text }),
    });
    const body = await response.json();
    const failure = { message: body.error, fields: body.details.errors } as Refused["failure"];
    const [problem] = refusedProblems(text, { text, failure });
    expect(problem!.message).toMatch(message);
    const from = text.lastIndexOf(at);
    expect([problem!.from >= from, problem!.from < from + at.length], `${text} at ${problem!.from}`).toEqual([
      true,
      true,
    ]);
  }
});

test("line ends are kept as they are", () => {
  for (const text of ["{\n}\n", "{\r\n}\r\n", "{\r\n}\n", "{\r}", "{}"])
    expect(outOfEditor(intoEditor(text, lineEndsOf(text)), lineEndsOf(text)), JSON.stringify(text)).toBe(text);
  expect(lineEndsOf("a\r\nb\n")).toBe("mixed");
});

test("the value at a place in the text has a pointer", () => {
  const text = '{\n  "a~/b": 1, "list": [10, {"k": true}],\n  "o": {\n  }\n}\n';
  const at = (piece: string, by = 0) => pointerAt(text, text.indexOf(piece) + by);
  expect([at('"a~/b"'), at("1,", 1), at('"list"', 3)]).toEqual(["/a~0~1b", "/a~0~1b", "/list"]);
  expect([at("10"), at("{", 0), at('{"k"'), at("true", 2)]).toEqual(["/list/0", "", "/list/1", "/list/1/k"]);
  // Beside a value on its line it is that one; on a line of its own it is what is around it.
  expect([at("],", 2), at('  "o"'), at("}\n}"), at("}\n}", -1), at("}\n}", 2)]).toEqual([
    "/list",
    "/o",
    "/o",
    "/o",
    "",
  ]);
  expect([pointerAt("", 0), pointerAt("nothing", 2)]).toEqual(["", ""]);
});

test("locate finds what a pointer speaks of, or what is left of it", () => {
  const text = '{"wifi": {"ssid": "x", "a/b": [10, {"k": 1}]}, "Mqtt": 1}';
  const at = (pointer: string) => {
    const place = locate(text, pointer)!;
    return [text.slice(place.from, place.to), place.exact];
  };
  expect(at("/wifi/ssid")).toEqual(['"ssid": "x"', true]);
  expect(at("wifi.ssid")).toEqual(['"ssid": "x"', true]);
  expect(at("#/wifi/ssid")).toEqual(['"ssid": "x"', true]);
  expect(at("/wifi/a~1b/1/k")).toEqual(['"k": 1', true]);
  expect(at("wifi.a/b")).toEqual(['"wifi"', false]);
  expect(at("/mqtt")).toEqual(['"Mqtt": 1', true]);
  expect(at("/wifi/gone/x")).toEqual(['"wifi"', false]);
  expect(at("")).toEqual(["{", true]);
  expect(offsetOf("ab\n😀cd", 2, 2)).toBe(5);
  expect(offsetOf("ab", 9, 9)).toBe(2);
});

test.describe("mergeDocuments", () => {
  const merge = (base: string, mine: string, theirs: string, choices: Record<string, Choice> = {}) =>
    mergeDocuments(base, mine, theirs, new Map(Object.entries(choices)));
  const base = '{\n  "name": "a",\n  "wifi": {\n    "ssid": "x",\n    "channel": 1.0\n  },\n  "list": [1, 2, 3]\n}\n';

  test("takes what one side changed, in the layout of mine", () => {
    const mine = base.replace('"x"', '"mine"');
    const theirs = base.replace("1.0", "6").replace('"a"', '"b"');
    const m = merge(base, mine, theirs);
    expect(m.conflicts).toEqual([]);
    expect(m.text).toBe(base.replace('"x"', '"mine"').replace("1.0", "6").replace('"a"', '"b"'));
    expect(m.taken).toEqual([
      { at: "/name", by: "theirs", what: "changed" },
      { at: "/wifi/ssid", by: "mine", what: "changed" },
      { at: "/wifi/channel", by: "theirs", what: "changed" },
    ]);
  });

  test("adds and removes members where they belong", () => {
    const theirs = base.replace('"ssid": "x",', '"ssid": "x",\n    "hidden": true,').replace('  "name": "a",\n', "");
    const mine = base.replace("[1, 2, 3]", '[1, 2, 3],\n  "mine": {\n    "deep": 1\n  }');
    const m = merge(base, mine, theirs);
    expect(m.conflicts).toEqual([]);
    expect(m.text).toBe(
      mine.replace('"ssid": "x",', '"ssid": "x",\n    "hidden": true,').replace('  "name": "a",\n', ""),
    );
    expect(merge(base, theirs, mine).text).toContain('"deep": 1\n  }');
    expect(merge('{"a":1}', '{"a":1}', "{}").text).toBe("{}");
    expect(merge('{"a":1,"m":1}', '{"a":1,"m":2}', '{"m":1}').text).toBe('{"m":2}');
    expect(merge("{}", '{"a":1}', '{"b":{"c":2}}').text).toBe('{"b":{"c":2}, "a":1}');
  });

  test("moves lines of another indent to where they come", () => {
    const theirs = '{\n\t"o": {\n\t\t"x": {\n\t\t\t"y": 1\n\t\t}\n\t}\n}';
    const m = merge('{"o": {}, "z": 0}'.replace(', "z": 0', ""), '{\n  "m": 1,\n  "o": {\n  }\n}', theirs);
    expect(JSON.parse(m.text)).toEqual({ m: 1, o: { x: { y: 1 } } });
    expect(m.text).not.toContain("\t\n");
  });

  test("leaves to choose what both changed", () => {
    const mine = base.replace('"x"', '"mine"');
    const theirs = base.replace('"x"', '"theirs"');
    const m = merge(base, mine, theirs);
    expect(m.conflicts).toEqual([{ at: "/wifi/ssid", base: '"x"', mine: '"mine"', theirs: '"theirs"', both: false }]);
    expect(m.text).toBe(mine);
    expect(merge(base, mine, theirs, { "/wifi/ssid": "theirs" }).text).toBe(theirs);
    expect(merge(base, mine, theirs, { "/wifi/ssid": { text: '"third"' } }).text).toBe(base.replace('"x"', '"third"'));
  });

  test("holds one side's removal against the other's change", () => {
    const mine = '{"a": {"b": 1}, "c": 3}';
    const m = merge('{"a": {"b": 0}, "c": 3}', mine, '{"c": 3}');
    expect(m.conflicts).toEqual([{ at: "/a", base: '{"b": 0}', mine: '{"b": 1}', theirs: null, both: false }]);
    expect(merge('{"a": {"b": 0}, "c": 3}', mine, '{"c": 3}', { "/a": "theirs" }).text).toBe('{"c": 3}');
  });

  test("merges arrays by their elements", () => {
    const list = (...items: unknown[]) => JSON.stringify({ l: items });
    expect(merge(list(1, 2, 3), list(1, 2, 3, 4), list(0, 1, 2, 3)).text).toBe(list(0, 1, 2, 3, 4));
    expect(merge(list(1, 2, 3, 4), list(1, 2, 3, 9), list(1, 3, 4)).text).toBe(list(1, 3, 9));
    expect(merge(list({ a: 1 }, { b: 1 }), list({ a: 2 }, { b: 1 }), list({ a: 1 }, { b: 2 })).text).toBe(
      list({ a: 2 }, { b: 2 }),
    );
    expect(merge(list({ a: 1, b: 1 }), list({ a: 2, b: 1 }), list({ a: 1, b: 2 })).text).toBe(list({ a: 2, b: 2 }));
    const both = merge(list(1), list(1, 2), list(1, 3));
    expect(both.conflicts).toEqual([{ at: "/l/1", base: null, mine: "2", theirs: "3", both: true }]);
    expect(JSON.parse(merge(list(1), list(1, 2), list(1, 3), { "/l/1": "both" }).text)).toEqual({ l: [1, 2, 3] });
    expect(JSON.parse(merge(list(1), list(1, 2), list(1, 3), { "/l/1": "theirs" }).text)).toEqual({ l: [1, 3] });
    expect(merge(list(1), list(1, 2), list(1, 2)).conflicts).toEqual([]);
  });

  test("tells numbers and texts by how they are written, and keeps them", () => {
    const m = merge('{"a": 1.0, "b": 0}', '{"a": 1.0, "b": 5}', '{"a": 1.00, "b": 0}');
    expect(m.text).toBe('{"a": 1.00, "b": 5}');
    expect(merge('{"a":"\\u00e4"}', '{"a":"ä"}', '{"a":"\\u00e4", "b": 1}').conflicts).toEqual([]);
  });

  test("is theirs, to the byte, where mine changed no value", () => {
    const theirs = '{ "a":1,\n"b" : 2}';
    expect(merge('{"a":1}', '{\n  "a": 1\n}', theirs).text).toBe(theirs);
  });

  test("merges by lines where one of them is no JSON", () => {
    const m = merge("{\n1\n2\n3\n}", "{\nx\n2\n3\n}", "{\n1\n2\ny\n}");
    expect(m).toMatchObject({ by: "lines", conflicts: [], text: "{\nx\n2\ny\n}" });
    const c = merge("{\n1\n}", "{\nx\n}", "{\ny\n}");
    expect(c.conflicts).toEqual([{ at: "line 2", base: "1", mine: "x", theirs: "y", both: true }]);
    expect(merge("{\n1\n}", "{\nx\n}", "{\ny\n}", { "line 2": "both" }).text).toBe("{\nx\ny\n}");
    const r = merge("{\n1\n2\n3\n4\n5\n}", "{\n1\n3\n4\n5\n}", "{\n1\n2\n3\n}");
    expect(r).toMatchObject({ text: "{\n1\n3\n}", conflicts: [] });
    expect(r.taken).toEqual([
      { at: "line 3", by: "mine", what: "removed" },
      { at: "lines 5 to 6", by: "theirs", what: "removed" },
    ]);
  });

  test("loses nothing of what either side changed", () => {
    let seed = 11;
    const random = (n: number) => {
      seed = (seed * 1103515245 + 12345) & 0x7fffffff;
      return (seed >> 8) % n;
    };
    type Doc = Record<string, Record<string, unknown>>;
    for (let i = 0; i < 400; i++) {
      const base: Doc = {};
      for (let k = 0; k < 4; k++)
        base[`o${k}`] = Object.fromEntries(Array.from({ length: random(4) }, (_, n) => [`k${n}`, [random(9), "s"]]));
      const mine = structuredClone(base);
      const theirs = structuredClone(base);
      const expected = structuredClone(base);
      for (const key of Object.keys(base)) {
        const side = random(2) ? mine : theirs;
        const change = random(4);
        for (const doc of [side, expected]) {
          if (change === 0) delete doc[key];
          else if (change === 1) doc[key]!.added = { deep: i };
          else if (change === 2) doc[key]!.k0 = "changed";
          else doc[`new_${key}`] = { x: [i] };
        }
      }
      const layouts = [undefined, 2, "\t"];
      const text = (doc: Doc) => JSON.stringify(doc, null, layouts[random(3)]);
      const m = merge(text(base), text(mine), text(theirs));
      expect(m.conflicts).toEqual([]);
      expect(JSON.parse(m.text)).toEqual(expected);
    }
  });
});
