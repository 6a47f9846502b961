import { useEffect, useRef, useState } from "react";
import { asFailure } from "../../../api/client";
import { type Outcome, runMany } from "../../../fleet/many";

const together = 4; // a browser has six connections to a server, and the live events hold one

/** What every other request would meet too: the server is away, lets nobody in, or has had enough. */
const hopeless = (error: unknown): boolean => {
  const { refused, status, unreachable } = asFailure(error);
  return unreachable || refused || status === 429 || status === 503;
};

/** What is wrong with one of many, in a sentence. */
export const whyNot = (error: unknown): string => {
  const failure = asFailure(error);
  return [failure.message, failure.detail, ...failure.fields.map((f) => `${f.field} ${f.message}`)]
    .filter(Boolean)
    .join(". ");
};

/** Does work for many devices, and shows how far it is. */
export const useRun = () => {
  const [progress, setProgress] = useState<{ done: number; of: number } | null>(null);
  const stop = useRef<AbortController>(null);
  const there = useRef(true);
  useEffect(() => {
    there.current = true;
    return () => {
      there.current = false;
    };
  }, []);
  const run = async <T, R>(
    items: readonly T[],
    work: (item: T, signal: AbortSignal) => Promise<R>,
    done: (outcome: Outcome<T, R>) => void,
  ): Promise<{ left: readonly T[]; stopped: boolean }> => {
    const controller = new AbortController();
    stop.current = controller;
    let count = 0;
    let shown = 0;
    const show = () => {
      shown = performance.now();
      if (there.current) setProgress({ done: count, of: items.length });
    };
    show();
    const left = await runMany(items, (item) => work(item, controller.signal), {
      at: together,
      signal: controller.signal,
      hopeless,
      done: (outcome) => {
        if (!("error" in outcome && controller.signal.aborted && isAbort(outcome.error))) done(outcome);
        count++;
        if (performance.now() - shown > 100) show();
      },
    });
    if (there.current) setProgress(null);
    return { left, stopped: controller.signal.aborted };
  };
  return { progress, run, stop: () => stop.current?.abort() };
};

const isAbort = (error: unknown) => error instanceof DOMException && error.name === "AbortError";
