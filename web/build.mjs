// Makes web/dist: the page of the API's docs, each file compressed once and for all.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const swagger = dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));

const files = {
  "index.html": join(here, "docs/index.html"),
  "start.js": join(here, "docs/start.js"),
  "swagger-ui.css": join(swagger, "swagger-ui.css"),
  "swagger-ui.js": join(swagger, "swagger-ui-bundle.js"),
  "favicon.png": join(swagger, "favicon-32x32.png"),
  "swagger-ui-bundle.js.LICENSE.txt": join(swagger, "swagger-ui-bundle.js.LICENSE.txt"),
  "LICENSE.txt": join(swagger, "LICENSE"),
  "NOTICE.txt": join(swagger, "NOTICE"),
};

// A map of the sources would be asked for and is not here.
const withoutSourceMap = (name, text) =>
  /\.(js|css)$/.test(name)
    ? Buffer.from(text.toString("utf8").replace(/\n?(\/\/|\/\*)# sourceMappingURL=[^\n]*/g, ""))
    : text;

const out = join(here, "dist/docs");
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
for (const [name, source] of Object.entries(files)) {
  const packed = gzipSync(withoutSourceMap(name, readFileSync(source)), { level: 9 });
  packed[9] = 255; // the system that packed it: unknown, so that every machine makes the same bytes
  writeFileSync(join(out, `${name}.gz`), packed);
}
