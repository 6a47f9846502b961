import { type Sync, syncs } from "./row";

/** How the fleet was at a time, in Unix milliseconds. */
export interface Sample {
  at: number;
  total: number;
  sync: Record<Sync, number>;
  overdue: number;
  online: number;
}

/** The states from the bottom of the picture to its top: what is wrong stands on the ground, where little of it is seen. */
export const stacked: readonly Sync[] = [...syncs].reverse();

/** Parts of samples with no more than `gap` milliseconds between one and the next: nobody knows what was in between. */
export const stretches = (samples: readonly Sample[], gap: number): Sample[][] => {
  const parts: Sample[][] = [];
  for (const sample of samples) {
    const part = parts.at(-1);
    if (part && sample.at - part.at(-1)!.at <= gap) part.push(sample);
    else parts.push([sample]);
  }
  return parts;
};

/** A picture's ground: `from` and `until` in Unix milliseconds, `top` devices; it is `width` by `height`. */
export interface Ground {
  from: number;
  until: number;
  top: number;
  width: number;
  height: number;
}

/** For each state an SVG path of its area, upon those below it. What lies outside of the ground is cut off by the caller. */
export const areas = (parts: readonly (readonly Sample[])[], g: Ground): Record<Sync, string> => {
  const x = (at: number) => (((at - g.from) / (g.until - g.from)) * g.width).toFixed(1);
  const y = (n: number) => (g.height - (n / g.top) * g.height).toFixed(2);
  const paths = Object.fromEntries(syncs.map((sync) => [sync, ""])) as Record<Sync, string>;
  for (const part of parts) {
    const floor = part.map(() => 0);
    for (const sync of stacked) {
      const below = part.map((sample, i) => `${x(sample.at)} ${y(floor[i]!)}`).reverse();
      const above = part.map((sample, i) => {
        floor[i]! += sample.sync[sync];
        return `${x(sample.at)} ${y(floor[i]!)}`;
      });
      if (part.some((sample) => sample.sync[sync] > 0)) paths[sync] += `M${above.join("L")}L${below.join("L")}Z`;
    }
  }
  return paths;
};

/** The least of 1, 2, 2.5, 4 or 5 times a power of ten that is not below `n`, and even where it is to be halved. */
export const roundTop = (n: number): number => {
  if (n <= 2) return 2;
  const power = 10 ** Math.floor(Math.log10(n));
  for (const times of [1, 2, 2.5, 4, 5, 10]) if (n <= times * power && (times * power) % 2 === 0) return times * power;
  return 20 * power;
};

/** The sample that is nearest to a time. */
export const nearest = (samples: readonly Sample[], at: number): Sample | undefined => {
  let best: Sample | undefined;
  for (const sample of samples) if (!best || Math.abs(sample.at - at) < Math.abs(best.at - at)) best = sample;
  return best;
};

/** Whole hours or days of the clock on the wall, each `step` milliseconds, within a time. */
export const ticks = (from: number, until: number, step: number): number[] => {
  const found: number[] = [];
  const at = new Date(from);
  at.setHours(0, 0, 0, 0);
  const days = step / 86_400_000;
  while (at.getTime() <= until) {
    if (at.getTime() >= from) found.push(at.getTime());
    if (days >= 1) at.setDate(at.getDate() + days);
    else at.setTime(at.getTime() + step);
  }
  return found;
};

/** No more than `most` of the samples, evenly, with the last of them. */
export const thinned = (samples: readonly Sample[], most: number): Sample[] => {
  const by = Math.max(1, Math.ceil(samples.length / most));
  return samples.filter((_, i) => (samples.length - 1 - i) % by === 0);
};
