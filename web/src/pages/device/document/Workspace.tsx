import { useQuery } from "@tanstack/react-query";
import { Save } from "lucide-react";
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { flushSync } from "react-dom";
import { asFailure, type Failure } from "../../../api/client";
import { configQuery, deviceQuery, documentQuery, queries, serverQuery } from "../../../api/queries";
import { restore, undelete } from "../../../api/write";
import { useShortcuts } from "../../../app/shortcuts";
import { blocksSaving, checkDocument, defaultMaxBytes } from "../../../editor/checks";
import type { EditorHandle } from "../../../editor/Editor";
import { Button } from "../../../ui/Button";
import { Skeleton } from "../../../ui/states";
import { toast, toastFailure } from "../../../ui/Toast";
import { revisionsHead } from "../log";
import { useWantedPath } from "../place";
import { ConflictDialog } from "./ConflictDialog";
import css from "./document.module.css";
import { type Draft, draftsOf, dropDraft } from "./drafts";
import { Having } from "./Having";
import { Leave } from "./Leave";
import { DraftFound, Gone, Overtaken, ReportedElsewhere, savedBy } from "./Notices";
import { SaveDialog } from "./SaveDialog";
import { type Refused, refusedProblems, reportedProblems } from "./told";
import { type Based, useEditing } from "./useEditing";

const Editor = lazy(() => import("../../../editor/Editor").then((m) => ({ default: m.Editor })));

type Shown = "save" | "conflict" | null;

/** The document of a device, being edited. `first` is what was there when it was opened. */
export const Workspace = ({ id, first }: { id: number; first: Based }) => {
  const editing = useEditing(id, first);
  const { base, text, dirty, gone, theirs, put, rebase } = editing;
  const [shown, setShown] = useState<Shown>(null);
  const [refused, setRefused] = useState<Refused | null>(null);
  const [bringing, setBringing] = useState(false);
  const [drafts, setDrafts] = useState(() => draftsOf(id).filter((draft) => draft.text !== first.text));
  const [ready, setReady] = useState(false);

  const server = useQuery(serverQuery);
  const maxBytes = server.data?.max_content_bytes ?? defaultMaxBytes;
  const known = useQuery(deviceQuery(id)).data;
  const device = known && "sync" in known ? known : undefined;
  const reported = device?.reported?.status === "error" ? device.reported : null;
  const here = reported?.revision === base.revision ? reported : null;
  const newest = useQuery({ ...revisionsHead(id), enabled: theirs !== null || editing.followed !== null }).data;
  const authorOf = (revision: number) => newest?.items.find((r) => r.revision === revision);

  const more = useCallback(
    (shownText: string) => [
      ...(here ? reportedProblems(shownText, here) : []),
      ...(refused?.text.replaceAll("\r\n", "\n") === shownText ? refusedProblems(shownText, refused) : []),
    ],
    [here, refused],
  );

  const wanted = useWantedPath();
  const editor = editing.editor;
  const attach = useCallback(
    (handle: EditorHandle | null) => {
      editor.current = handle;
      setReady(handle !== null);
    },
    [editor],
  );
  useEffect(() => {
    if (ready && wanted !== undefined) editor.current?.showPath(wanted);
  }, [ready, wanted, editor]);

  const unsaved = useRef<() => boolean>(() => false);
  unsaved.current = () => text.current !== base.text;

  const ask = () => {
    const problems = checkDocument(text.current, { maxBytes });
    if (shown) return;
    if (gone) toast({ title: "It is deleted: bring it back first", bad: true });
    else if (!dirty) toast({ title: "Nothing has changed", detail: `This is revision ${base.revision} as it is.` });
    else if (blocksSaving(problems)) {
      const n = problems.filter((p) => p.severity === "error").length;
      toast({
        title: "It cannot be saved yet",
        detail: `There ${n === 1 ? "is an error" : `are ${n} errors`} that the server would refuse. The cursor is at one.`,
        bad: true,
      });
      editor.current?.showError();
    } else setShown(theirs ? "conflict" : "save");
  };
  useShortcuts({ "mod+s": ask });

  // One dialog after the other: what closes gives the focus back to the editor, and must not take it from what opens.
  const goOn = (to: Shown) => {
    flushSync(() => setShown(null));
    setTimeout(() => setShown(to));
  };

  const write = async (message: string): Promise<Failure | null> => {
    const before = base;
    try {
      const saved = await editing.write(message);
      setShown(null);
      setRefused(null);
      if (saved.revision === before.revision) toast({ title: "Nothing has changed" });
      else tellSaved(id, before.revision, saved.revision);
      editor.current?.focus();
      return null;
    } catch (error) {
      const failure = asFailure(error);
      if (failure.status === 412 || failure.status === 404) {
        await queries.refetchQueries({ queryKey: ["config", id] });
        goOn(failure.status === 412 ? "conflict" : null);
        return null;
      }
      if (failure.status !== 400 && failure.status !== 413 && failure.status !== 422) return failure;
      if (failure.fields.some((f) => !f.field.startsWith("content"))) return failure;
      setRefused({ text: text.current, failure });
      setShown(null);
      toast({ title: "The server refuses the document", detail: "What it says stands below the editor.", bad: true });
      return null;
    }
  };

  // What was in the way may turn out to have the text that this was made from.
  useEffect(() => {
    if (shown === "conflict" && !theirs && !editing.saving && editing.revision === base.revision)
      setShown(dirty ? "save" : null);
  }, [shown, theirs, dirty, editing.saving, editing.revision, base.revision]);

  const take = (result: string, against: Based) => {
    put(result, true);
    rebase(against);
    if (result === against.text) {
      setShown(null);
      toast({
        title: `This is revision ${against.revision} now`,
        detail: "What you had changed is discarded; undo in the editor brings it back.",
      });
    } else goOn("save");
  };

  const bringBack = async () => {
    setBringing(true);
    try {
      const back = await undelete(id);
      const there = await queries.fetchQuery(documentQuery(id, back.revision));
      queries.setQueryData(configQuery(id).queryKey, back);
      await queries.refetchQueries({ queryKey: ["config", id] });
      // Somebody may have saved before it was deleted: that is not written over unseen.
      const mine = there === base.text || text.current === there;
      if (mine) rebase({ revision: back.revision, text: there });
      setShown(text.current === there ? null : mine ? "save" : "conflict");
    } catch (error) {
      toastFailure("It could not be brought back", error);
    } finally {
      setBringing(false);
    }
  };

  const discard = () => {
    const back = theirs ?? base;
    put(back.text, true);
    rebase(back);
  };

  const restoreDraft = async (draft: Draft) => {
    const from = await queries.fetchQuery(documentQuery(id, draft.revision)).catch(() => null);
    put(draft.text, true);
    // A revision that is not kept any more cannot be merged with; before it is saved, all of it is shown against the newest.
    if (from !== null && draft.revision < base.revision) rebase({ revision: draft.revision, text: from });
    forget(draft);
    editor.current?.focus();
  };
  const forget = (draft: Draft) => {
    dropDraft(draft.name);
    setDrafts(drafts.filter((d) => d.name !== draft.name));
  };

  const author = theirs ? authorOf(theirs.revision) : undefined;
  const draft = drafts[0];
  const warnings = useMemo(
    () =>
      shown === "save"
        ? checkDocument(text.current, { maxBytes }).map((p) => `Line ${lineOf(text.current, p.from)}: ${p.message}`)
        : [],
    [shown, maxBytes, text],
  );
  const followed = editing.followed;
  return (
    <div className={css.workspace}>
      <div className={css.notices}>
        {draft && !dirty && (
          <DraftFound
            key={draft.name}
            draft={draft}
            base={base}
            restore={() => void restoreDraft(draft)}
            discard={() => forget(draft)}
          />
        )}
        {gone && dirty && <Gone busy={bringing} back={() => void bringBack()} discard={discard} />}
        {theirs && !gone && (
          <Overtaken theirs={theirs} by={savedBy(author)} at={author?.created_at} look={() => setShown("conflict")} />
        )}
        {reported && !here && reported.revision < base.revision && <ReportedElsewhere id={id} reported={reported} />}
      </div>
      <Having id={id} revision={editing.revision} device={device} />
      <p role="status" className={followed === null ? "visually-hidden" : css.hint}>
        {followed !== null &&
          `Revision ${followed} is shown now${authorOf(followed) ? `: saved by ${savedBy(authorOf(followed))}` : ""}`}
      </p>
      <div className={css.editor}>
        <Suspense fallback={<Skeleton lines={10} label="Loading the editor" />}>
          <Editor
            ref={attach}
            initial={text.current}
            onChange={editing.onChange}
            label="Document"
            more={more}
            maxBytes={maxBytes}
            actions={
              <>
                {dirty && (
                  <>
                    <span className={css.unsaved}>Not saved</span>
                    <Button size="s" onClick={discard}>
                      Discard
                    </Button>
                  </>
                )}
                <Button size="s" kind="primary" icon={<Save />} disabled={!dirty || gone} onClick={ask}>
                  Save…
                </Button>
              </>
            }
          />
        </Suspense>
      </div>
      {shown === "save" && (
        <SaveDialog
          base={base}
          text={text.current}
          warnings={warnings}
          write={write}
          close={() => setShown(null)}
          returnTo={editor.current?.element ?? null}
        />
      )}
      {shown === "conflict" && theirs && (
        <ConflictDialog
          key={theirs.revision}
          base={base}
          mine={text.current}
          theirs={theirs}
          by={savedBy(author)}
          maxBytes={maxBytes}
          take={take}
          close={() => setShown(null)}
          returnTo={editor.current?.element ?? null}
        />
      )}
      <Leave unsaved={unsaved} discard={discard} />
    </div>
  );
};

const lineOf = (text: string, at: number): number => text.slice(0, at).split("\n").length;

const tellSaved = (id: number, before: number, saved: number) =>
  toast({
    title: `Revision ${saved} is saved`,
    action: {
      label: "Undo",
      run: () => {
        restore(id, before, { revision: saved, message: `Undo of revision ${saved}` }).then(
          (back) => toast({ title: `Revision ${back.revision} has the document of revision ${before} again` }),
          (error) => toastFailure("It could not be undone", error),
        );
      },
    },
  });
