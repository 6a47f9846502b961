import { Dialog } from "../ui/Dialog";
import { Check } from "../ui/Field";
import { overlay, useOverlay } from "./overlay";
import css from "./ShortcutList.module.css";
import { isMac, mod, shortcutSheet, singleKeys, useSingleKeys } from "./shortcuts";

const shown: Record<string, string> = {
  mod: mod.trim(),
  shift: "Shift",
  alt: isMac ? "⌥" : "Alt",
  Escape: "Esc",
};

/** A key or several, as they are written on the keyboard. */
export const Keys = ({ keys }: { keys: string }) => (
  <>
    {keys.split(" ").map((step, i) => (
      <span key={step + String(i)}>
        {i > 0 && " then "}
        {step.split("+").map((key) => (
          <kbd key={key} className={css.key}>
            {shown[key] ?? (key.length === 1 ? key.toUpperCase() : key)}
          </kbd>
        ))}
      </span>
    ))}
  </>
);

/** Every shortcut that there is. */
export const ShortcutList = () => (
  <Dialog
    open={useOverlay() === "shortcuts"}
    onOpenChange={(open) => !open && overlay.hide()}
    title="Keyboard shortcuts"
    size="l"
    footer={<SingleKeys />}
  >
    {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
    <section className={css.groups} tabIndex={0} aria-label="What the keys do">
      {shortcutSheet.map((group) => (
        <section key={group.group}>
          <h3>{group.group}</h3>
          <dl className={css.list}>
            {group.keys.map((shortcut) => (
              <div key={shortcut.keys + shortcut.does}>
                <dt>
                  <Keys keys={shortcut.keys} />
                </dt>
                <dd>{shortcut.does}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </section>
  </Dialog>
);

const SingleKeys = () => (
  <Check
    label="Single letters and signs do things"
    checked={useSingleKeys()}
    onChange={(event) => singleKeys.turn(event.target.checked)}
  />
);
