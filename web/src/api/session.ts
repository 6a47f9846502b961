import { useSyncExternalStore } from "react";

/** Where the page was opened, with a slash at the end: everything of the server is below it. */
export const base = new URL(".", window.location.href.split("#", 1)[0]);

/** The URL of a path of the API, given without a slash in front. */
export const urlOf = (path: string): string => new URL(path, base).href;

/** A key of the browser's storage that is this server's alone: another may be served below another path of the same host. */
export const storageKey = (name: string): string => `espalier:${base.pathname}:${name}`;

/**
 * A part of the browser's storage, or nothing where the browser forbids it. Reading and writing never throw.
 */
export const stored = {
  read(name: string, storage: "local" | "session" = "local"): string | null {
    try {
      return (storage === "local" ? localStorage : sessionStorage).getItem(storageKey(name));
    } catch {
      return null;
    }
  },
  write(name: string, value: string | null, storage: "local" | "session" = "local"): boolean {
    try {
      const place = storage === "local" ? localStorage : sessionStorage;
      if (value === null) place.removeItem(storageKey(name));
      else place.setItem(storageKey(name), value);
      return true;
    } catch {
      return false;
    }
  },
};

/** The names of what is kept that start so. */
export const storedNames = (start: string): string[] => {
  try {
    return Object.keys(localStorage)
      .filter((key) => key.startsWith(storageKey(start)))
      .map((key) => key.slice(storageKey("").length));
  } catch {
    return [];
  }
};

const choices = new Set(["theme", "single-keys"]); // of the person, and nothing of the fleet

const forgetTab = () => {
  try {
    for (const key of Object.keys(sessionStorage)) if (key.startsWith(storageKey(""))) sessionStorage.removeItem(key);
  } catch {
    // Then there is nothing.
  }
};

const listeners = new Set<() => void>();
let token = stored.read("token", "session") ?? stored.read("token");

const tell = () => {
  for (const listener of listeners) listener();
};

/** The admin token that this page sends; null where it sends none. */
export const session = {
  token: (): string | null => token,
  /** Keeps a token: until the tab is closed, or on this computer. */
  signIn(next: string, remember: boolean) {
    token = next;
    stored.write("token", next, "session");
    stored.write("token", remember ? next : null);
    tell();
  },
  /** Forgets the token, and all else that this browser keeps of the server: drafts, and what was looked at. */
  signOut() {
    token = null;
    for (const name of storedNames("")) if (!choices.has(name)) stored.write(name, null);
    forgetTab();
    // Other tabs are told by this alone: a token also goes where another takes its place.
    stored.write("signed-out", "yes");
    stored.write("signed-out", null);
    tell();
  },
  subscribe(listener: () => void) {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  },
};

// Another tab signed out: so does this one. What all of them kept is gone already.
window.addEventListener("storage", (event) => {
  if (event.key !== storageKey("signed-out") || event.newValue === null || token === null) return;
  token = null;
  forgetTab();
  tell();
});

/** The token, as state of a component. */
export const useToken = () => useSyncExternalStore(session.subscribe, session.token);
