import { expect, test } from "@playwright/test";
import { dashedMac, macOddity, macProblem, parseMac } from "../src/pages/actions/mac";

test("a MAC address is read in every spelling that the server reads, and in no other", () => {
  for (const text of [
    "02:1F:5c:3a:90:11",
    "02-1f-5c-3a-90-11",
    "021f.5c3a.9011",
    "021f5c3a9011",
    " 02:1f:5c:3a:90:11 ",
  ])
    expect(parseMac(text), text).toBe("02:1f:5c:3a:90:11");
  for (const text of [
    "",
    "02:1f:5c:3a:90",
    "02:1f:5c:3a:90:1",
    "02:1f:5c:3a:90:11:22",
    "02:1f-5c:3a:90:11",
    "02.1f.5c.3a.90.11",
    "021f:5c3a:9011",
    "02:1f:5c:3a:90:1g",
    "2:1f:5c:3a:90:11",
  ])
    expect(parseMac(text), text).toBeNull();
  expect(dashedMac("02:1f:5c:3a:90:11")).toBe("02-1f-5c-3a-90-11");
});

test("what is wrong with a MAC address is said while it is typed", () => {
  expect(macProblem("")).toBe("");
  expect(macProblem("02:1f")).toBe("4 of 12 hex digits");
  expect(macProblem("02:1x")).toContain("“x” is no hex digit");
  expect(macProblem("021f5c3a90112")).toBe("13 hex digits, and a MAC address has 12");
  expect(macProblem("02:1f-5c:3a:90:11")).toContain("Write it as");
  expect(macProblem("02:1f:5c:3a:90:11")).toBe("");
  expect(macOddity("ff:ff:ff:ff:ff:ff")).toContain("broadcast");
  expect(macOddity("01:00:5e:00:00:01")).toContain("multicast");
  expect(macOddity("02:1f:5c:3a:90:11")).toBe("");
});
