import { parseMac } from "../actions/mac";
import { arraySlices, objectSlices } from "./slices";

/** A file that was chosen or dropped; `path` is as it stands in its folder. */
export interface Found {
  path: string;
  file: Blob;
}

/** A document to import. */
export interface Candidate {
  kind: "candidate";
  path: string;
  mac: string;
  text: string;
}

/** What is not sent: a file that is no configuration, or one that no server could take. */
export interface PassedOver {
  kind: "other" | "refused";
  path: string;
  mac: string | null;
  reason: string;
}

export type Entry = Candidate | PassedOver;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const together = 100; // documents that are in memory both as bytes and as text
const largestExport = 256 * 2 ** 20;

const decode = (bytes: BufferSource): string | null => {
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
};

const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** The MAC address that a file is named by. */
const macOf = (path: string): string | null => {
  const name = nameOf(path);
  return /\.json$/i.test(name) ? parseMac(name.slice(0, -".json".length)) : null;
};

const isDocument = ({ path, file }: Found, mostBytes: number): boolean =>
  macOf(path) !== null && file.size <= mostBytes;

/** The texts of files, null of what is no UTF-8. They are read as one: each reading asks another process, and thousands take long. */
const textsOf = async (files: readonly Found[]): Promise<Map<Found, string | null>> => {
  const all = new Uint8Array(await new Blob(files.map(({ file }) => file)).arrayBuffer());
  const texts = new Map<Found, string | null>();
  let start = 0;
  for (const each of files) {
    texts.set(each, decode(all.subarray(start, start + each.file.size)));
    start += each.file.size;
  }
  return texts;
};

/**
 * Reads what was chosen: files named <mac>.json in any spelling of the address, and exports (a configuration a line, or an array of
 * them). `mostBytes` is the largest document that the server takes.
 */
export const readFound = async (
  found: readonly Found[],
  mostBytes: number,
  progress: (read: number) => void,
): Promise<Entry[]> => {
  const entries: Entry[] = [];
  const first = new Map<string, string>();
  const take = (entry: Entry) => {
    const before = entry.kind === "candidate" ? first.get(entry.mac) : undefined;
    if (entry.kind !== "candidate" || before === undefined) {
      if (entry.kind === "candidate") first.set(entry.mac, entry.path);
      entries.push(entry);
      return;
    }
    entries.push({
      kind: "refused",
      path: entry.path,
      mac: entry.mac,
      reason: `${entry.mac} is here twice; first in ${before}`,
    });
  };
  for (let read = 0; read < found.length; read += together) {
    progress(read);
    const some = found.slice(read, read + together);
    const texts = await textsOf(some.filter((each) => isDocument(each, mostBytes)));
    for (const each of some) for (const entry of await readOne(each, mostBytes, texts)) take(entry);
  }
  progress(found.length);
  return entries;
};

const other = (path: string, reason: string): Entry[] => [{ kind: "other", path, mac: null, reason }];

const readOne = async (each: Found, mostBytes: number, texts: ReadonlyMap<Found, string | null>): Promise<Entry[]> => {
  const { path, file } = each;
  const name = nameOf(path);
  if (name.startsWith(".") || /^(thumbs\.db|desktop\.ini)$/i.test(name) || path.split("/").includes("__MACOSX"))
    return other(path, "A file of the computer's own");
  if (/\.(ndjson|jsonl)$/i.test(name)) return readExport(path, file);
  if (!/\.json$/i.test(name)) return other(path, "No .json file");
  const mac = macOf(path);
  if (!mac) return readUnnamed(path, file);
  const refused = (reason: string): Entry[] => [{ kind: "refused", path, mac, reason }];
  if (file.size > mostBytes)
    return refused(
      `It has ${file.size.toLocaleString()} bytes, and the server takes ${mostBytes.toLocaleString()} at most`,
    );
  const text = texts.get(each) ?? null;
  return text === null ? refused("It is not valid UTF-8") : [{ kind: "candidate", path, mac, text }];
};

/** A .json file whose name is no MAC address: an array of configurations, or something else. */
const readUnnamed = async (path: string, file: Blob): Promise<Entry[]> => {
  const reason = "Its name is no MAC address";
  const start = (await file.slice(0, 1024).text()).trimStart();
  if (!start.startsWith("[") || file.size > largestExport) return other(path, reason);
  const text = decode(await file.arrayBuffer());
  try {
    return arraySlices(text ?? "").map((item, i) => readItem(`${path}, item ${i + 1}`, item));
  } catch {
    return other(path, `${reason}, and it is no array of configurations`);
  }
};

const readExport = async (path: string, file: Blob): Promise<Entry[]> => {
  const refused = (reason: string): Entry[] => [{ kind: "refused", path, mac: null, reason }];
  if (file.size > largestExport) return refused("It is larger than 256 MiB: split it");
  const text = decode(await file.arrayBuffer());
  if (text === null) return refused("It is not valid UTF-8");
  const entries: Entry[] = [];
  let number = 0;
  for (const line of text.split("\n")) {
    number++;
    if (line.trim()) entries.push(readItem(`${path}, line ${number}`, line));
    // The page answers meanwhile.
    if (number % 500 === 0) await new Promise((resolve) => setTimeout(resolve));
  }
  return entries;
};

/** One configuration of an export. */
const readItem = (path: string, text: string): Entry => {
  const refused = (reason: string): Entry => ({ kind: "refused", path, mac: null, reason });
  let parts: Map<string, string>;
  let address: unknown;
  try {
    parts = objectSlices(text);
    address = JSON.parse(parts.get("mac_address") ?? "null");
  } catch {
    return refused("It is no JSON object with mac_address and content");
  }
  const mac = typeof address === "string" ? parseMac(address) : null;
  const content = parts.get("content");
  if (!mac) return refused("Its mac_address is no MAC address");
  if (content === undefined) return refused("It has no content");
  return { kind: "candidate", path, mac, text: content.startsWith('"') ? (JSON.parse(content) as string) : content };
};
