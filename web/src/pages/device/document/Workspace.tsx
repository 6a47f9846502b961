import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Save } from "lucide-react";
import { useCallback, useContext, useEffect, useMemo, useState } from "react";
import { configQuery, deviceQuery, documentQuery, queries, serverQuery } from "../../../api/queries";
import { useShortcuts } from "../../../app/shortcuts";
import { checkDocument, defaultMaxBytes } from "../../../editor/checks";
import type { EditorHandle } from "../../../editor/Editor";
import { LazyEditor } from "../../../editor/LazyEditor";
import { Button } from "../../../ui/Button";
import { byKeys } from "../../../ui/byKeys";
import { Leave } from "../../Leave";
import { cursor } from "../cursor";
import { revisionsHead } from "../log";
import { useWantedPath } from "../place";
import { UnsavedContext } from "../unsaved";
import { ConflictDialog } from "./ConflictDialog";
import css from "./document.module.css";
import type { Draft } from "./drafts";
import { Having } from "./Having";
import { DraftFound, Gone, Overtaken, ReportedElsewhere, savedBy, Unkept } from "./Notices";
import { SaveDialog } from "./SaveDialog";
import { refusedProblems, reportedProblems } from "./told";
import type { Based, Editing } from "./useEditing";
import { useFoundDrafts } from "./useFoundDrafts";
import { type Saving, useSaving } from "./useSaving";

type Author = ReturnType<typeof useAuthors>;

/** The document of a device, being edited. `first` is what was there when it was opened. */
export const Workspace = ({ id, first }: { id: number; first: Based }) => {
  const maxBytes = useQuery(serverQuery).data?.max_content_bytes ?? defaultMaxBytes;
  const saving = useSaving(id, first, maxBytes);
  const { editing, shown, refused } = saving;
  const { base, text, dirty, gone, followed } = editing;
  const known = useQuery(deviceQuery(id)).data;
  const device = known && "sync" in known ? known : undefined;
  const reported = device?.reported?.status === "error" ? device.reported : null;
  const here = reported?.revision === base.revision ? reported : null;
  const elsewhere = reported && reported.revision < base.revision ? reported : null;
  const author = useAuthors(id, editing.theirs !== null || followed !== null || gone || shown?.what === "conflict");
  const { attach, whoSet } = useAtCursor(id, editing);

  const more = useCallback(
    (shownText: string) => [
      ...(here ? reportedProblems(shownText, here) : []),
      ...(refused ? refusedProblems(shownText, refused) : []),
    ],
    [here, refused],
  );
  useShortcuts({ "mod+s": saving.ask });
  const tell = useContext(UnsavedContext);
  useEffect(() => {
    tell(dirty);
    return () => tell(false);
  }, [tell, dirty]);

  return (
    <div className={css.workspace}>
      <Told id={id} first={first} saving={saving} author={author} elsewhere={elsewhere} />
      <Having id={id} revision={editing.revision} device={device} />
      <p role="status" className={followed === null ? "visually-hidden" : css.hint}>
        {followed !== null &&
          `Revision ${followed} is shown now${author(followed) ? `: saved by ${savedBy(author(followed))}` : ""}`}
      </p>
      <div className={css.editor}>
        <LazyEditor
          ref={attach}
          initial={text.current}
          origin={base}
          onChange={editing.onChange}
          label="Document"
          more={more}
          maxBytes={maxBytes}
          whoSet={whoSet}
          actions={
            <>
              {dirty && (
                <>
                  <span className={css.unsaved}>Not saved</span>
                  <Button
                    size="s"
                    onClick={(event) => {
                      saving.discard();
                      if (byKeys(event)) editing.editor.current?.focus();
                    }}
                  >
                    Discard
                  </Button>
                </>
              )}
              <Button size="s" kind="primary" icon={<Save />} disabled={!dirty || gone} onClick={saving.ask}>
                Save…
              </Button>
            </>
          }
        />
      </div>
      <Dialogs saving={saving} maxBytes={maxBytes} by={(revision) => savedBy(author(revision))} />
      <Leave
        title="Leave without saving?"
        unsaved={() => text.current !== editing.based.current.text}
        leaves={(from, to) => from.pathname !== to.pathname}
        keep={editing.keep}
        kept={!editing.unkept}
        discard={saving.discard}
      />
    </div>
  );
};

/** Who saved which revision, as far as the newest ones tell; it is read when it is wanted. */
const useAuthors = (id: number, wanted: boolean) => {
  const items = useQuery({ ...revisionsHead(id), enabled: wanted }).data?.items;
  return (revision: number | "deleted") =>
    items?.find((r) => (revision === "deleted" ? r.source === "delete" : r.revision === revision));
};

/** Goes to what a link to the document was for, and from the value at the cursor to who set it. */
const useAtCursor = (id: number, { editor }: Editing) => {
  const navigate = useNavigate();
  const wanted = useWantedPath();
  const [ready, setReady] = useState(false);
  const attach = useCallback(
    (handle: EditorHandle | null) => {
      editor.current = handle;
      cursor.whoSet = handle && (() => handle.whoSet());
      setReady(handle !== null);
    },
    [editor],
  );
  useEffect(() => {
    if (ready && wanted !== undefined) editor.current?.showPath(wanted);
  }, [ready, wanted, editor]);
  const whoSet = useCallback(
    (path: string) => void navigate({ to: "/devices/$id/blame", params: { id }, state: { path } }),
    [navigate, id],
  );
  return { attach, whoSet };
};

/** What there is to know of the document, and to decide, above it. */
const Told = ({
  id,
  first,
  saving,
  author,
  elsewhere,
}: {
  id: number;
  first: Based;
  saving: Saving;
  author: Author;
  elsewhere: Parameters<typeof ReportedElsewhere>[0]["reported"] | null;
}) => {
  const { editing, bringing, discard } = saving;
  const { base, dirty, gone, theirs, editor, put } = editing;
  const mac = useQuery(configQuery(id)).data?.mac_address;
  const { found, forget } = useFoundDrafts(id, mac, first.text);

  const restore = async (draft: Draft) => {
    // A revision that is not kept any more cannot be merged with, nor one that had another number on other hardware; before it
    // is saved, all of it is shown against the newest.
    const read = draft.mac === mac && draft.revision < base.revision;
    const from = read ? await queries.fetchQuery(documentQuery(id, draft.revision)).catch(() => null) : null;
    put(draft.text, from === null ? base : { revision: draft.revision, text: from }, true);
    forget(draft);
    editor.current?.focus();
  };
  const deleted = gone ? author("deleted") : undefined;
  const by = theirs ? author(theirs.revision) : undefined;
  return (
    <div className={css.notices}>
      {found && !dirty && (
        <DraftFound
          key={found.draft.name}
          draft={found.draft}
          stranger={found.stranger}
          base={base}
          restore={() => void restore(found.draft)}
          discard={(event) => {
            forget(found.draft);
            if (byKeys(event)) editor.current?.focus();
          }}
        />
      )}
      {gone && dirty && (
        <Gone by={savedBy(deleted)} busy={bringing} back={() => void saving.bringBack()} discard={discard} />
      )}
      {theirs && !gone && <Overtaken theirs={theirs} by={savedBy(by)} at={by?.created_at} look={saving.lookAtBoth} />}
      {dirty && editing.unkept && <Unkept />}
      {elsewhere && <ReportedElsewhere id={id} reported={elsewhere} />}
    </div>
  );
};

/** The dialog of what is about to be saved, or of what two have made of it. */
const Dialogs = ({ saving, maxBytes, by }: { saving: Saving; maxBytes: number; by(revision: number): string }) => {
  const { editing, shown, close, message, setMessage, write, take } = saving;
  const text = editing.text.current;
  const saves = shown?.what === "save";
  const warnings = useMemo(
    () => (saves ? checkDocument(text, { maxBytes }).map((p) => `Line ${lineOf(text, p.from)}: ${p.message}`) : []),
    [saves, maxBytes, text],
  );
  const returnTo = editing.editor.current?.element ?? null;
  if (!shown) return null;
  return shown.what === "conflict" ? (
    <ConflictDialog first={shown} newest={editing.known} {...{ by, maxBytes, take, close, returnTo }} />
  ) : (
    <SaveDialog
      base={editing.base}
      text={text}
      kept={!editing.unkept}
      {...{ warnings, message, setMessage, write, close, returnTo }}
    />
  );
};

const lineOf = (text: string, at: number): number => text.slice(0, at).split("\n").length;
