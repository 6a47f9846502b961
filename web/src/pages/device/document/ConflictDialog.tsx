import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { blocksSaving, checkDocument } from "../../../editor/checks";
import type { EditorHandle } from "../../../editor/Editor";
import { type Choice, mergeDocuments } from "../../../editor/merge";
import { Button } from "../../../ui/Button";
import { Dialog } from "../../../ui/Dialog";
import { Notice } from "../../../ui/Notice";
import { Skeleton } from "../../../ui/states";
import { Clash } from "./Clash";
import { Diff } from "./Compare";
import css from "./document.module.css";
import type { Based } from "./useEditing";

const Editor = lazy(() => import("../../../editor/Editor").then((m) => ({ default: m.Editor })));

interface Props {
  base: Based;
  mine: string;
  theirs: Based;
  /** Who saved theirs, as a part of a sentence; "" where that is not known. */
  by: string;
  maxBytes: number;
  /** Takes a text as what is edited, from now on against their revision. */
  take(text: string, against: Based): void;
  close(): void;
  /** Where the focus goes then. */
  returnTo: HTMLElement | null;
}

/** Somebody else saved meanwhile: what they changed, what I changed, and both together. */
export const ConflictDialog = ({ base, mine, theirs, by, maxBytes, take, close, returnTo }: Props) => {
  const [choices, setChoices] = useState<ReadonlyMap<string, Choice>>(new Map());
  const merged = useMemo(
    () => mergeDocuments(base.text, mine, theirs.text, choices),
    [base.text, mine, theirs.text, choices],
  );
  // What was written by hand is of one merge, and of no other.
  const [hand, setHand] = useState<{ of: string; text: string } | null>(null);
  const written = hand?.of === merged.text ? hand.text : null;
  const result = written ?? merged.text;
  const open = merged.conflicts.filter((conflict) => !choices.has(conflict.at));
  const problems = useMemo(() => checkDocument(result, { maxBytes }), [result, maxBytes]);
  const bad = blocksSaving(problems);
  const editor = useRef<EditorHandle | null>(null);
  const onChange = useCallback(
    (text: string) => setHand(text === merged.text ? null : { of: merged.text, text }),
    [merged.text],
  );
  // Another choice makes another result.
  useEffect(() => editor.current?.replace(merged.text, false), [merged.text]);
  const choose = (at: string, choice: Choice) => setChoices(new Map(choices).set(at, choice));
  const all = (choice: Choice) => setChoices(new Map(merged.conflicts.map((conflict) => [conflict.at, choice])));

  const use = () => {
    if (bad) editor.current?.showError();
    else take(result, theirs);
  };
  return (
    <Dialog
      open
      onOpenChange={(next) => !next && close()}
      title={`Revision ${theirs.revision} was saved while you edited`}
      description={`${by ? `It was saved by ${by}. ` : ""}You began with revision ${base.revision}. Nothing of either is lost: look at both, and choose what is to be.`}
      size="full"
      returnTo={returnTo}
      footer={
        <>
          <Button kind="danger" onClick={() => take(theirs.text, theirs)}>
            Discard mine
          </Button>
          <Button onClick={close}>Go on editing</Button>
          <Button kind="primary" disabled={open.length > 0 && written === null} onClick={use}>
            Use the merged document
          </Button>
        </>
      }
    >
      <div className={css.columns}>
        <section>
          <h3>What they changed</h3>
          <Diff
            before={base.text}
            after={theirs.text}
            label={`Revision ${base.revision}, and revision ${theirs.revision} of theirs`}
            first="inline"
          />
        </section>
        <section>
          <h3>What you changed</h3>
          <Diff before={base.text} after={mine} label={`Revision ${base.revision}, and your text`} first="inline" />
        </section>
      </div>
      <section className={css.section} aria-label="Both together">
        <h3>Both together</h3>
        {merged.by === "lines" && (
          <p className={css.hint}>
            One of the texts is no JSON, so they are merged by lines. Look at the result closely.
          </p>
        )}
        {merged.taken.length > 0 && (
          <>
            <p className={css.hint}>Merged by itself, as only one side changed it, or both did the same:</p>
            <ul className={css.taken}>
              {merged.taken.map((t) => (
                <li key={`${t.at} ${t.by} ${t.what}`}>
                  <code>{t.at || "the whole document"}</code> {t.what} by {sides[t.by]}
                </li>
              ))}
            </ul>
          </>
        )}
        {merged.conflicts.length === 0 ? (
          <Notice title="There is no conflict: nothing was changed by both." />
        ) : (
          <>
            <p className={css.hint} role="status">
              {open.length
                ? `${merged.conflicts.length === 1 ? "One place was" : `${merged.conflicts.length} places were`} changed by both: ${open.length === merged.conflicts.length ? "choose what is to be" : `${open.length} left to choose`}.`
                : "All is chosen. The result is below."}
            </p>
            {merged.conflicts.length > 1 && (
              <p className={css.hint}>
                <Button size="s" disabled={written !== null} onClick={() => all("mine")}>
                  Mine for all
                </Button>{" "}
                <Button size="s" disabled={written !== null} onClick={() => all("theirs")}>
                  Theirs for all
                </Button>
              </p>
            )}
            {merged.conflicts.map((conflict) => (
              <Clash
                key={conflict.at}
                conflict={conflict}
                choice={choices.get(conflict.at)}
                choose={(choice) => choose(conflict.at, choice)}
                byLines={merged.by === "lines"}
                closed={written !== null}
              />
            ))}
          </>
        )}
        <div className={css.modes}>
          <h3>The result</h3>
          {written !== null && (
            <Button
              size="s"
              onClick={() => {
                setHand(null);
                editor.current?.replace(merged.text, false);
              }}
            >
              Undo what I wrote by hand
            </Button>
          )}
        </div>
        <p className={css.hint}>
          {written === null
            ? "It can be changed by hand. Before it is saved, its difference to theirs is shown."
            : "It was changed by hand; the choices above are closed, as they would undo that."}
        </p>
        <Suspense fallback={<Skeleton lines={6} label="Loading the editor" />}>
          <Editor
            ref={editor}
            initial={result}
            onChange={onChange}
            label="The merged document"
            maxBytes={maxBytes}
            small
          />
        </Suspense>
      </section>
    </Dialog>
  );
};

const sides = { mine: "you", theirs: "them", both: "both alike" };
