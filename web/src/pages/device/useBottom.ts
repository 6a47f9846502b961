import { useEffect, useRef } from "react";

/** Calls when the end of a list comes near to what is seen. The ref is of an element at the end. */
export const useBottom = (reached: () => void, wanted: boolean) => {
  const end = useRef<HTMLDivElement>(null);
  const current = useRef(reached);
  current.current = reached;
  useEffect(() => {
    if (!wanted || !end.current) return;
    const watcher = new IntersectionObserver((seen) => seen.some((e) => e.isIntersecting) && current.current(), {
      rootMargin: "400px",
    });
    watcher.observe(end.current);
    return () => watcher.disconnect();
  });
  return end;
};
