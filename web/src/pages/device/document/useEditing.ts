import { useQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import { asFailure } from "../../../api/client";
import { configQuery, documentQuery, queries } from "../../../api/queries";
import { isLost } from "../../../api/useAttempt";
import { save } from "../../../api/write";
import type { EditorHandle } from "../../../editor/Editor";
import { useDraft } from "./useDraft";

/** A revision of the document, and its text. */
export interface Based {
  revision: number;
  text: string;
}

/** What the text was held against from some time on. */
interface Origin extends Based {
  nth: number;
}

/** A save whose answer never came. */
interface Unanswered extends Based {
  message: string;
}

interface Options {
  /** Nothing is taken in by itself: somebody chooses what is to be. */
  held: boolean;
  /** Told of a save whose answer was lost, and which was done all the same. */
  onLate(saved: { revision: number; text: string; before: number; message: string }): void;
}

/**
 * The document as it is being edited. `base` is the revision that it was made from, which follows the newest one as long as
 * nothing is edited, and is undone with the text; `theirs` is the newest one where somebody else saved another text while this
 * one was edited.
 */
export const useEditing = (id: number, first: Based, { held, onLate }: Options) => {
  const origin = useRef<Origin>({ ...first, nth: 0 });
  const [base, setBase] = useState<Based>(origin.current);
  const [dirty, setDirty] = useState(false);
  const [saving, setSaving] = useState(false);
  const [followed, setFollowed] = useState<number | null>(null);
  const text = useRef(first.text);
  const latest = useRef(0); // origin of all
  const saved = useRef(origin.current);
  const editor = useRef<EditorHandle | null>(null);

  const config = useQuery(configQuery(id));
  const gone = config.error !== null && asFailure(config.error).status === 404;
  const revision = config.data?.revision ?? first.revision;
  const newest = useQuery(documentQuery(id, revision)).data;
  const draft = useDraft(id, () =>
    text.current === origin.current.text
      ? null
      : { revision: origin.current.revision, text: text.current, mac: config.data?.mac_address ?? "" },
  );

  const note = useCallback((next: string, from: Origin) => {
    text.current = next;
    origin.current = from;
    setBase(from);
    setDirty(next !== from.text);
  }, []);
  /** Puts a text into the editor, and says what revision it is held against from now on. */
  const put = useCallback(
    (next: string, { revision, text }: Based, edit: boolean) => {
      const from = { revision, text, nth: ++latest.current };
      editor.current?.replace(next, edit, from);
      note(next, from);
      draft.touch();
    },
    [note, draft.touch],
  );
  /** Says what revision the text is held against from now on. */
  const rebase = useCallback(
    (next: Based) => {
      put(text.current, next, false);
      draft.write();
    },
    [put, draft.write],
  );
  const onChange = useCallback(
    (next: string, from: unknown) => {
      if (next !== text.current) setFollowed(null);
      // What was saved is what there is: who undoes what was before that changes it anew.
      const now = from as Origin;
      note(next, now.nth < saved.current.nth ? saved.current : now);
      draft.touch();
    },
    [note, draft.touch],
  );

  const isSaved = useCallback(
    (next: Based) => {
      queries.setQueryData(documentQuery(id, next.revision).queryKey, next.text);
      rebase(next);
      saved.current = origin.current;
      setFollowed(null);
    },
    [id, rebase],
  );
  const late = useLate(id, isSaved, onLate);

  const { unanswered, settle } = late;
  useEffect(() => {
    if (saving || held || newest === undefined || revision <= base.revision) return;
    if (unanswered) {
      // Should it fail, saving it again asks once more.
      settle().catch(() => {});
      return;
    }
    const next = { revision, text: newest };
    if (!dirty && text.current === base.text) {
      put(newest, next, false);
      draft.write();
      setFollowed(revision);
    } else if (newest === base.text || newest === text.current) rebase(next);
  }, [saving, held, unanswered, settle, newest, revision, base, dirty, put, rebase, draft.write]);

  /** Saves the text, if the newest revision is still the one that it was made from; throws a Failure otherwise. */
  const write = async (message: string): Promise<{ revision: number; before: number }> => {
    setSaving(true);
    const before = origin.current.revision;
    const sent = { revision: before, text: text.current, message };
    try {
      const done = await save(id, sent.text, { revision: before, message });
      late.forget();
      queries.setQueryData(configQuery(id).queryKey, (was) =>
        was && was.revision > done.revision ? was : { ...was, ...done },
      );
      isSaved({ revision: done.revision, text: sent.text });
      return { revision: done.revision, before };
    } catch (error) {
      if (isLost(error)) late.note(sent);
      throw error;
    } finally {
      setSaving(false);
    }
  };

  /** Reads what there is now; throws a Failure. */
  const readNewest = async (): Promise<Based> => {
    const { revision } = await queries.fetchQuery({ ...configQuery(id), staleTime: 0 });
    return { revision, text: await queries.fetchQuery(documentQuery(id, revision)) };
  };

  const known = newest !== undefined && revision > base.revision && !unanswered ? { revision, text: newest } : null;
  const theirs = dirty && !saving && known && known.text !== base.text && known.text !== text.current ? known : null;
  return {
    ...{
      base,
      based: origin,
      text,
      dirty,
      saving,
      followed,
      gone,
      revision,
      known,
      theirs,
      editor,
      unkept: draft.lost,
    },
    ...{ onChange, put, rebase, write, settle, readNewest, keep: draft.write },
  };
};

export type Editing = ReturnType<typeof useEditing>;

/**
 * A save whose answer was lost: nobody knows whether it was done until a newer revision is there. If it was, it is the one behind that
 * which it was made from, and has its text.
 */
const useLate = (id: number, isSaved: (next: Based) => void, onLate: Options["onLate"]) => {
  const [unanswered, setUnanswered] = useState<Unanswered | null>(null);
  const current = useRef(unanswered);
  current.current = unanswered;
  const tell = useRef(onLate);
  tell.current = onLate;
  const set = useCallback((next: Unanswered | null) => {
    current.current = next;
    setUnanswered(next);
  }, []);
  /** Finds out whether it was done, now that there is a newer revision, and answers that; throws a Failure. */
  const settle = useCallback(async (): Promise<boolean> => {
    const was = current.current;
    if (!was) return false;
    const next = was.revision + 1;
    const there = await queries.fetchQuery(documentQuery(id, next)).catch((error) => {
      if (asFailure(error).status === 404) return null;
      throw error;
    });
    if (current.current !== was) return false;
    set(null);
    if (there !== was.text) return false;
    isSaved({ revision: next, text: was.text });
    tell.current({ revision: next, text: was.text, before: was.revision, message: was.message });
    return true;
  }, [id, isSaved, set]);
  return { unanswered, note: set, forget: useCallback(() => set(null), [set]), settle };
};
