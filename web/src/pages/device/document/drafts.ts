import { randomName } from "../../../api/random";
import { draftNames, dropDraft, type Kept, keepDraft, readDraft } from "../../drafts";

/** A document that somebody wrote and did not save, as this browser keeps it. */
export interface Draft extends Kept {
  /** Under which it is kept. */
  name: string;
  /** The device that it was written for: of another database, the same configuration may be another device's. */
  mac: string;
  /** The revision that it was made from. */
  revision: number;
}

/** A name for the draft of one opening of a document: what another tab keeps, or was kept before, is not written over. */
export const newDraftName = (id: number): string => `${id}:${randomName()}`;

const read = (name: string): Draft | null => {
  const kept = readDraft(name);
  if (!kept) return null;
  const { text, at, mac, revision } = kept;
  return typeof mac === "string" && typeof revision === "number" ? { name, text, at, mac, revision } : null;
};

/** What is kept of a configuration, the newest first. What is the document as it is was saved by then, and is let go. */
export const draftsBeside = (id: number, document: string): Draft[] => {
  const drafts = draftNames(`${id}:`)
    .map(read)
    .filter((draft) => draft !== null);
  for (const { name, text } of drafts) if (text === document) dropDraft(name);
  return drafts.filter(({ text }) => text !== document).sort((a, b) => b.at - a.at);
};

/** Keeps a draft in this browser, and answers whether it is kept. */
export const keep = ({ name, ...draft }: Draft): boolean => keepDraft(name, draft);
