import { useQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import { asFailure } from "../../../api/client";
import { configQuery, documentQuery, queries } from "../../../api/queries";
import { type Config, save } from "../../../api/write";
import type { EditorHandle } from "../../../editor/Editor";
import { useDraft } from "./useDraft";

/** A revision of the document, and its text. */
export interface Based {
  revision: number;
  text: string;
}

/**
 * The document as it is being edited. `base` is the revision that it was made from, which follows the newest one as long as
 * nothing is edited; `theirs` is the newest one where somebody else saved another text while this one was edited.
 */
export const useEditing = (id: number, first: Based) => {
  const [base, setBase] = useState(first);
  const [dirty, setDirty] = useState(false);
  const [saving, setSaving] = useState(false);
  const [followed, setFollowed] = useState<number | null>(null);
  const text = useRef(first.text);
  const based = useRef(first);
  const editor = useRef<EditorHandle | null>(null);

  const config = useQuery(configQuery(id));
  const gone = config.error !== null && asFailure(config.error).status === 404;
  const revision = config.data?.revision ?? first.revision;
  const newest = useQuery(documentQuery(id, revision)).data;
  const draft = useDraft(id, () =>
    text.current === based.current.text ? null : { revision: based.current.revision, text: text.current },
  );

  /** Says what revision the text is held against from now on. */
  const rebase = useCallback(
    (next: Based) => {
      based.current = next;
      setBase(next);
      setDirty(text.current !== next.text);
      draft.write();
    },
    [draft.write],
  );
  /** Puts a text into the editor. */
  const put = useCallback(
    (next: string, edit: boolean) => {
      text.current = next;
      editor.current?.replace(next, edit);
      setDirty(next !== based.current.text);
      draft.touch();
    },
    [draft.touch],
  );
  const onChange = useCallback(
    (next: string) => {
      text.current = next;
      setDirty(next !== based.current.text);
      setFollowed(null);
      draft.touch();
    },
    [draft.touch],
  );

  useEffect(() => {
    if (saving || newest === undefined || revision <= base.revision) return;
    const next = { revision, text: newest };
    if (text.current === base.text) {
      based.current = next;
      put(newest, false);
      rebase(next);
      setFollowed(revision);
    } else if (newest === base.text || newest === text.current) rebase(next);
  }, [saving, newest, revision, base, put, rebase]);

  /** Saves the text, if the newest revision is still the one that it was made from; throws a Failure otherwise. */
  const write = async (message: string): Promise<Config> => {
    setSaving(true);
    const sent = text.current;
    try {
      const saved = await save(id, sent, { revision: base.revision, message });
      queries.setQueryData(documentQuery(id, saved.revision).queryKey, sent);
      queries.setQueryData(configQuery(id).queryKey, (was) =>
        was && was.revision > saved.revision ? was : { ...was, ...saved },
      );
      rebase({ revision: saved.revision, text: sent });
      setFollowed(null);
      return saved;
    } finally {
      setSaving(false);
    }
  };

  const theirs: Based | null =
    dirty &&
    !saving &&
    newest !== undefined &&
    revision > base.revision &&
    newest !== base.text &&
    newest !== text.current
      ? { revision, text: newest }
      : null;
  return { base, text, dirty, saving, followed, gone, revision, theirs, editor, onChange, put, rebase, write };
};

export type Editing = ReturnType<typeof useEditing>;
