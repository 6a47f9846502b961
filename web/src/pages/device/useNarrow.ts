import { useSyncExternalStore } from "react";

const narrow = window.matchMedia("(max-width: 48rem)");
const watch = (watcher: () => void) => {
  narrow.addEventListener("change", watcher);
  return () => narrow.removeEventListener("change", watcher);
};

/** Whether the window has little room, as a phone has. */
export const useNarrow = (): boolean => useSyncExternalStore(watch, () => narrow.matches);
