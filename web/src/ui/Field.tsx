import { type InputHTMLAttributes, type ReactNode, useId } from "react";
import css from "./Field.module.css";

interface Props extends Omit<InputHTMLAttributes<HTMLInputElement>, "id"> {
  label: string;
  hint?: ReactNode;
  /** What is wrong with it; empty where nothing is. */
  error?: ReactNode;
}

/** A labelled input, with a hint and what is wrong with it. */
export const Field = ({ label, hint, error, ...rest }: Props) => {
  const id = useId();
  return (
    <div className={css.field}>
      <label htmlFor={id} className={css.label}>
        {label}
      </label>
      <input
        id={id}
        className={css.input}
        aria-invalid={error ? true : undefined}
        aria-describedby={error || hint ? `${id}-about` : undefined}
        {...rest}
      />
      {(error || hint) && (
        <p id={`${id}-about`} className={error ? css.error : css.hint}>
          {error || hint}
        </p>
      )}
    </div>
  );
};

type Ticked = Omit<InputHTMLAttributes<HTMLInputElement>, "type"> & { label: ReactNode };

/** A labelled checkbox. */
export const Check = ({ label, ...rest }: Ticked) => (
  <label className={css.check}>
    <input type="checkbox" {...rest} />
    <span>{label}</span>
  </label>
);

/** A labelled radio button. */
export const Radio = ({ label, ...rest }: Ticked) => (
  <label className={css.check}>
    <input type="radio" {...rest} />
    <span>{label}</span>
  </label>
);
