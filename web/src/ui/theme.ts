import { useSyncExternalStore } from "react";
import { stored } from "../api/session";

export type Theme = "system" | "light" | "dark";

const watchers = new Set<() => void>();
const system = window.matchMedia("(prefers-color-scheme: dark)");
let chosen = (stored.read("theme") as Theme | null) ?? "system";

const shown = (): "light" | "dark" => (chosen === "system" ? (system.matches ? "dark" : "light") : chosen);

const apply = () => {
  document.documentElement.dataset.theme = shown();
  for (const watcher of watchers) watcher();
};

system.addEventListener("change", apply);
apply();

const watch = (watcher: () => void) => {
  watchers.add(watcher);
  return () => void watchers.delete(watcher);
};

/** Chooses a theme, and remembers it; `system` follows the computer. */
export const chooseTheme = (theme: Theme) => {
  chosen = theme;
  stored.write("theme", theme === "system" ? null : theme);
  apply();
};

/** What was chosen. */
export const useTheme = (): Theme => useSyncExternalStore(watch, () => chosen);

/** What is shown, whether chosen or the computer's. */
export const useShownTheme = (): "light" | "dark" => useSyncExternalStore(watch, shown);
