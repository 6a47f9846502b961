import { randomName } from "../../api/random";
import { draftNames, dropDraft, keepDraft, readDraft } from "../drafts";

/** A configuration that was begun and not made. */
export interface Draft {
  mac: string;
  text: string;
}

const read = (name: string): (Draft & { at: number }) | null => {
  const kept = readDraft(name);
  return typeof kept?.mac === "string" ? { mac: kept.mac, text: kept.text, at: kept.at } : null;
};

const isSame = (a: Draft, b: Draft | null) => b !== null && a.mac === b.mac && a.text === b.text;

/**
 * What was begun, as a copy of a device or (null) of none; kept in this browser until it is made or thrown away. It goes on from
 * the newest that was left; two tabs that go on from the same part ways with what they write.
 */
export const draftOf = (origin: string | null) => {
  const start = `new:${origin ?? ""}:`;
  let name = `${start}${randomName()}`;
  let last: Draft | null = null; // what is kept under the name, as far as is known here
  const isAnothers = (there: Draft | null) => there !== null && !isSame(there, last);
  return {
    /** `first`: the text that it begins with. What is no more than that is let go. */
    read(first: string): Draft | null {
      let newest = 0;
      for (const kept of draftNames(start)) {
        const found = read(kept);
        if (!found) continue;
        const { at, ...draft } = found;
        if (isSame(draft, { mac: "", text: first })) dropDraft(kept);
        else if (at > newest) [newest, name, last] = [at, kept, draft];
      }
      return last;
    },
    /** Answers whether it is kept. */
    write(next: Draft): boolean {
      const there = read(name);
      if (isSame(next, there)) return true;
      if (isAnothers(there)) name = `${start}${randomName()}`;
      const done = keepDraft(name, { ...next, at: Date.now() });
      if (done) last = next;
      return done;
    },
    drop() {
      if (!isAnothers(read(name))) dropDraft(name);
      last = null;
    },
  };
};

/** What a document begins with: the members that the lists show. */
export const starter = `{
  "deviceName": "",
  "deviceEntityId": "",
  "enableOTA": true
}
`;
