import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { blocksSaving, checkDocument } from "../../../editor/checks";
import type { EditorHandle } from "../../../editor/Editor";
import { LazyEditor } from "../../../editor/LazyEditor";
import { type Choice, keptChoices, type Merged, mergeDocuments } from "../../../editor/merge";
import { Button } from "../../../ui/Button";
import { Dialog } from "../../../ui/Dialog";
import { Notice } from "../../../ui/Notice";
import { Clash } from "./Clash";
import { Diff } from "./Compare";
import css from "./document.module.css";
import type { Based } from "./useEditing";

/** What was there, and what two have made of it. */
export interface Three {
  base: Based;
  mine: string;
  theirs: Based;
}

interface Props {
  /** What is merged at first; what is saved later is taken in when it is asked for. */
  first: Three;
  /** The newest revision, where it is another than those. */
  newest: Based | null;
  /** Who saved a revision, as a part of a sentence; "" where that is not known. */
  by(revision: number): string;
  maxBytes: number;
  /** Takes a text as what is edited, from now on against a revision. */
  take(text: string, against: Based): void;
  close(): void;
  /** Where the focus goes then. */
  returnTo: HTMLElement | null;
}

/** What is merged, what was chosen of it, and what was written by hand in place of the result. */
const useMerge = (first: Three) => {
  const [three, setThree] = useState(first);
  const [choices, setChoices] = useState<ReadonlyMap<string, Choice>>(new Map());
  const { base, mine, theirs } = three;
  const merged = useMemo(
    () => mergeDocuments(base.text, mine, theirs.text, choices),
    [base.text, mine, theirs.text, choices],
  );
  // What was written by hand is of one merge, and of no other.
  const [hand, setHand] = useState<{ of: string; text: string } | null>(null);
  const written = hand?.of === merged.text ? hand.text : null;
  const write = useCallback(
    (text: string) => setHand(text === merged.text ? null : { of: merged.text, text }),
    [merged.text],
  );
  /** What was chosen, where what was saved since leaves the place alone. */
  const kept = (newest: Based) => keptChoices(choices, merged, mergeDocuments(base.text, mine, newest.text));
  /** Merges with what was saved since; a result that was written by hand is mine in that. */
  const takeIn = (newest: Based) => {
    setChoices(written === null ? kept(newest) : new Map());
    setThree(written === null ? { base, mine, theirs: newest } : { base: theirs, mine: written, theirs: newest });
  };
  return {
    ...{ three, merged, choices, written, write, kept, takeIn },
    choose: (at: string, choice: Choice) => setChoices(new Map(choices).set(at, choice)),
    chooseAll: (choice: Choice) => setChoices(new Map(merged.conflicts.map((conflict) => [conflict.at, choice]))),
  };
};

/** Somebody else saved meanwhile: what they changed, what I changed, and both together. */
export const ConflictDialog = ({ first, newest, by, maxBytes, take, close, returnTo }: Props) => {
  const merge = useMerge(first);
  const { three, merged, choices, written } = merge;
  const { base, mine, theirs } = three;
  const newer = newest && newest.revision > theirs.revision ? newest : null;
  const result = written ?? merged.text;
  const bad = useMemo(() => blocksSaving(checkDocument(result, { maxBytes })), [result, maxBytes]);
  const open = merged.conflicts.filter((conflict) => !choices.has(conflict.at));
  const editor = useRef<EditorHandle | null>(null);
  // Another choice makes another result.
  useEffect(() => editor.current?.replace(merged.text, false), [merged]);

  // What is asked about is what there was to lose then; whoever goes on with it stays.
  const [leaving, setLeaving] = useState<unknown>(null);
  const losing = written ?? (choices.size ? choices : null);
  const leave = () => (losing === null ? close() : setLeaving(losing));
  const use = () => {
    if (bad) editor.current?.showError();
    else take(result, theirs);
  };
  const saver = by(theirs.revision);
  return (
    <Dialog
      open
      onOpenChange={(next) => !next && leave()}
      title={`Revision ${theirs.revision} was saved while you edited`}
      description={`${saver ? `It was saved by ${saver}. ` : ""}You began with revision ${base.revision}. Nothing of either is lost: look at both, and choose what is to be.`}
      size="full"
      returnTo={returnTo}
      footer={
        losing !== null && leaving === losing ? (
          <Losing
            what={written === null ? "What you chose" : "What you wrote by hand into the result"}
            stay={() => setLeaving(null)}
            leave={close}
          />
        ) : (
          <Deciding
            discard={() => take((newer ?? theirs).text, newer ?? theirs)}
            leave={leave}
            goOn={newer ? () => merge.takeIn(newer) : use}
            label={newer ? `Take in revision ${newer.revision}` : "Use the merged document"}
            ready={newer !== null || open.length === 0 || written !== null}
          />
        )
      }
    >
      {newer && <Newer merge={merge} newer={newer} by={by(newer.revision)} />}
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
        <ByItself merged={merged} />
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
                <Button size="s" disabled={written !== null} onClick={() => merge.chooseAll("mine")}>
                  Mine for all
                </Button>{" "}
                <Button size="s" disabled={written !== null} onClick={() => merge.chooseAll("theirs")}>
                  Theirs for all
                </Button>
              </p>
            )}
            {merged.conflicts.map((conflict) => (
              <Clash
                key={conflict.at}
                conflict={conflict}
                choice={choices.get(conflict.at)}
                choose={(choice) => merge.choose(conflict.at, choice)}
                byLines={merged.by === "lines"}
                closed={written !== null}
              />
            ))}
          </>
        )}
        <div className={css.modes}>
          <h3>The result</h3>
          {written !== null && (
            <Button size="s" onClick={() => editor.current?.replace(merged.text, false)}>
              Undo what I wrote by hand
            </Button>
          )}
        </div>
        <p className={css.hint}>
          {written === null
            ? "It can be changed by hand. Before it is saved, its difference to theirs is shown."
            : "It was changed by hand; the choices above are closed, as they would undo that."}
        </p>
        <LazyEditor
          ref={editor}
          initial={result}
          onChange={merge.write}
          label="The merged document"
          maxBytes={maxBytes}
          small
        />
      </section>
    </Dialog>
  );
};

const Deciding = (o: { discard(): void; leave(): void; goOn(): void; label: string; ready: boolean }) => (
  <>
    <Button kind="danger" onClick={o.discard}>
      Discard mine
    </Button>
    <Button onClick={o.leave}>Go on editing</Button>
    <Button kind="primary" disabled={!o.ready} onClick={o.goOn}>
      {o.label}
    </Button>
  </>
);

/** Asks before what was chosen or written goes. */
const Losing = ({ what, stay, leave }: { what: string; stay(): void; leave(): void }) => (
  <>
    <span className={css.asked}>{what} is lost then.</span>
    <Button kind="danger" onClick={leave}>
      Lose it, and go on editing
    </Button>
    <Button kind="primary" autoFocus onClick={stay}>
      Stay
    </Button>
  </>
);

/** Somebody saved once more while this was looked at. */
const Newer = ({ merge, newer, by }: { merge: ReturnType<typeof useMerge>; newer: Based; by: string }) => {
  const { choices, written } = merge;
  const kept = written === null ? merge.kept(newer) : choices;
  const typed = [...choices].flatMap(([at, choice]) =>
    typeof choice === "object" && !kept.has(at) ? [{ at, text: choice.text }] : [],
  );
  return (
    <div className={css.note} role="alert">
      <Notice
        kind="warn"
        title={`Revision ${newer.revision} was saved ${by ? `by ${by}` : "by somebody else"} while you choose`}
      >
        <p>
          Take it in before you go on.{" "}
          {written === null
            ? "What you chose stays, but for places that it changed."
            : "What you wrote by hand stays, as what you changed."}
        </p>
        {typed.map(({ at, text }) => (
          <div key={at}>
            <p>
              It changed <code>{at}</code>, for which you wrote this; that goes then:
            </p>
            <pre className={css.own}>{text}</pre>
          </div>
        ))}
      </Notice>
    </div>
  );
};

/** What needs nobody to choose. */
const ByItself = ({ merged }: { merged: Merged }) => (
  <>
    {merged.by === "lines" && (
      <p className={css.hint}>One of the texts is no JSON, so they are merged by lines. Look at the result closely.</p>
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
  </>
);

const sides = { mine: "you", theirs: "them", both: "both alike" };
