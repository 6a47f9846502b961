import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { dropDraft } from "../../drafts";
import { revisionsHead } from "../log";
import { type Draft, draftsBeside } from "./drafts";

/** The newest draft of an earlier visit, if there is one. */
export interface Found {
  draft: Draft;
  /** It is of a device that this configuration is not known to have been of. */
  stranger: boolean;
}

/** Drafts of earlier visits to a configuration, whose device is `mac` now. */
export const useFoundDrafts = (id: number, mac: string | undefined, document: string) => {
  const [drafts, setDrafts] = useState(() => draftsBeside(id, document));
  const draft = drafts[0];
  const other = draft !== undefined && mac !== undefined && draft.mac !== mac;
  const revisions = useQuery({ ...revisionsHead(id), enabled: other });
  const replaced = revisions.data?.items.some((r) => r.source === "replace" && r.other_mac_address === draft?.mac);
  const known = draft && mac !== undefined && (!other || !revisions.isPending);
  const found: Found | null = known ? { draft, stranger: other && !replaced } : null;
  return {
    found,
    forget: ({ name }: Draft) => {
      dropDraft(name);
      setDrafts(drafts.filter((one) => one.name !== name));
    },
  };
};
