import { Field } from "../../ui/Field";
import { mostMessage } from "./message";

/** Why something is done, for the history; it may be left empty. */
export const MessageField = ({
  value,
  onChange,
  example,
}: {
  value: string;
  onChange(text: string): void;
  example: string;
}) => (
  <Field
    label="Message for the history (optional)"
    value={value}
    onChange={(event) => onChange(event.target.value)}
    maxLength={mostMessage}
    placeholder={example}
    autoComplete="off"
  />
);
