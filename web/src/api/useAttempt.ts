import { useCallback, useRef } from "react";
import { asFailure, idempotencyKey } from "./client";
import type { Attempt } from "./write";

/** Whether it is not known what became of a request: no answer came, or one that something between here and there gave. */
export const isLost = (error: unknown): boolean => {
  const { status } = asFailure(error);
  return status === 0 || status >= 500;
};

/**
 * Sends what somebody wants written, as often as they ask for it. Where an answer was lost, nobody knows whether it was done: asked
 * for again it is that attempt again, under the same key and on the same condition, so that it is done once. `what` says
 * what is wanted; for another `what` it is another attempt.
 */
export const useAttempt = () => {
  const lost = useRef<{ what: string; attempt: Attempt } | null>(null);
  return useCallback(async <T>(what: string, attempt: Attempt, send: (attempt: Attempt) => Promise<T>): Promise<T> => {
    const before = lost.current?.what === what ? lost.current.attempt : undefined;
    const now = before ? { ...before, message: attempt.message, again: true } : { ...attempt, key: idempotencyKey() };
    try {
      const answer = await send(now);
      lost.current = null;
      return answer;
    } catch (error) {
      lost.current = isLost(error) ? { what, attempt: now } : null;
      throw error;
    }
  }, []);
};
