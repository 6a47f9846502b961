import { useCallback, useEffect, useRef } from "react";
import { session } from "../api/session";

/**
 * Has something kept when it is about to be out of sight: the page goes or is hidden, or shows something else; and whenever what
 * it answers is called. But not once somebody signed out, who wants nothing kept, also not by what is taken from the page by that.
 */
export const useKeeping = (keep: () => void): (() => void) => {
  const current = useRef(keep);
  current.current = keep;
  const token = useRef(session.token());
  const write = useCallback(() => {
    if (session.token() === token.current) current.current();
  }, []);
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
  return write;
};
