import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import {
  type BrowserContext,
  test as base,
  type ConsoleMessage,
  expect,
  type Page,
  type Request,
  type Route,
} from "@playwright/test";
import { Server } from "./server";

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Violation {
  id: string;
  help: string;
  nodes: { html: string; failureSummary?: string }[];
}

/** Asserts that axe finds nothing against WCAG 2.2 AA on what is shown. */
export const expectAccessible = async (page: Page) => {
  // A page that is not there yet has nothing that could be wrong but that.
  await expect(page.locator("h1").first()).toBeAttached();
  // A colour on its way to another is neither.
  await page.evaluate(async () => {
    for (let frame = 0; frame < 2; frame++) await new Promise((resolve) => requestAnimationFrame(resolve));
    for (const animation of document.getAnimations()) if (animation instanceof CSSTransition) animation.finish();
  });
  await page.evaluate(axeSource);
  const violations: Violation[] = await page.evaluate(async () => {
    // biome-ignore lint/suspicious/noExplicitAny: it was put into the page just now
    const result = await (window as any).axe.run(document, {
      runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] },
    });
    return result.violations;
  });
  expect(
    violations.map((v) => `${v.id}: ${v.help}\n${v.nodes.map((n) => `  ${n.html}\n  ${n.failureSummary}`).join("\n")}`),
  ).toEqual([]);
};

/**
 * Notes everything that must not happen on a page, or on any page of a context: errors of scripts, violations of the
 * policy, requests to other servers.
 */
export const guard = async (of: Page | BrowserContext, url: string, problems: string[] = []): Promise<string[]> => {
  const noteError = (error: Error) => problems.push(`error: ${error.stack ?? error.message}`);
  const noteConsole = (message: ConsoleMessage) => {
    // A refusal of the server that the page handles is told to the console by the browser itself.
    if (message.type() === "error" && !/^Failed to load resource/.test(message.text()))
      problems.push(`console: ${message.text()}`);
  };
  const noteRequest = (request: Request) => {
    if (/^(https?|wss?):/.test(request.url()) && new URL(request.url()).host !== new URL(url).host)
      problems.push(`another server: ${request.url()}`);
  };
  if ("pages" in of) {
    of.on("weberror", (error) => noteError(error.error()));
    of.on("console", noteConsole);
    of.on("request", noteRequest);
  } else {
    of.on("pageerror", noteError);
    of.on("console", noteConsole);
    of.on("request", noteRequest);
  }
  await of.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) =>
      // biome-ignore lint/suspicious/noConsole: the test listens to it
      console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`),
    );
  });
  return problems;
};

/** Keeps what the page asks for from arriving until the function that it returns is called; then it arrives, or meets what `then` does. */
export const hold = async (page: Page, url: string | RegExp, then = (route: Route) => route.continue()) => {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route(url, async (route) => {
    await released;
    await then(route);
  });
  return release;
};

/** Has a page hear nothing of what others do. */
export const deafen = (page: Page) => page.route("**/api/events**", (route) => route.abort());

interface Fixtures {
  /** Settings of the server, as environment variables. */
  serverEnv: Record<string, string>;
  server: Server;
  /** Problems of all pages that the test expects; it takes them out. */
  problems: string[];
  /** Opens the page as somebody else at another computer would; it is guarded as the first is. */
  somebodyElse(): Promise<Page>;
}

/** A test with a real server of its own; it fails on any error of a script and any violation of the policy. */
export const test = base.extend<Fixtures>({
  serverEnv: [{}, { option: true }],
  server: async ({ serverEnv }, use, info) => {
    const server = await Server.start(serverEnv);
    await use(server);
    if (info.status !== info.expectedStatus)
      info.attachments.push({ name: "server log", contentType: "text/plain", body: Buffer.from(server.log) });
    await server.stop();
  },
  context: async ({ context }, use, info) => {
    info.annotations.push({ type: "chromium" });
    await use(context);
  },
  // Of every test, whether it asks for it or not.
  problems: [
    async ({ context, server }, use) => {
      const problems = await guard(context, server.url);
      await use(problems);
      expect(problems, "what the browser complained of").toEqual([]);
    },
    { auto: true },
  ],
  somebodyElse: async ({ browser, problems, server }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async () => {
      const context = await browser.newContext();
      contexts.push(context);
      await guard(context, server.url, problems);
      return context.newPage();
    });
    for (const context of contexts) await context.close();
  },
});

export { expect };
