import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { defineConfig, type Plugin } from "vite";

// The policy lets no script stand in the page itself, and a module runs only after the first paint: a file of its own, which
// the browser waits for.
const firstPaint = (): Plugin => {
  const code = readFileSync(new URL("src/app/firstPaint.js", import.meta.url), "utf8");
  const hash = createHash("sha256").update(code).digest("base64url").slice(0, 8);
  const name = `assets/first-${hash}.js`;
  return {
    name: "first-paint",
    generateBundle() {
      this.emitFile({ type: "asset", fileName: name, source: code });
    },
    transformIndexHtml: {
      order: "post",
      handler: (_html, context) => [
        {
          tag: "script",
          attrs: { src: context.server ? "/src/app/firstPaint.js" : `./${name}` },
          injectTo: "head-prepend",
        },
      ],
    },
  };
};

// Everything is named by a path relative to the page, which may be served below any path of a proxy.
export default defineConfig({
  base: "./",
  plugins: [firstPaint()],
  html: { cspNonce: "CSP_NONCE" },
  build: {
    outDir: "dist/app",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: "manifest.json",
    reportCompressedSize: false,
    rolldownOptions: {
      onLog: (level, log, say) => log.code !== "MODULE_LEVEL_DIRECTIVE" && say(level, log),
    },
  },
  server: {
    proxy: {
      "/api": process.env.ESPALIER_URL ?? "http://127.0.0.1:3201",
      "/metrics": process.env.ESPALIER_URL ?? "http://127.0.0.1:3201",
    },
  },
});
