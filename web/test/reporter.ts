import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import type { FullConfig, FullResult, Reporter, Suite, TestCase, TestResult } from "@playwright/test/reporter";

interface Event {
  Action: "run" | "output" | "pass" | "fail" | "skip";
  Package: string;
  Test?: string;
  Elapsed?: number;
  Output?: string;
}

const outcomes = { passed: "pass", skipped: "skip", failed: "fail", timedOut: "fail", interrupted: "fail" } as const;

/** Writes what happened as `go test -json` does, for the summary of all tests: a package for each file. */
export default class implements Reporter {
  #events: Event[] = [];
  #failed = new Map<string, boolean>();
  #began = Date.now();
  #root = "";

  constructor(readonly options: { outputFile: string }) {}

  onBegin(config: FullConfig, suite: Suite) {
    this.#root = config.rootDir;
    for (const test of suite.allTests()) this.#failed.set(this.#package(test), false);
  }

  onTestEnd(test: TestCase, result: TestResult) {
    if (result.retry < test.retries && result.status !== "passed") return;
    const of = { Package: this.#package(test), Test: test.titlePath().slice(3).join("/").replaceAll(/\s+/g, "_") };
    this.#events.push({ Action: "run", ...of });
    for (const { type } of result.annotations)
      if (type === "chromium")
        this.#events.push({ Action: "output", ...of, Output: `espalier-ran engine=${type} test=${of.Test}\n` });
    const outcome = test.outcome() === "expected" && result.status !== "skipped" ? "pass" : outcomes[result.status];
    if (outcome === "fail") {
      this.#failed.set(of.Package, true);
      for (const error of result.errors)
        this.#events.push({ Action: "output", ...of, Output: `${plain(error.stack ?? error.message ?? "")}\n` });
    }
    this.#events.push({ Action: outcome, ...of, Elapsed: result.duration / 1000 });
  }

  // What goes wrong outside of any test, such as a file that cannot be read.
  onError(error: { message?: string; stack?: string }) {
    this.#failed.set("web", true);
    this.#events.push({ Action: "output", Package: "web", Output: `${plain(error.stack ?? error.message ?? "")}\n` });
  }

  onEnd(result: FullResult) {
    const Elapsed = (Date.now() - this.#began) / 1000;
    if (result.status !== "passed" && ![...this.#failed.values()].some(Boolean)) this.#failed.set("web", true);
    for (const [Package, failed] of this.#failed)
      this.#events.push({
        Action: failed ? "fail" : "pass",
        Package,
        Elapsed: this.#failed.size === 1 ? Elapsed : this.#sum(Package),
      });
    const file = resolve(this.options.outputFile);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, this.#events.map((event) => `${JSON.stringify(event)}\n`).join(""));
  }

  #package(test: TestCase): string {
    return `web/test/${relative(this.#root, test.location.file)}`;
  }

  #sum(of: string): number {
    return this.#events.reduce((n, event) => n + (event.Package === of ? (event.Elapsed ?? 0) : 0), 0);
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what colours a terminal
const plain = (text: string) => text.replaceAll(/\x1b\[[0-9;]*m/g, "");
