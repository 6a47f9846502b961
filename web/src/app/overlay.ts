import { useSyncExternalStore } from "react";

export type Overlay = "palette" | "shortcuts";

let shown: Overlay | null = null;
const watchers = new Set<() => void>();
const set = (next: Overlay | null) => {
  shown = next;
  for (const watcher of watchers) watcher();
};

/** What lies over every page: the command palette or the list of shortcuts, one at a time. */
export const overlay = {
  show: (which: Overlay) => set(which),
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
