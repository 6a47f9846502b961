import { expect, test } from "./fixtures";

// Every other test trusts that whatever goes wrong in the browser is noted. Here it goes wrong.

test("a script that the policy forbids does not run, and is noted", async ({ page, server, problems }) => {
  await page.goto(server.url);
  await expect(page.getByRole("banner")).toBeVisible();
  await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.ran = true";
    document.head.append(script);
    const style = document.createElement("style");
    style.textContent = "body { display: none }";
    document.head.append(style);
  });
  await expect.poll(() => problems.join("\n")).toMatch(/CSP: script-src-elem inline[\s\S]*CSP: style-src-elem inline/);
  expect(await page.evaluate(() => "ran" in window)).toBe(false);
  await expect(page.getByRole("banner")).toBeVisible();
  problems.length = 0;
});

test("eval does not run, and is noted", async ({ page, server, problems }) => {
  await page.goto(server.url);
  // It is asked for by the page itself: what a test evaluates is let through.
  const refused = page.evaluate(
    () =>
      new Promise((resolve) => {
        document.addEventListener("securitypolicyviolation", (event) => resolve(event.blockedURI));
        setTimeout("window.ran = true");
      }),
  );
  expect(await refused).toBe("eval");
  await expect.poll(() => problems.join("\n")).toContain("CSP: script-src eval");
  problems.length = 0;
});

test("an error of a script is noted, also one that nobody waits for", async ({ page, server, problems }) => {
  await page.goto(server.url);
  await page.evaluate(() => {
    setTimeout(() => {
      throw new Error("thrown on purpose");
    });
    void Promise.reject(new Error("refused on purpose"));
  });
  await expect.poll(() => problems.join("\n")).toContain("thrown on purpose");
  await expect.poll(() => problems.join("\n")).toContain("refused on purpose");
  problems.length = 0;
});

test("a request to another server does not leave, and is noted", async ({ page, server, problems }) => {
  await page.goto(server.url);
  const left = await page.evaluate(() =>
    fetch("http://localhost:9/").then(
      () => true,
      () => false,
    ),
  );
  expect(left).toBe(false);
  await expect.poll(() => problems.join("\n")).toContain("CSP: connect-src http://localhost:9/");
  problems.length = 0;
});

test("whatever goes wrong for somebody else is noted too", async ({ somebodyElse, server, problems, page }) => {
  const other = await somebodyElse();
  await other.goto(server.url);
  await other.evaluate(() => void setTimeout(() => Promise.reject(new Error("elsewhere on purpose"))));
  await expect.poll(() => problems.join("\n")).toContain("elsewhere on purpose");
  problems.length = 0;
  expect(page.url()).toBe("about:blank");
});
