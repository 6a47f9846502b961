import type { FormEvent } from "react";
import { devices } from "../../fleet/counted";
import { Button } from "../../ui/Button";
import { Check, Radio } from "../../ui/Field";
import { Card } from "../../ui/Page";
import { MessageField } from "../actions/MessageField";
import css from "./Confirm.module.css";
import { countFates, type Planned } from "./plan";
import type { Choices } from "./useImport";

interface Props {
  plan: readonly Planned[];
  choices: Choices;
  onChoose(choices: Choices): void;
  onSend(): void;
  onReset(): void;
  busy: boolean;
}

/** What to do with what is there and with what is refused, why, and the button that does it. */
export const Confirm = ({ plan, choices, onChoose, onSend, onReset, busy }: Props) => {
  const counts = countFates(plan);
  const changed = counts.create + (choices.onConflict === "update" ? counts.update : 0);
  const held = counts.refused > 0 && !choices.keepGoing;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (changed && !held) onSend();
  };
  return (
    <Card>
      <form className={css.form} onSubmit={submit}>
        {counts.update > 0 && (
          <fieldset className={css.choices}>
            <legend>
              {devices(counts.update)} {counts.update === 1 ? "has" : "have"} another document already
            </legend>
            <Radio
              label="Update: the file becomes a new revision, and the older ones stay"
              name="conflict"
              checked={choices.onConflict === "update"}
              onChange={() => onChoose({ ...choices, onConflict: "update" })}
            />
            <Radio
              label="Skip: leave what is there"
              name="conflict"
              checked={choices.onConflict === "skip"}
              onChange={() => onChoose({ ...choices, onConflict: "skip" })}
            />
          </fieldset>
        )}
        {counts.refused > 0 && (
          <Check
            label={`Import the others, although ${counts.refused === 1 ? "1 is" : `${counts.refused.toLocaleString()} are`} refused`}
            checked={choices.keepGoing}
            onChange={(event) => onChoose({ ...choices, keepGoing: event.target.checked })}
          />
        )}
        {changed > 0 && (
          <MessageField
            value={choices.message}
            onChange={(message) => onChoose({ ...choices, message })}
            example="Such as: moved from the file server"
          />
        )}
        <div className={css.buttons}>
          <Button type="submit" kind="primary" busy={busy} disabled={!changed || held}>
            {changed ? `Import ${devices(changed)}` : "Nothing to import"}
          </Button>
          <Button onClick={onReset} disabled={busy}>
            Choose other files
          </Button>
          {held && changed > 0 && (
            <p className={css.why}>What is refused holds up the rest, unless you say above that it does not.</p>
          )}
        </div>
      </form>
    </Card>
  );
};
