import { useLayoutEffect, useRef, useSyncExternalStore } from "react";
import { stored } from "../api/session";

/** Whether keys are called as on a Mac. */
export const isMac = /Mac|iP/.test(navigator.platform);

/** How the key is called that goes before a letter: "Ctrl K", "⌘K". */
export const mod = isMac ? "⌘" : "Ctrl ";

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
      { keys: "Escape", does: "Close what lies over the page" },
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
      { keys: "shift+alt+b", does: "Who set the value at the cursor" },
      { keys: "t d", does: "Document" },
      { keys: "t t", does: "Timeline" },
      { keys: "t h", does: "History" },
      { keys: "t b", does: "Blame" },
      { keys: "shift+j", does: "Next device of the fleet" },
      { keys: "shift+k", does: "Previous device of the fleet" },
    ],
  },
  {
    group: "History and blame of a device",
    keys: [
      { keys: "j", does: "Next revision, or next value (or ↓)" },
      { keys: "k", does: "Previous revision, or previous value (or ↑)" },
      { keys: "Enter", does: "What this revision changed" },
      { keys: "x", does: "Compare with this revision" },
      { keys: "v", does: "Side by side, or inline" },
    ],
  },
];

export type Keys = Record<string, (event: KeyboardEvent) => void>;

const patience = 2500; // milliseconds between the two keys of a sequence

// What listens, from the shell of the page (first) to what is shown last. The last one that knows a key has it.
const layers: { current: Keys }[] = [];
let first = "";
let firstAt = 0;

const typing = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable ||
    target.tagName === "TEXTAREA" ||
    target.tagName === "SELECT" ||
    (target instanceof HTMLInputElement && !/^(checkbox|radio|button|submit|range|file)$/.test(target.type)));

/** Whether something lies over the page that has keys of its own. */
export const covered = (): boolean =>
  document.querySelector('[role="dialog"],[role="menu"],[role="alertdialog"],[role="listbox"]') !== null;

// A control that has the focus is pressed by these; it has them before any shortcut.
const presses = (event: KeyboardEvent): boolean =>
  (event.key === "Enter" || event.key === " ") &&
  event.target instanceof HTMLElement &&
  event.target.closest("a,button,summary,input,[role=button],[role=tab],[role=checkbox]") !== null;

const nameOf = (event: KeyboardEvent): string => {
  const mod = event.ctrlKey || event.metaKey ? "mod+" : "";
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const letter = /^[a-z]$/.test(key);
  return `${mod}${event.shiftKey && (letter || key.length > 1) ? "shift+" : ""}${event.altKey ? "alt+" : ""}${key}`;
};

const find = (name: string) => layers.findLast((layer) => layer.current[name])?.current[name];
const begins = (name: string) =>
  layers.some((layer) => Object.keys(layer.current).some((keys) => keys.startsWith(`${name} `)));

const press = (event: KeyboardEvent) => {
  if (event.defaultPrevented || event.isComposing || !event.key) return;
  if (["Shift", "Control", "Alt", "Meta", "AltGraph"].includes(event.key)) return;
  const name = nameOf(event);
  const started = event.timeStamp - firstAt < patience ? first : "";
  first = "";
  if (!name.startsWith("mod+")) {
    if (typing(event.target) || covered() || presses(event)) return;
    if (/^(shift\+)?.$/.test(name) && !singleKeys.on()) return;
  }
  // A key after a first one is the second of these two and nothing else.
  const run = started ? find(`${started} ${name}`) : find(name);
  if (run) {
    event.preventDefault();
    run(event);
  } else if (begins(name)) {
    first = name;
    firstAt = event.timeStamp;
  }
};

/**
 * Has keys do things while a component is there. Single keys are left to whoever types into something, to a button that has
 * the focus, and to what lies over the page; those with mod are not. Of two components that know a key, the one that came last has
 * it; `below` puts one under all others.
 */
export const useShortcuts = (keys: Keys, { below = false } = {}) => {
  const current = useRef(keys);
  useLayoutEffect(() => {
    current.current = keys;
  });
  // As soon as it is there: who types fast knows the keys.
  useLayoutEffect(() => {
    if (layers.length === 0) window.addEventListener("keydown", press);
    if (below) layers.unshift(current);
    else layers.push(current);
    return () => {
      layers.splice(layers.indexOf(current), 1);
      if (layers.length === 0) window.removeEventListener("keydown", press);
    };
  }, [below]);
};

let on = stored.read("single-keys") !== "off";
const watchers = new Set<() => void>();

/** Whether single letters do things. Who speaks to the computer has them off, or a word would be a row of commands. */
export const singleKeys = {
  on: () => on,
  turn(next: boolean) {
    on = next;
    stored.write("single-keys", next ? null : "off");
    for (const watcher of watchers) watcher();
  },
  watch(watcher: () => void) {
    watchers.add(watcher);
    return () => void watchers.delete(watcher);
  },
};

export const useSingleKeys = () => useSyncExternalStore(singleKeys.watch, singleKeys.on);
