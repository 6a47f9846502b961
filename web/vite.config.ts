import { defineConfig } from "vite";

// Everything is named by a path relative to the page, which may be served below any path of a proxy.
export default defineConfig({
  base: "./",
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
