import { dropDraft, keepDraft, readDraft } from "../drafts";

/** A configuration that was begun and not made. */
export interface Draft {
  mac: string;
  text: string;
}

/** What was begun, as a copy of a device or (null) of none; kept in this browser until it is made or thrown away. */
export const draftOf = (origin: string | null) => {
  const name = `new:${origin ?? ""}`;
  const drop = () => dropDraft(name);
  return {
    /** `first`: the text that it begins with. What is no more than that is let go. */
    read(first: string): Draft | null {
      const found = readDraft(name);
      if (!found || typeof found.mac !== "string") return null;
      const { mac, text } = found;
      if (mac !== "" || text !== first) return { mac, text };
      drop();
      return null;
    },
    /** Answers whether it is kept. */
    write: (next: Draft): boolean => keepDraft(name, { ...next, at: Date.now() }),
    drop,
  };
};

/** What a document begins with: the members that the lists show. */
export const starter = `{
  "deviceName": "",
  "deviceEntityId": "",
  "enableOTA": true
}
`;
