import { useSyncExternalStore } from "react";
import { toastFailure } from "../ui/Toast";
import { PartMissing } from "./lazyPage";

export type Overlay = "palette" | "shortcuts";

export const loadPalette = () => import("./Palette");
export const loadShortcutList = () => import("./ShortcutList");

let shown: Overlay | null = null;
const watchers = new Set<() => void>();
const set = (next: Overlay | null) => {
  shown = next;
  for (const watcher of watchers) watcher();
};

/** What lies over every page: the command palette or the list of shortcuts, one at a time. */
export const overlay = {
  async show(which: Overlay) {
    try {
      await (which === "palette" ? loadPalette() : loadShortcutList());
      set(which);
    } catch {
      toastFailure("It could not be loaded", new PartMissing(() => {}));
    }
  },
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
