import { type ReactNode, useId } from "react";
import type { Choice, Conflict } from "../../../editor/merge";
import { scan } from "../../../editor/scan";
import css from "./document.module.css";

interface Props {
  conflict: Conflict;
  choice: Choice | undefined;
  choose(choice: Choice): void;
  /** Any text may stand there, and not only a value. */
  byLines: boolean;
  /** It cannot be chosen now. */
  closed: boolean;
}

/** A place that both changed: what each made of it, and which it is to be. */
export const Clash = ({ conflict, choice, choose, byLines, closed }: Props) => {
  const name = useId();
  const hand = typeof choice === "object" ? choice.text : null;
  const wrong = hand !== null && !byLines && hand.trim() !== "" && scan(`[${hand}]`).faults[0]?.message;
  const both = [conflict.mine, conflict.theirs].filter((side) => side !== null);
  return (
    <fieldset className={css.conflict} data-open={choice === undefined} disabled={closed}>
      <legend>
        <code>{conflict.at || "The whole document"}</code>
        {conflict.base !== null && conflict.base.length < 60 && (
          <>
            {" "}
            was <code>{conflict.base}</code>
          </>
        )}
      </legend>
      <div className={css.options}>
        <Option name={name} label="Mine" checked={choice === "mine"} choose={() => choose("mine")}>
          <Value text={conflict.mine} />
        </Option>
        <Option name={name} label="Theirs" checked={choice === "theirs"} choose={() => choose("theirs")}>
          <Value text={conflict.theirs} />
        </Option>
        {conflict.both && both.length > 1 && (
          <Option name={name} label="Both" checked={choice === "both"} choose={() => choose("both")}>
            <em>Mine, then theirs</em>
          </Option>
        )}
        <Option
          name={name}
          label="Another"
          checked={hand !== null}
          choose={() => choose({ text: conflict.mine ?? conflict.theirs ?? "" })}
        >
          <em>Write it by hand</em>
        </Option>
      </div>
      {hand !== null && (
        <>
          <textarea
            className={css.own}
            rows={Math.min(8, hand.split("\n").length + 1)}
            aria-label={`What is to stand at ${conflict.at || "the whole document"}`}
            aria-invalid={wrong ? true : undefined}
            spellCheck={false}
            value={hand}
            onChange={(event) => choose({ text: event.target.value })}
          />
          {wrong && (
            <p className={css.hint} role="status">
              {wrong}
            </p>
          )}
        </>
      )}
    </fieldset>
  );
};

const Value = ({ text }: { text: string | null }) => (text === null ? <em>Removed</em> : <pre>{text}</pre>);

const Option = (o: { name: string; label: string; checked: boolean; choose(): void; children: ReactNode }) => (
  <label className={css.option}>
    <input type="radio" name={o.name} checked={o.checked} onChange={o.choose} />
    <strong>{o.label}</strong>
    {o.children}
  </label>
);
