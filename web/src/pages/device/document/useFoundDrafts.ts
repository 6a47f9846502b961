import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { dropDraft } from "../../drafts";
import { revisionQuery } from "../log";
import { type Draft, draftsBeside } from "./drafts";

/** The newest draft of an earlier visit, if there is one. */
export interface Found {
  draft: Draft;
  /** It is of a device that this configuration never was of. */
  stranger: boolean;
}

/** Drafts of earlier visits to a configuration, whose device is `mac` now. */
export const useFoundDrafts = (id: number, mac: string | undefined, document: string) => {
  const [drafts, setDrafts] = useState(() => draftsBeside(id, document));
  const draft = drafts[0];
  const other = draft !== undefined && mac !== undefined && draft.mac !== mac;
  // Hardware may have been replaced since: then the revision that it was made from is of that device.
  const then = useQuery({ ...revisionQuery(id, draft?.revision ?? 0), enabled: other });
  const known = draft && mac !== undefined && (!other || !then.isPending);
  const found: Found | null = known ? { draft, stranger: other && then.data?.mac_address !== draft.mac } : null;
  return {
    found,
    forget: ({ name }: Draft) => {
      dropDraft(name);
      setDrafts(drafts.filter((one) => one.name !== name));
    },
  };
};
