import { useSyncExternalStore } from "react";
import { storageKey, stored } from "../api/session";

export type Theme = "system" | "light" | "dark";

const watchers = new Set<() => void>();
const system = window.matchMedia("(prefers-color-scheme: dark)");

const read = (): Theme => {
  const theme = stored.read("theme");
  return theme === "light" || theme === "dark" ? theme : "system";
};
let chosen = read();

const shown = (): "light" | "dark" => (chosen === "system" ? (system.matches ? "dark" : "light") : chosen);

const apply = () => {
  const root = document.documentElement;
  root.dataset.theme = shown();
  // What the browser draws around the page, as phones do.
  document
    .querySelector('meta[name="theme-color"]')
    ?.setAttribute("content", getComputedStyle(root).getPropertyValue("--surface").trim());
  for (const watcher of watchers) watcher();
};

system.addEventListener("change", apply);
// Another tab chose.
window.addEventListener("storage", (event) => {
  if (event.key !== null && event.key !== storageKey("theme")) return;
  chosen = read();
  apply();
});
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
