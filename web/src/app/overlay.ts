import { useSyncExternalStore } from "react";
import { toastFailure } from "../ui/Toast";
import { PartMissing } from "./lazyPage";
import { typeAhead } from "./typeAhead";

export type Overlay = "palette" | "shortcuts";

export const loadPalette = () => import("./Palette");
export const loadShortcutList = () => import("./ShortcutList");

let shown: Overlay | null = null;
let typed = "";
const watchers = new Set<() => void>();
const set = (next: Overlay | null) => {
  shown = next;
  for (const watcher of watchers) watcher();
};

/** What lies over every page: the command palette or the list of shortcuts, one at a time. */
export const overlay = {
  /** It is loaded when it is first shown; what is typed meanwhile is `typed`, and goes nowhere else. */
  async show(which: Overlay) {
    const ahead = typeAhead();
    try {
      await (which === "palette" ? loadPalette() : loadShortcutList());
      const text = ahead.end();
      if (text === null) return;
      typed = text;
      set(which);
    } catch {
      ahead.end();
      toastFailure("It could not be loaded", new PartMissing(() => {}));
    }
  },
  typed: () => typed,
  hide: () => set(null),
};

export const useOverlay = (): Overlay | null =>
  useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => void watchers.delete(watcher);
    },
    () => shown,
  );
