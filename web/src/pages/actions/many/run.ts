import { useCallback, useEffect, useRef, useState } from "react";
import { asFailure } from "../../../api/client";
import { type Outcome, runMany } from "../../../fleet/many";

const together = 4; // a browser has six connections to a server, and the live events hold one

/** What every other request would meet too: the server is away (a proxy before it says so), lets nobody in, or has had enough. */
const hopeless = (error: unknown): boolean => {
  const { refused, status, unreachable } = asFailure(error);
  return unreachable || refused || [429, 502, 503, 504].includes(status);
};

/** What is wrong with one of many, in a sentence. */
export const whyNot = (error: unknown): string => {
  const failure = asFailure(error);
  return [failure.message, failure.detail, ...failure.fields.map((f) => `${f.field} ${f.message}`)]
    .filter(Boolean)
    .join(". ");
};

/** Does work for many devices. What was not begun, or was given up when it was stopped, is left. */
export type Runner = <T, R>(
  items: readonly T[],
  work: (item: T, signal: AbortSignal) => Promise<R>,
  done: (outcome: Outcome<T, R>) => void,
) => Promise<{ left: readonly T[]; stopped: boolean }>;

const runWith =
  (signal: AbortSignal, step: (done: number) => void): Runner =>
  async (items, work, done) => {
    let count = 0;
    const cut: (typeof items)[number][] = [];
    const left = await runMany(items, (item) => work(item, signal), {
      at: together,
      signal,
      hopeless,
      done: (outcome) => {
        if ("error" in outcome && signal.aborted && isAbort(outcome.error)) cut.push(outcome.item);
        else done(outcome);
        step(++count);
      },
    });
    return { left: [...cut, ...left], stopped: signal.aborted };
  };

const isAbort = (error: unknown) => error instanceof DOMException && error.name === "AbortError";

/** Does it where nobody sees how far it is. */
export const quietly: Runner = (items, work, done) =>
  runWith(new AbortController().signal, () => {})(items, work, done);

/** Does it, shows how far it is, and stops where its place in the page goes: `there` tells whether it has. */
export const useRun = () => {
  const [progress, setProgress] = useState<{ done: number; of: number } | null>(null);
  const controller = useRef<AbortController>(null);
  const there = useRef(true);
  const stop = useCallback(() => controller.current?.abort(), []);
  useEffect(() => {
    there.current = true;
    return () => {
      there.current = false;
      stop();
    };
  }, [stop]);
  const run: Runner = async (items, work, done) => {
    controller.current = new AbortController();
    let last = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const show = () => {
      timer = undefined;
      if (there.current) setProgress({ done: last, of: items.length });
    };
    const step = (count: number) => {
      last = count;
      timer ??= setTimeout(show, 100);
    };
    show();
    const ended = await runWith(controller.current.signal, step)(items, work, done);
    clearTimeout(timer);
    if (there.current) setProgress(null);
    return ended;
  };
  return { progress, run, stop, there };
};
