import { useState } from "react";
import { flushSync } from "react-dom";
import { asFailure, Failure } from "../../../api/client";
import { configQuery, documentQuery, queries } from "../../../api/queries";
import { useAttempt } from "../../../api/useAttempt";
import { type Config, restore, undelete } from "../../../api/write";
import { blocksSaving, checkDocument } from "../../../editor/checks";
import { toast, toastFailure } from "../../../ui/Toast";
import type { Three } from "./ConflictDialog";
import type { Refused } from "./told";
import { type Based, useEditing } from "./useEditing";

/** The dialog that is open: what is about to be saved, or what two have made of a document. */
type Shown = { what: "save" } | ({ what: "conflict" } & Three);

/** A document that is edited, and how it is saved: what is asked before, and how it goes on where somebody else was first. */
export const useSaving = (id: number, first: Based, maxBytes: number) => {
  const [shown, setShown] = useState<Shown | null>(null);
  const [message, setMessage] = useState("");
  const [refused, setRefused] = useState<Refused | null>(null);
  const [bringing, setBringing] = useState(false);
  const attempt = useAttempt();

  const close = () => setShown(null);
  const isSaved = (before: number, saved: number, detail?: string) => {
    close();
    setRefused(null);
    setMessage("");
    tellSaved(id, before, saved, detail);
  };
  const editing = useEditing(id, first, {
    held: shown?.what === "conflict",
    onLate: (late) => {
      if (late.text !== text.current) return void tellSaved(id, late.before, late.revision);
      const same = late.message.trim() === message.trim();
      isSaved(late.before, late.revision, same ? "" : "With the message that was sent at first.");
    },
  });
  const { based, text, dirty, gone, theirs, editor, put, rebase } = editing;

  const conflict = (other: Based): Shown => ({
    ...{ what: "conflict", base: based.current, mine: text.current, theirs: other },
  });

  // One dialog after the other: what closes gives the focus back to the editor, and must not take it from what opens.
  const goOn = (to: Shown) => {
    flushSync(close);
    setTimeout(() => setShown(to));
  };

  const ask = () => {
    if (shown) return;
    const problems = checkDocument(text.current, { maxBytes });
    if (gone) toast({ title: "It is deleted: bring it back first", bad: true });
    else if (!dirty)
      toast({ title: "Nothing has changed", detail: `This is revision ${based.current.revision} as it is.` });
    else if (blocksSaving(problems)) {
      const n = problems.filter((p) => p.severity === "error").length;
      toast({
        title: "It cannot be saved yet",
        detail: `There ${n === 1 ? "is an error" : `are ${n} errors`} that the server would refuse. The cursor is at one.`,
        bad: true,
      });
      editor.current?.showError();
    } else setShown(theirs ? conflict(theirs) : { what: "save" });
  };

  /** Somebody else saved first: what there is now says how it goes on. Answers why that could not be found out. */
  const overtaken = async (): Promise<Failure | null> => {
    let now: Based;
    try {
      now = await editing.readNewest();
      if (await editing.settle()) return text.current === based.current.text ? null : write();
    } catch (error) {
      const failure = asFailure(error);
      if (failure.status === 404) return deleted();
      return unread(failure);
    }
    if (now.text === text.current) {
      rebase(now);
      close();
      toast({ title: "Somebody else saved the same", detail: `It is revision ${now.revision}.` });
    } else if (now.text === based.current.text) {
      // Nothing is there that was not seen; only its number is another.
      rebase(now);
      return write();
    } else goOn(conflict(now));
    return null;
  };

  const deleted = async () => {
    await queries.refetchQueries({ queryKey: ["config", id] });
    close();
    return null;
  };

  /** Saves the text; answers why it could not be. */
  const write = async (): Promise<Failure | null> => {
    try {
      const { revision, before } = await editing.write(message);
      isSaved(before, revision);
      editor.current?.focus();
      return null;
    } catch (error) {
      const failure = asFailure(error);
      if (failure.status === 412) return overtaken();
      if (failure.status === 404) return deleted();
      if (failure.status !== 400 && failure.status !== 413 && failure.status !== 422) return failure;
      if (failure.fields.some((f) => !f.field.startsWith("content"))) return failure;
      setRefused({ text: text.current, failure });
      close();
      toast({ title: "The server refuses the document", detail: "What it says stands below the editor.", bad: true });
      return null;
    }
  };

  const take = (result: string, against: Based) => {
    put(result, against, true);
    if (result !== against.text) return goOn({ what: "save" });
    close();
    setMessage("");
    toast({
      title: `This is revision ${against.revision} now`,
      detail: "What you had changed is discarded; undo in the editor brings it back.",
    });
  };

  const bringBack = async () => {
    setBringing(true);
    try {
      await goOnWith(await attempt("", {}, (at) => undelete(id, at)));
    } catch (error) {
      toastFailure("It could not be brought back", error);
    } finally {
      setBringing(false);
    }
  };
  const goOnWith = async (back: Config) => {
    const there = await queries.fetchQuery(documentQuery(id, back.revision)).catch(asFailure);
    queries.setQueryData(configQuery(id).queryKey, back);
    await queries.refetchQueries({ queryKey: ["config", id] });
    if (there instanceof Failure)
      return toast({
        title: "It is back, but its document could not be read",
        detail: `${there.message}. Your text is still in the editor: save it, and you see first what it changes.`,
        bad: true,
      });
    const now = { revision: back.revision, text: there };
    // Somebody may have saved before it was deleted: that is not written over unseen.
    const mine = there === based.current.text || text.current === there;
    if (mine) rebase(now);
    if (text.current !== there) setShown(mine ? { what: "save" } : conflict(now));
  };

  const discard = () => {
    setMessage("");
    const back = theirs ?? based.current;
    put(back.text, back, true);
  };

  return {
    ...{ editing, shown, close, message, setMessage, refused, bringing },
    ...{ ask, write, take, bringBack, discard, lookAtBoth: () => theirs && setShown(conflict(theirs)) },
  };
};

export type Saving = ReturnType<typeof useSaving>;

const unread = (failure: Failure) =>
  new Failure(
    failure.status,
    failure.code,
    "Somebody else saved meanwhile, and what they saved could not be read",
    [failure.message, "Nothing was written over."].join(". "),
  );

const tellSaved = (id: number, before: number, saved: number, detail = "") =>
  saved === before
    ? toast({ title: "Nothing has changed" })
    : toast({
        title: `Revision ${saved} is saved`,
        detail,
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
