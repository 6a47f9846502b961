import { stored, storedNames } from "../api/session";

const most = 20; // drafts in one browser, of all devices
const mostLength = 512 << 10; // characters of one
const oldest = 60 * 24 * 3600 * 1000; // milliseconds

/** What is kept of every draft: the text that somebody wrote and did not save, and when that was, in milliseconds. */
export interface Kept {
  text: string;
  at: number;
}

const isKept = (found: unknown): found is Kept & Record<string, unknown> => {
  if (typeof found !== "object" || found === null) return false;
  const { text, at } = found as Partial<Kept>;
  return typeof text === "string" && typeof at === "number";
};

/** The names of the drafts that this browser keeps and that start so. */
export const draftNames = (start = ""): string[] => storedNames(`draft:${start}`).map((name) => name.slice(6));

/** A draft; null where there is none that can be read. */
export const readDraft = (name: string): (Kept & Record<string, unknown>) | null => {
  try {
    const found: unknown = JSON.parse(stored.read(`draft:${name}`) ?? "null");
    return isKept(found) ? found : null;
  } catch {
    return null;
  }
};

export const dropDraft = (name: string) => void stored.write(`draft:${name}`, null);

/**
 * Keeps a draft in this browser, and answers whether it is kept. The oldest of the others go where there are too many, or no
 * room; but not for nothing.
 */
export const keepDraft = (name: string, draft: Kept): boolean => {
  if (draft.text.length > mostLength) return false;
  const others = draftNames()
    .filter((other) => other !== name)
    .map((other) => ({ other, at: readDraft(other)?.at ?? 0 }))
    .sort((a, b) => b.at - a.at);
  while (others.length >= most || draft.at - (others.at(-1)?.at ?? draft.at) > oldest) dropDraft(others.pop()!.other);
  const text = JSON.stringify(draft);
  const gone: [name: string, text: string | null][] = [];
  while (!stored.write(`draft:${name}`, text)) {
    const last = others.pop();
    if (!last) {
      for (const [other, was] of gone) stored.write(`draft:${other}`, was);
      return false;
    }
    gone.push([last.other, stored.read(`draft:${last.other}`)]);
    dropDraft(last.other);
  }
  return true;
};
