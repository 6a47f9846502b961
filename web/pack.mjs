// Compresses what Vite built, once and for all, and holds what a browser loads to a budget: of the first page, and of the
// editor, which is loaded when a document is opened. The sizes are those of the compressed files, in bytes.
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const out = join(dirname(fileURLToPath(import.meta.url)), "dist/app");
const budget = { first: 200_000, editor: 250_000, total: 700_000 };

const manifest = JSON.parse(readFileSync(join(out, "manifest.json"), "utf8"));
rmSync(join(out, "manifest.json"));

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

// What an import of a part brings, without what it imports only later.
const files = (key, seen = new Set()) => {
  const part = manifest[key];
  if (!part || seen.has(part.file)) return seen;
  seen.add(part.file);
  for (const css of part.css ?? []) seen.add(css);
  for (const next of part.imports ?? []) files(next, seen);
  return seen;
};
const sum = (names) => [...names].reduce((n, name) => n + (sizes[name] ?? 0), 0);

const entry = Object.keys(manifest).find((key) => manifest[key].isEntry);
const first = files(entry);
first.add("index.html");
// The fleet is the page that opens first.
for (const key of Object.keys(manifest)) if (key.endsWith("pages/fleet/FleetPage.tsx")) files(key, first);
const editorKey = Object.keys(manifest).find((key) => key.endsWith("editor/Editor.tsx"));
const editor = new Set([...files(editorKey)].filter((name) => !first.has(name)));

const measured = { first: sum(first), editor: sum(editor), total: sum(Object.keys(sizes)) };
let over = false;
for (const [name, size] of Object.entries(measured)) {
  const bad = size > budget[name];
  over ||= bad;
  process.stdout.write(
    `${bad ? "OVER  " : "ok    "} ${name.padEnd(7)} ${(size / 1000).toFixed(1)} kB compressed, of ${budget[name] / 1000} kB\n`,
  );
}
if (!editorKey || over) {
  process.stderr.write("web: the page is larger than its budget (web/pack.mjs)\n");
  process.exit(1);
}
