import { expect, test } from "@playwright/test";
import { asMessage } from "../src/pages/actions/message";

test("a message is cut to what the server takes, between what people see as characters", () => {
  expect(asMessage("short")).toBe("short");
  expect(asMessage("ä".repeat(500))).toBe("ä".repeat(500));
  expect(asMessage("ä".repeat(501))).toBe(`${"ä".repeat(499)}…`);
  expect(asMessage("😀".repeat(500))).toBe("😀".repeat(500));
  // Five code points that are one family.
  const family = "👩‍👩‍👧";
  expect([...family]).toHaveLength(5);
  expect(asMessage(`${"a".repeat(496)}${family}`)).toBe(`${"a".repeat(496)}…`);
  expect([...asMessage(family.repeat(200))]).toHaveLength(496);
});
