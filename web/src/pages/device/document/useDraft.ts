import { useCallback, useEffect, useRef, useState } from "react";
import { session } from "../../../api/session";
import { dropDraft, keepDraft, newDraftName } from "./drafts";

const after = 400; // milliseconds without a key

/**
 * Keeps what is written in the browser: shortly after each change, and when the page goes. `now` tells what there is to keep,
 * null where it is as it was saved. `touch` says that it changed; `drop` that it is to be kept no more.
 */
export const useDraft = (id: number, now: () => { revision: number; text: string } | null) => {
  const [name] = useState(() => newDraftName(id));
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
    if (!draft) {
      if (kept.current !== null) dropDraft(name);
      kept.current = null;
    } else if (kept.current !== `${draft.revision} ${draft.text}`) {
      keepDraft({ name, ...draft, at: Date.now() });
      kept.current = `${draft.revision} ${draft.text}`;
    }
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
    touch: useCallback(() => {
      timer.current ??= setTimeout(write, after);
    }, [write]),
    write,
  };
};
