import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { IconButton } from "./Button";
import css from "./Dialog.module.css";
import { useFocusBack } from "./focusBack";

interface Props {
  open: boolean;
  onOpenChange(open: boolean): void;
  title: string;
  /** What this is about, in a sentence; read out with the title. */
  description?: ReactNode;
  /** The buttons at its end. */
  footer?: ReactNode;
  size?: "m" | "l" | "full";
  /** Where the focus goes when it closes, if not to where it was: a dialog that a menu opened was opened by what is gone. */
  returnTo?: HTMLElement | null;
  children?: ReactNode;
}

/** A dialog over the page. Escape and a press beside it close it. */
export const Dialog = ({ open, onOpenChange, title, description, footer, size = "m", returnTo, children }: Props) => {
  const focusBack = useFocusBack(returnTo);
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className={css.overlay} />
        <Radix.Content
          className={`${css.content} ${css[size]}`}
          {...(description ? {} : { "aria-describedby": undefined })}
          {...focusBack}
        >
          <header className={css.header}>
            <Radix.Title className={css.title}>{title}</Radix.Title>
            <Radix.Close asChild>
              <IconButton label="Close" icon={<X />} size="s" />
            </Radix.Close>
          </header>
          <div className={css.body}>
            {description && (
              <Radix.Description asChild>
                <div className={css.description}>{description}</div>
              </Radix.Description>
            )}
            {children}
          </div>
          {footer && <footer className={css.footer}>{footer}</footer>}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
};
