import { DropdownMenu } from "radix-ui";
import type { ReactNode } from "react";
import css from "./Menu.module.css";

/** A menu behind a button. `trigger` is the button. */
export const Menu = ({
  trigger,
  children,
  align = "end",
}: {
  trigger: ReactNode;
  children: ReactNode;
  align?: "start" | "end";
}) => (
  <DropdownMenu.Root>
    <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
    <DropdownMenu.Portal>
      <DropdownMenu.Content className={css.content} align={align} sideOffset={6} collisionPadding={8}>
        {children}
      </DropdownMenu.Content>
    </DropdownMenu.Portal>
  </DropdownMenu.Root>
);

export const MenuItem = ({
  icon,
  danger,
  hint,
  onSelect,
  disabled,
  children,
}: {
  icon?: ReactNode;
  danger?: boolean;
  /** A key that does the same. */
  hint?: string;
  onSelect(): void;
  disabled?: boolean;
  children: ReactNode;
}) => (
  <DropdownMenu.Item
    className={`${css.item} ${danger ? css.danger : ""}`}
    onSelect={onSelect}
    disabled={disabled ?? false}
  >
    {icon}
    <span className={css.label}>{children}</span>
    {hint && <kbd className={css.hint}>{hint}</kbd>}
  </DropdownMenu.Item>
);

export const MenuLine = () => <DropdownMenu.Separator className={css.line} />;

/** One of a few, of which one is always chosen. */
export const MenuChoice = ({
  value,
  onChange,
  choices,
}: {
  value: string;
  onChange(value: string): void;
  choices: readonly { value: string; label: string; icon?: ReactNode }[];
}) => (
  <DropdownMenu.RadioGroup value={value} onValueChange={onChange}>
    {choices.map((choice) => (
      <DropdownMenu.RadioItem key={choice.value} value={choice.value} className={css.item}>
        {choice.icon}
        <span className={css.label}>{choice.label}</span>
        <span className={css.check} aria-hidden>
          {choice.value === value ? "✓" : ""}
        </span>
      </DropdownMenu.RadioItem>
    ))}
  </DropdownMenu.RadioGroup>
);
