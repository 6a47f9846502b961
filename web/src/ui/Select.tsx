import { type SelectHTMLAttributes, useId } from "react";
import css from "./Field.module.css";

interface Props extends Omit<SelectHTMLAttributes<HTMLSelectElement>, "id" | "onChange"> {
  label: string;
  /** The choices: what each is, and how it is called. */
  options: readonly (readonly [value: string, label: string])[];
  onChange(value: string): void;
}

/** A labelled choice of one from a few. */
export const Select = ({ label, options, onChange, ...rest }: Props) => {
  const id = useId();
  return (
    <div className={css.field}>
      <label htmlFor={id} className={css.label}>
        {label}
      </label>
      <select id={id} className={css.input} onChange={(e) => onChange(e.target.value)} {...rest}>
        {options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
};
