import { CircleAlert, CircleCheck, X } from "lucide-react";
import { Toast as Radix } from "radix-ui";
import { useSyncExternalStore } from "react";
import { asFailure } from "../api/client";
import { Button, IconButton } from "./Button";
import css from "./Toast.module.css";

interface Note {
  title: string;
  detail?: string;
  bad?: boolean;
  /** What can be done about it, such as to take it back. */
  action?: { label: string; run(): void };
}

interface Shown extends Note {
  key: number;
}

let notes: readonly Shown[] = [];
let last = 0;
const watchers = new Set<() => void>();
const set = (next: readonly Shown[]) => {
  notes = next;
  for (const watcher of watchers) watcher();
};

/** Tells for a while what has happened. */
export const toast = (note: Note) => set([...notes.slice(-3), { ...note, key: ++last }]);

/** Tells that something did not work, why, and what to do. */
export const toastFailure = (what: string, error: unknown) => {
  const failure = asFailure(error);
  toast({ title: what, detail: [failure.message, failure.detail].filter(Boolean).join(". "), bad: true });
};

export const Toasts = () => {
  const shown = useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => void watchers.delete(watcher);
    },
    () => notes,
  );
  return (
    <Radix.Provider swipeDirection="right">
      {shown.map((note) => (
        <Radix.Root
          key={note.key}
          className={css.toast}
          type={note.bad ? "foreground" : "background"}
          duration={note.bad || note.action ? 12_000 : 5000}
          onOpenChange={(open) => !open && set(notes.filter((n) => n.key !== note.key))}
        >
          {note.bad ? (
            <CircleAlert className={css.bad} aria-hidden />
          ) : (
            <CircleCheck className={css.good} aria-hidden />
          )}
          <div className={css.text}>
            <Radix.Title className={css.title}>{note.title}</Radix.Title>
            {note.detail && <Radix.Description className={css.detail}>{note.detail}</Radix.Description>}
          </div>
          {note.action && (
            <Radix.Action asChild altText={note.action.label}>
              <Button size="s" onClick={note.action.run}>
                {note.action.label}
              </Button>
            </Radix.Action>
          )}
          <Radix.Close asChild>
            <IconButton label="Dismiss" icon={<X />} size="s" />
          </Radix.Close>
        </Radix.Root>
      ))}
      <Radix.Viewport className={css.viewport} label="Notifications ({hotkey})" />
    </Radix.Provider>
  );
};
