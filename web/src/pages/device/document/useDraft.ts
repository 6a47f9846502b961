import { useCallback, useRef, useState } from "react";
import { dropDraft, readDraft } from "../../drafts";
import { useKeeping } from "../../useKeeping";
import { type Draft, keep, newDraftName } from "./drafts";

const after = 400; // milliseconds without a key

/**
 * Keeps what is written in the browser: shortly after each change, and when the page goes. `now` tells what there is to keep,
 * null where it is as it was saved. `touch` says that it changed, `write` has it kept or dropped at once. `lost`: what is
 * written now cannot be kept.
 */
export const useDraft = (id: number, now: () => Omit<Draft, "name" | "at"> | null) => {
  const [name] = useState(() => newDraftName(id));
  const [lost, setLost] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const kept = useRef<string | null>(null);
  const write = useKeeping(() => {
    clearTimeout(timer.current);
    timer.current = undefined;
    const draft = now();
    const next = draft && `${draft.revision} ${draft.text}`;
    // Another tab may have thrown it away.
    if (next !== null && next === kept.current && readDraft(name)) return;
    // What was kept before is better than nothing, where that has no room.
    const done = draft !== null && keep({ name, ...draft, at: Date.now() });
    if (draft === null && kept.current !== null) dropDraft(name);
    if (draft === null || done) kept.current = next;
    setLost(draft !== null && !done);
  });

  return {
    lost,
    touch: useCallback(() => {
      timer.current ??= setTimeout(write, after);
    }, [write]),
    write,
  };
};
