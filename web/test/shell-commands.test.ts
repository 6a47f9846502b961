import { expect, test } from "@playwright/test";
import { type Command, fittingCommands, fittingDevices } from "../src/app/commands";
import { rowOf } from "../src/fleet/row";

const rows = [
  [1, "02:1f:5c:3a:90:11", "Hallway intercom", "hallway_intercom"],
  [2, "02:1f:5c:3a:90:12", "The hallway lamp", null],
  [3, "aa:bb:cc:dd:ee:ff", null, "porch"],
].map(([id, mac, name, entity]) => rowOf([id, mac, name, entity, 1, "unknown", null, 1, null, 0, 0, null]));
const found = (text: string, most = 9) => fittingDevices(rows, text, most).map((row) => row.id);

test.describe("what fits", () => {
  for (const [text, ids] of [
    ["hallway", [1, 2]],
    ["HALLWAY lamp", [2]],
    ["lamp the", [2]],
    ["porch", [3]],
    ["02-1f-5c-3a-90-12", [2]],
    ["021f.5c3a.9012", [2]],
    ["021F5C3A9012", [2]],
    ["02 1f 5c 3a 90 12", [2]],
    ["AA:BB:", [3]],
    ["nothing of the kind", []],
  ] as const)
    test(`devices by “${text}”`, () => expect(found(text)).toEqual(ids));

  test("no more than asked for, the best first", () => expect(found("hallway", 1)).toEqual([1]));

  test("commands by any of their words, in any order", () => {
    const commands: Command[] = [
      { name: "Devices with errors", words: "broken", run() {} },
      { name: "Errors of the server", run() {} },
    ];
    const names = (text: string) => fittingCommands(commands, text).map((c) => c.name);
    expect(names("errors")).toEqual(["Errors of the server", "Devices with errors"]);
    expect(names("broken dev")).toEqual(["Devices with errors"]);
    expect(names("")).toHaveLength(2);
    expect(names("lamp")).toEqual([]);
    expect(names("rror")).toEqual([]);
  });
});
