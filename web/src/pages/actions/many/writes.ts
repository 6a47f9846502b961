import { asFailure, type Failure } from "../../../api/client";
import { randomName } from "../../../api/random";
import { isLost } from "../../../api/useAttempt";
import { whatBecame } from "../../../api/write";
import { counted, devices } from "../../../fleet/counted";
import { toast } from "../../../ui/Toast";
import { quietly, type Runner, whyNot } from "./run";

/** A device, as lists of them name it. */
export interface Named {
  id: number;
  mac: string;
  name: string | null;
}

/** What became of a write to each of many devices: each is in one of these. */
export interface Became<T> {
  /** `now` is the revision that it made. */
  done: (T & { now: number })[];
  /** Somebody else had changed it since it was looked at. */
  meanwhile: T[];
  failed: (T & { why: string })[];
  /** The answer was lost, so that it may have been done. `attempt` is what the server calls the request. */
  unknown: (T & { attempt: string; refused?: Failure })[];
  /** As it was: not begun, or asked for and not done. */
  left: readonly T[];
}

export const nothingYet = <T>(): Became<T> => ({ done: [], meanwhile: [], failed: [], unknown: [], left: [] });

/**
 * Whether it may be refused because it was done: a browser whose connection breaks sends a request again by itself, and then
 * meets its own change.
 */
const mayBeOurs = ({ status }: Failure): boolean => status === 412 || status === 404;

const refuse = <T extends Named>(into: Became<T>, item: T, failure: Failure) => {
  if (failure.status === 412) into.meanwhile.push(item);
  else into.failed.push({ ...item, why: whyNot(failure) });
};

/** Writes to many devices, and adds what became of each to what became of others. `work` answers the revision that it made. */
export const writeMany = async <T extends Named>(
  items: readonly T[],
  work: (item: T, attempt: string) => Promise<number>,
  became: Became<T>,
  run: Runner = quietly,
): Promise<{ became: Became<T>; stopped: boolean }> => {
  const into = copyOf(became);
  const attempts = new Map<T, string>();
  const { left, stopped } = await run(
    items,
    (item) => {
      const attempt = randomName().slice(0, 26); // as long as one of the server
      attempts.set(item, attempt);
      return work(item, attempt);
    },
    (outcome) => {
      const { item } = outcome;
      const attempt = attempts.get(item)!;
      if ("value" in outcome) return void into.done.push({ ...item, now: outcome.value });
      const failure = asFailure(outcome.error);
      if (isLost(failure)) into.unknown.push({ ...item, attempt });
      else if (mayBeOurs(failure)) into.unknown.push({ ...item, attempt, refused: failure });
      else refuse(into, item, failure);
    },
  );
  into.left = left;
  return { became: await findOut(into, run), stopped };
};

/** Asks the server what became of those whose answer was lost. Where it does not say, they stay unknown. */
export const findOut = async <T extends Named>(became: Became<T>, run: Runner = quietly): Promise<Became<T>> => {
  if (!became.unknown.length) return became;
  const into = { ...copyOf(became), unknown: [] as Became<T>["unknown"] };
  const undone: T[] = [];
  const { left } = await run(
    became.unknown,
    (item, signal) => whatBecame(item.id, item.attempt, signal),
    (outcome) => {
      const { item } = outcome;
      if ("error" in outcome) into.unknown.push(item);
      else if (outcome.value !== null) into.done.push({ ...item, now: outcome.value });
      else if (item.refused) refuse(into, item, item.refused);
      else undone.push(item);
    },
  );
  into.unknown.push(...left);
  into.left = [...undone, ...into.left];
  return into;
};

const copyOf = <T>(b: Became<T>): Became<T> => ({
  done: [...b.done],
  meanwhile: [...b.meanwhile],
  failed: [...b.failed],
  unknown: [...b.unknown],
  left: b.left,
});

/** Tells what was done and what was not, where the place that would show it is gone. */
export const tellStopped = (
  what: string,
  did: string,
  { done, meanwhile, failed, unknown, left }: Became<unknown>,
  more: { action?: { label: string; run(): void } } = {},
) => {
  const not = meanwhile.length + failed.length;
  const rest = [
    left.length > 0 && `${counted(left.length)} left as they were`,
    not > 0 && `${counted(not)} refused`,
    unknown.length > 0 && `${counted(unknown.length)} not known, as the answer was lost`,
  ].filter(Boolean);
  const says = [`${devices(done.length)} ${did}`, ...rest].join(", ");
  toast({ title: left.length ? `${what}: ${says}` : says, bad: rest.length > 0, ...more });
};

/** Names of a few, and how many others there are. */
export const namesOf = (items: readonly Named[]): string => {
  const few = items.slice(0, 3).map((item) => item.name || item.mac);
  return items.length > few.length
    ? `${few.join(", ")} and ${counted(items.length - few.length)} more`
    : few.join(", ");
};
