import { randomName } from "../../../api/random";
import { stored, storedNames } from "../../../api/session";

/** A document that somebody wrote and did not save, as this browser keeps it. */
export interface Draft {
  /** Under which it is kept. */
  name: string;
  /** The revision that it was made from. */
  revision: number;
  text: string;
  /** When it was last changed, in milliseconds. */
  at: number;
}

const most = 20; // drafts in one browser, of all devices
const mostLength = 512 << 10; // characters of one
const oldest = 60 * 24 * 3600 * 1000; // milliseconds

const prefix = (id: number) => `draft:${id}:`;

/** A name for the draft of one opening of a document: what another tab keeps, or was kept before, is not written over. */
export const newDraftName = (id: number): string => prefix(id) + randomName();

const readDraft = (name: string): Draft | null => {
  try {
    const kept: unknown = JSON.parse(stored.read(name) ?? "null");
    if (typeof kept !== "object" || kept === null) return null;
    const { revision, text, at } = kept as Partial<Draft>;
    return typeof revision === "number" && typeof text === "string" && typeof at === "number"
      ? { name, revision, text, at }
      : null;
  } catch {
    return null;
  }
};

/** What is kept of a device, the newest first. */
export const draftsOf = (id: number): Draft[] =>
  storedNames(prefix(id))
    .map(readDraft)
    .filter((draft) => draft !== null)
    .sort((a, b) => b.at - a.at);

export const dropDraft = (name: string) => void stored.write(name, null);

/** Keeps a draft; the oldest of all go when there are too many, or no room. Answers whether it is kept. */
export const keepDraft = ({ name, ...draft }: Draft): boolean => {
  if (draft.text.length > mostLength) return false;
  const others = storedNames("draft:")
    .filter((other) => other !== name && /^draft:\d+:/.test(other))
    .map((other) => readDraft(other) ?? { name: other, at: 0 })
    .sort((a, b) => b.at - a.at);
  for (const [i, other] of others.entries()) if (i >= most - 1 || draft.at - other.at > oldest) dropDraft(other.name);
  const text = JSON.stringify(draft);
  if (stored.write(name, text)) return true;
  for (const other of others.reverse()) {
    dropDraft(other.name);
    if (stored.write(name, text)) return true;
  }
  return false;
};
