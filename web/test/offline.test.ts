import { expect, test } from "./fixtures";

const policy = (nonce: string) =>
  [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data: blob:",
    "font-src 'self'",
    "connect-src 'self'",
    "worker-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");

const routes = ["", "#/new", "#/import", "#/deleted", "#/audit", "#/server", "#/devices/1", "#/devices/1/history"];

test("needs nothing of another server, whichever page is opened", async ({ page, server, context }) => {
  await server.sample();
  const asked: string[] = [];
  // A machine without internet: all else is nowhere.
  await context.route(
    (url) => url.origin !== new URL(server.url).origin,
    (route) => route.abort(),
  );
  page.on("request", (request) => asked.push(request.url()));
  for (const route of routes) {
    await page.goto(server.url + route);
    await expect(page.locator("main h1")).toBeVisible();
  }
  expect(asked.length).toBeGreaterThan(routes.length);
  expect(asked.filter((url) => !url.startsWith(server.url) && !/^(data|blob):/.test(url))).toEqual([]);
});

test("keeps to the strict policy, with a nonce that no answer has twice", async ({ page, server }) => {
  const nonces = new Set<string>();
  for (let i = 0; i < 3; i++) {
    const response = (await page.goto(server.url))!;
    const header = (await response.headerValue("content-security-policy"))!;
    const nonce = /'nonce-([A-Za-z0-9_-]{22})'/.exec(header)?.[1] ?? "";
    expect(header).toBe(policy(nonce));
    expect(await response.headerValue("cache-control")).toBe("no-store");
    nonces.add(nonce);
  }
  expect(nonces.size).toBe(3);
});

test("has every script and style as a file beside itself", async ({ page, server }) => {
  await page.goto(server.url);
  await expect(page.getByRole("banner")).toBeVisible();
  const parts = await page.evaluate(() => ({
    inline: [...document.querySelectorAll("script:not([src]), [onclick], [onload], [onerror]")].length,
    files: [...document.querySelectorAll("script[src], link[href]")].map(
      (element) => element.getAttribute("src") ?? element.getAttribute("href"),
    ),
  }));
  expect(parts.inline).toBe(0);
  for (const file of parts.files)
    expect(file).toMatch(/^(\.\/|\/|http:\/\/127\.0\.0\.1:\d+\/)(assets\/[\w.-]+|favicon\.svg)$/);
});
