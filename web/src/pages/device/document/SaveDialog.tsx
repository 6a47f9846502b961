import type { FormEvent } from "react";
import type { Failure } from "../../../api/client";
import { useSending } from "../../../api/useSending";
import { mod, useShortcuts } from "../../../app/shortcuts";
import { Button } from "../../../ui/Button";
import { Dialog } from "../../../ui/Dialog";
import { Field } from "../../../ui/Field";
import { Notice } from "../../../ui/Notice";
import { mostMessage } from "../../actions/message";
import { Diff } from "./Compare";
import css from "./document.module.css";
import type { Based } from "./useEditing";

interface Props {
  base: Based;
  text: string;
  /** What a device would take for something else. */
  warnings: readonly string[];
  message: string;
  setMessage(message: string): void;
  /** Whether there is a draft of the text in this browser. */
  kept: boolean;
  /** Saves; where it answers a failure, that is shown here. */
  write(): Promise<Failure | null>;
  close(): void;
  /** Where the focus goes then. */
  returnTo: HTMLElement | null;
}

/** What is about to be saved: its difference to what is there, and why it is done. */
export const SaveDialog = (props: Props) => {
  const { base, text, warnings, message, setMessage, kept, write, close, returnTo } = props;
  const { busy, failure, send } = useSending();
  const tooLong = [...message.trim()].length > mostMessage;

  const submit = async (event?: FormEvent) => {
    event?.preventDefault();
    if (busy || tooLong) return;
    await send(write);
  };
  useShortcuts({ "mod+Enter": () => void submit() });
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && !busy && close()}
      title={`Save as revision ${base.revision + 1}`}
      size="full"
      returnTo={returnTo}
      footer={
        <>
          <Button onClick={close} disabled={busy}>
            Go on editing
          </Button>
          <Button kind="primary" busy={busy} disabled={tooLong} onClick={() => void submit()}>
            Save <kbd>{mod}↵</kbd>
          </Button>
        </>
      }
    >
      <div>
        {failure && (
          <div className={css.note}>
            <Notice
              kind="danger"
              title={failure.message}
              action={
                <Button size="s" onClick={() => void submit()}>
                  Try again
                </Button>
              }
            >
              {failure.detail && <p>{failure.detail}</p>}
              <p>
                What you wrote is still here
                {kept
                  ? ", and a draft of it is in this browser."
                  : ". This browser cannot keep it: leave the page open."}
              </p>
            </Notice>
          </div>
        )}
        {warnings.length > 0 && (
          <div className={css.note}>
            <Notice
              kind="warn"
              title={warnings.length === 1 ? "There is a warning" : `There are ${warnings.length} warnings`}
            >
              <ul>
                {warnings.slice(0, 5).map((warning) => (
                  <li key={warning}>{warning}</li>
                ))}
              </ul>
            </Notice>
          </div>
        )}
        <form onSubmit={submit} className={css.note}>
          <Field
            label="Message"
            hint="Why, for the history. It may be left empty."
            error={tooLong ? `A message has at most ${mostMessage} characters` : null}
            value={message}
            onChange={(event) => setMessage(event.target.value)}
            autoComplete="off"
            autoFocus
          />
        </form>
        <Diff before={base.text} after={text} label={`Revision ${base.revision} and what is to be saved`} />
      </div>
    </Dialog>
  );
};
