import { useCallback, useEffect, useRef, useState } from "react";
import { session } from "../../../api/session";
import { dropDraft } from "../../drafts";
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
  const current = useRef(now);
  current.current = now;
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const kept = useRef<string | null>(null);
  // Who signed out wants nothing kept, also not by what is taken from the page by that.
  const token = useRef(session.token());

  const write = useCallback(() => {
    clearTimeout(timer.current);
    timer.current = undefined;
    if (session.token() !== token.current) return;
    const draft = current.current();
    const next = draft && `${draft.revision} ${draft.text}`;
    if (next !== null && next === kept.current) return;
    // What was kept before is better than nothing, where that has no room.
    const done = draft !== null && keep({ name, ...draft, at: Date.now() });
    if (draft === null && kept.current !== null) dropDraft(name);
    if (draft === null || done) kept.current = next;
    setLost(draft !== null && !done);
  }, [name]);

  useEffect(() => {
    const hidden = () => document.visibilityState === "hidden" && write();
    window.addEventListener("pagehide", write);
    document.addEventListener("visibilitychange", hidden);
    return () => {
      window.removeEventListener("pagehide", write);
      document.removeEventListener("visibilitychange", hidden);
      write();
    };
  }, [write]);

  return {
    lost,
    touch: useCallback(() => {
      timer.current ??= setTimeout(write, after);
    }, [write]),
    write,
  };
};
