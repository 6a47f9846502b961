// What a browser loads, held to a budget. Sizes are those of the compressed files, in bytes.

/** What may be loaded: when the fleet is opened, more when a document is, and all that there is. */
export const budget = { first: 200_000, editor: 250_000, total: 700_000 };

// The page that opens first, the fleet, is in the entry; this it loads by itself as soon as it is there.
const opening = ["pages/fleet/History.tsx"];
const editing = ["pages/device/DevicePage.tsx", "pages/device/DocumentTab.tsx", "editor/Editor.tsx"];

/** The files that importing a part of the build brings, without those that it imports only later. */
export const filesOf = (manifest, key, seen = new Set()) => {
  const part = manifest[key];
  if (!part || seen.has(part.file)) return seen;
  seen.add(part.file);
  for (const file of [...(part.css ?? []), ...(part.assets ?? [])]) seen.add(file);
  for (const next of part.imports ?? []) filesOf(manifest, next, seen);
  return seen;
};

// Vite calls a part by its source, or by a name where several share it; the source is in it then. Each must be there: what is named
// otherwise by now would be missing from the sum.
const named = (manifest, ends) =>
  ends.flatMap((end) => {
    const keys = Object.keys(manifest).filter((key) => key.endsWith(end) || manifest[key].src?.endsWith(end));
    if (!keys.length) throw new Error(`the build has no part ${end}; is it named otherwise by now? (web/budget.mjs)`);
    return keys;
  });

/**
 * How much is loaded of what Vite built: its manifest, the page as HTML, and the size of each file. Throws where the build has
 * no entry, or one of the parts that this file names is missing.
 */
export const measure = (manifest, html, sizes) => {
  const first = new Set(["index.html", "favicon.svg"]);
  for (const [, file] of html.matchAll(/(?:src|href)="\.\/([^"]+)"/g)) first.add(file);
  const entries = Object.keys(manifest).filter((key) => manifest[key].isEntry);
  if (!entries.length) throw new Error("the build has no entry");
  for (const key of [...entries, ...named(manifest, opening)])
    for (const file of filesOf(manifest, key)) first.add(file);
  const editor = new Set();
  for (const key of named(manifest, editing))
    for (const file of filesOf(manifest, key)) if (!first.has(file)) editor.add(file);
  const sum = (files) => [...files].reduce((n, file) => n + (sizes[file] ?? 0), 0);
  return { first: sum(first), editor: sum(editor), total: sum(Object.keys(sizes)), firstFiles: [...first].sort() };
};

/** A line for each part of the budget, and whether all of them are kept to. */
export const judge = (measured, allowed = budget) => {
  const lines = Object.entries(allowed).map(([name, most]) => {
    const size = measured[name];
    const kept = size <= most;
    return { kept, text: `${kept ? "ok    " : "OVER  "} ${name.padEnd(7)} ${kB(size)} compressed, of ${kB(most)}` };
  });
  return { kept: lines.every((line) => line.kept), lines: lines.map((line) => line.text) };
};

const kB = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
