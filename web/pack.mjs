// Compresses what Vite built, once and for all, and holds what a browser loads to a budget (budget.mjs). Another folder
// than web/dist/app may be given.
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { judge, measure } from "./budget.mjs";

const out = process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), "dist/app");

const manifest = JSON.parse(readFileSync(join(out, "manifest.json"), "utf8"));
rmSync(join(out, "manifest.json"));
const html = readFileSync(join(out, "index.html"), "utf8");

const sizes = {};
for (const entry of readdirSync(out, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const file = join(entry.parentPath ?? entry.path, entry.name);
  const packed = gzipSync(readFileSync(file), { level: 9 });
  packed[9] = 255; // the system that packed it: unknown, so that every machine makes the same bytes
  writeFileSync(`${file}.gz`, packed);
  rmSync(file);
  sizes[file.slice(out.length + 1)] = packed.length;
}

const { kept, lines } = judge(measure(manifest, html, sizes));
for (const line of lines) process.stdout.write(`${line}\n`);
if (!kept) {
  process.stderr.write("web: the page is larger than its budget (web/budget.mjs)\n");
  process.exit(1);
}
