import { Field } from "../../ui/Field";

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
    maxLength={500}
    placeholder={example}
    autoComplete="off"
  />
);
