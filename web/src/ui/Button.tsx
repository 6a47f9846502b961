import { type ButtonHTMLAttributes, forwardRef, type ReactNode } from "react";
import css from "./Button.module.css";

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  /** primary: the one thing to do here. danger: what loses something. quiet: without a border. */
  kind?: "primary" | "plain" | "danger" | "quiet";
  size?: "m" | "s";
  icon?: ReactNode;
  /** Shows that it is at work, and cannot be pressed meanwhile. */
  busy?: boolean;
}

export const Button = forwardRef<HTMLButtonElement, Props>(
  ({ kind = "plain", size = "m", icon, busy, className, children, disabled, type = "button", ...rest }, ref) => (
    <button
      ref={ref}
      type={type}
      className={[css.button, css[kind], css[size], !children && css.square, className].filter(Boolean).join(" ")}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
      {...rest}
    >
      {busy ? <span className={css.spinner} aria-hidden /> : icon}
      {children}
    </button>
  ),
);
Button.displayName = "Button";

/** A button that is an icon: `label` is its name, for everybody. */
export const IconButton = forwardRef<HTMLButtonElement, Omit<Props, "children"> & { label: string }>(
  ({ label, kind = "quiet", ...rest }, ref) => (
    <Button ref={ref} kind={kind} aria-label={label} title={label} {...rest} />
  ),
);
IconButton.displayName = "IconButton";
