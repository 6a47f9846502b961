import { useEffect, useRef } from "react";

/** Every shortcut of the page, for the list of them. Keys: "mod" is Ctrl, or ⌘ on a Mac; "g f" is g, then f. */
export const shortcutSheet: { group: string; keys: { keys: string; does: string }[] }[] = [
  {
    group: "Everywhere",
    keys: [
      { keys: "mod+k", does: "Go to a device, or run a command" },
      { keys: "/", does: "Search the fleet" },
      { keys: "n", does: "New configuration" },
      { keys: "?", does: "This list" },
      { keys: "g f", does: "Fleet" },
      { keys: "g i", does: "Import" },
      { keys: "g d", does: "Deleted configurations" },
      { keys: "g a", does: "Audit" },
      { keys: "g s", does: "Server" },
    ],
  },
  {
    group: "Fleet",
    keys: [
      { keys: "j", does: "Next device (or ↓)" },
      { keys: "k", does: "Previous device (or ↑)" },
      { keys: "Enter", does: "Open the device" },
      { keys: "x", does: "Select the device (or Space)" },
      { keys: "mod+a", does: "Select all that are shown" },
      { keys: "Escape", does: "Clear the selection" },
    ],
  },
  {
    group: "A device",
    keys: [
      { keys: "mod+s", does: "Save: look at the difference first" },
      { keys: "mod+f", does: "Search in the document" },
      { keys: "shift+alt+f", does: "Format the document" },
      { keys: "F8", does: "Next problem in the document" },
      { keys: "t d", does: "Document" },
      { keys: "t t", does: "Timeline" },
      { keys: "t h", does: "History" },
      { keys: "t b", does: "Blame" },
    ],
  },
];

const typing = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable ||
    target.tagName === "TEXTAREA" ||
    target.tagName === "SELECT" ||
    (target instanceof HTMLInputElement &&
      target.type !== "checkbox" &&
      target.type !== "radio" &&
      target.type !== "button"));

const nameOf = (event: KeyboardEvent): string => {
  const mod = event.ctrlKey || event.metaKey ? "mod+" : "";
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const letter = /^[a-z]$/.test(key);
  return `${mod}${event.shiftKey && (letter || event.key.length > 1) ? "shift+" : ""}${event.altKey ? "alt+" : ""}${key}`;
};

/**
 * Has keys do things while a component is there. Single keys are left to whoever types into something, and to open dialogs;
 * those with mod are not.
 */
export const useShortcuts = (keys: Record<string, (event: KeyboardEvent) => void>) => {
  const current = useRef(keys);
  current.current = keys;
  useEffect(() => {
    let first = "";
    let at = 0;
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.isComposing) return;
      const name = nameOf(event);
      const plain = !name.startsWith("mod+");
      if (
        plain &&
        (typing(event.target) || document.querySelector('[role="dialog"],[role="menu"],[role="alertdialog"]'))
      )
        return;
      const pair = event.timeStamp - at < 1200 ? `${first} ${name}` : "";
      const run = (pair && current.current[pair]) || current.current[name];
      first = name;
      at = event.timeStamp;
      if (!run) return;
      first = "";
      event.preventDefault();
      run(event);
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, []);
};
