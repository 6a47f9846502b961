import { useSyncExternalStore } from "react";
import type { ActionDevice } from "./device";

export type Action = "delete" | "replace";

interface Open {
  action: Action;
  device: ActionDevice;
  /** Where the focus goes afterwards. */
  from: HTMLElement | null;
}

let open: Open | null = null;
const watchers = new Set<() => void>();
const set = (next: Open | null) => {
  open = next;
  for (const watcher of watchers) watcher();
};

/** The dialog about a device that lies over the page. It outlives the row or page that it was opened from. */
export const actions = {
  open: (action: Action, device: ActionDevice, from: HTMLElement | null = null) => set({ action, device, from }),
  close: () => set(null),
};

export const useOpenAction = (): Open | null =>
  useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => void watchers.delete(watcher);
    },
    () => open,
  );
