import { useSyncExternalStore } from "react";

// The same width as in the styles: below it a device is two lines.
const query = window.matchMedia("(max-width: 62rem)");
const watch = (watcher: () => void) => {
  query.addEventListener("change", watcher);
  return () => query.removeEventListener("change", watcher);
};

/** Whether the page is too narrow for a table of all columns. */
export const useNarrow = (): boolean => useSyncExternalStore(watch, () => query.matches);
