import { useCallback, useSyncExternalStore } from "react";

/** Whether a media query holds of the window now. */
export const useMedia = (query: string): boolean =>
  useSyncExternalStore(
    useCallback(
      (watcher: () => void) => {
        const list = window.matchMedia(query);
        list.addEventListener("change", watcher);
        return () => list.removeEventListener("change", watcher);
      },
      [query],
    ),
    () => window.matchMedia(query).matches,
  );
