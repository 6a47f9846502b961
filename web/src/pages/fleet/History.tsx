import { queryOptions, useQuery } from "@tanstack/react-query";
import { type PointerEvent, useMemo, useState } from "react";
import { client, read } from "../../api/client";
import { stored } from "../../api/session";
import { areas, nearest, roundTop, type Sample, stacked, stretches, thinned, ticks } from "../../fleet/chart";
import { counted } from "../../fleet/counted";
import { type Sync, syncSays } from "../../fleet/row";
import type { Counts } from "../../fleet/store";
import { Button } from "../../ui/Button";
import { Failed } from "../../ui/states";
import { exactTime } from "../../ui/Time";
import css from "./History.module.css";

const hour = 3_600_000;
const day = 24 * hour;
const ranges = {
  "6h": { label: "6 hours", span: 6 * hour, tick: hour },
  "24h": { label: "24 hours", span: day, tick: 4 * hour },
  "7d": { label: "7 days", span: 7 * day, tick: day },
  "30d": { label: "30 days", span: 30 * day, tick: 5 * day },
} as const;
type Range = keyof typeof ranges;

const width = 1000;
const height = 200;

const historyQuery = (range: Range) =>
  queryOptions({
    queryKey: ["fleet history", range],
    queryFn: async ({ signal }) => {
      const since = new Date(Date.now() - ranges[range].span).toISOString();
      const found = await read(client.GET("/api/fleet/history", { params: { query: { since, points: 300 } }, signal }));
      return { samples: found.samples.map((s): Sample => ({ ...s, at: Date.parse(s.at) })), step: found.step_seconds };
    },
    refetchInterval: 60_000,
  });

/** How many devices were in each state, over time; its right end is now. */
export const History = ({ counts }: { counts: Counts }) => {
  const [range, setRange] = useState<Range>(() => {
    const kept = stored.read("fleet.range") as Range | null;
    return kept && kept in ranges ? kept : "24h";
  });
  const [table, setTable] = useState(false);
  const { data, error, refetch } = useQuery(historyQuery(range));
  const choose = (next: Range) => {
    stored.write("fleet.range", next);
    setRange(next);
  };
  const samples = useMemo(() => withNow(data?.samples ?? [], counts), [data, counts]);
  return (
    <div className={css.history}>
      <div className={css.choices}>
        <fieldset className={css.ranges}>
          <legend className="visually-hidden">Time that is shown</legend>
          {(Object.keys(ranges) as Range[]).map((each) => (
            <label key={each} className={css.range}>
              <input type="radio" name="range" checked={range === each} onChange={() => choose(each)} />
              <span>{ranges[each].label}</span>
            </label>
          ))}
        </fieldset>
        <Button kind="quiet" size="s" aria-pressed={table} onClick={() => setTable(!table)}>
          As a table
        </Button>
      </div>
      {error ? (
        <Failed what="The history of the fleet could not be read" error={error} retry={() => void refetch()} />
      ) : table ? (
        <Table samples={samples} />
      ) : (
        <Chart samples={samples} range={range} step={(data?.step ?? 60) * 1000} reading={!data} />
      )}
    </div>
  );
};

const withNow = (samples: readonly Sample[], { total, sync, overdue, online }: Counts): Sample[] => [
  ...samples,
  { at: Math.max(Date.now(), samples.at(-1)?.at ?? 0), total, sync, overdue, online },
];

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

const Chart = (p: { samples: Sample[]; range: Range; step: number; reading: boolean }) => {
  const { samples, range, step } = p;
  const [pointed, setPointed] = useState<Sample | null>(null);
  const { span, tick } = ranges[range];
  const until = samples.at(-1)!.at;
  const from = until - span;
  const top = roundTop(Math.max(...samples.map((sample) => sample.total)));
  const paths = useMemo(
    () => areas(stretches(samples, Math.max(3 * step, 300_000)), { from, until, top, width, height }),
    [samples, step, from, until, top],
  );
  const left = (at: number) => `${(((at - from) / span) * 100).toFixed(2)}%`;
  const point = (event: PointerEvent<HTMLDivElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    setPointed(nearest(samples, from + ((event.clientX - box.left) / box.width) * span) ?? null);
  };
  return (
    <figure className={css.figure}>
      <div className={css.scale} aria-hidden>
        {[top, top / 2, 0].map((n) => (
          <span key={n}>{counted(n)}</span>
        ))}
      </div>
      <div className={css.plot} onPointerMove={point} onPointerLeave={() => setPointed(null)}>
        <svg
          viewBox={`0 0 ${width} ${height}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={summary(samples, ranges[range].label)}
        >
          {stacked.map(
            (sync) => paths[sync] && <path key={sync} d={paths[sync]} style={{ fill: `var(--chart-${sync})` }} />,
          )}
        </svg>
        {!p.reading && samples.length < 3 && (
          <p className={css.young}>The picture grows by one sample a minute, from now on.</p>
        )}
        {pointed && pointed.at >= from && (
          <>
            <span className={css.line} style={{ left: left(pointed.at) }} />
            <Tip sample={pointed} right={pointed.at < from + span / 2} at={left(pointed.at)} />
          </>
        )}
      </div>
      <div className={css.times} aria-hidden>
        {ticks(from, until, tick)
          .filter((at) => at < until - span * 0.06)
          .map((at) => (
            <span key={at} className={css.hour} style={{ left: left(at) }}>
              {tick < day ? clock.format(at) : date.format(at)}
            </span>
          ))}
        <span className={css.end}>now</span>
      </div>
    </figure>
  );
};

const Tip = ({ sample, at, right }: { sample: Sample; at: string; right: boolean }) => (
  <div className={css.tip} data-right={right || undefined} style={{ left: at }} aria-hidden>
    <strong>{exactTime(sample.at)}</strong>
    <ul>
      {stacked
        .filter((sync) => sample.sync[sync] > 0)
        .reverse()
        .map((sync) => (
          <li key={sync}>
            <span className={css.dot} style={{ background: `var(--chart-${sync})` }} />
            {syncSays[sync].label}
            <span>{counted(sample.sync[sync])}</span>
          </li>
        ))}
    </ul>
    <p>
      {counted(sample.total)} in all, {counted(sample.overdue)} overdue, {counted(sample.online)} online
    </p>
  </div>
);

/** The picture in words: how it began and how it is now, for each state that there was. */
const summary = (samples: readonly Sample[], label: string): string => {
  const first = samples[0]!;
  const last = samples.at(-1)!;
  const told = stacked
    .filter((sync) => samples.some((sample) => sample.sync[sync] > 0))
    .map((sync: Sync) => `${syncSays[sync].label} ${counted(first.sync[sync])}, now ${counted(last.sync[sync])}`);
  return `Devices in each state over ${label}. ${told.join("; ")}. The button “As a table” gives the numbers.`;
};

const Table = ({ samples }: { samples: readonly Sample[] }) => (
  // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
  <section className={css.rows} tabIndex={0} aria-label="Devices in each state over time">
    <table>
      <thead>
        <tr>
          <th scope="col">Time</th>
          {stacked.map((sync) => (
            <th scope="col" key={sync}>
              {syncSays[sync].label}
            </th>
          ))}
          <th scope="col">Overdue</th>
          <th scope="col">Online</th>
          <th scope="col">All</th>
        </tr>
      </thead>
      <tbody>
        {thinned(samples, 48)
          .reverse()
          .map((sample) => (
            <tr key={sample.at}>
              <th scope="row">{exactTime(sample.at)}</th>
              {stacked.map((sync) => (
                <td key={sync}>{counted(sample.sync[sync])}</td>
              ))}
              <td>{counted(sample.overdue)}</td>
              <td>{counted(sample.online)}</td>
              <td>{counted(sample.total)}</td>
            </tr>
          ))}
      </tbody>
    </table>
  </section>
);
