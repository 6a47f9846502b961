import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import {
  ArrowDownToLine,
  CircleCheckBig,
  CircleHelp,
  History,
  type LucideIcon,
  PackageCheck,
  Pencil,
  Plug,
  Trash2,
  TriangleAlert,
  Unplug,
} from "lucide-react";
import { useMemo, useState } from "react";
import { configQuery, deviceQuery } from "../../api/queries";
import { stored } from "../../api/session";
import { Button } from "../../ui/Button";
import { Empty, Failed, Skeleton } from "../../ui/states";
import { exactTime, Time } from "../../ui/Time";
import { HadAt } from "./HadAt";
import { useFacts, useRevisions } from "./log";
import css from "./TimelineTab.module.css";
import { byDay, daySays, type Entry, type Kind, kinds, merge } from "./timeline";
import { useBottom } from "./useBottom";
import { Who } from "./Who";
import { bytes, type Fact, happened, type Revision } from "./words";

const every = Object.keys(kinds) as Kind[];

const remembered = (): Kind[] => {
  const names = (stored.read("timeline") ?? "").split(",");
  return every.filter((kind) => names.includes(kind));
};

/** Everything that happened to a configuration and its device, newest first. */
export const TimelineTab = () => {
  const { id } = useParams({ from: "/devices/$id" });
  const device = useQuery(deviceQuery(id));
  const config = useQuery({ ...configQuery(id), enabled: false });
  const mac = device.data?.mac_address ?? "";
  const revisions = useRevisions(id, mac);
  const facts = useFacts(id, mac);
  const [chosen, setChosen] = useState(remembered);
  const { items: edits, more: moreEdits } = revisions;
  const { items: shows, more: moreShows } = facts;
  const { entries, next } = useMemo(
    () => merge({ items: edits, more: moreEdits }, { items: shows, more: moreShows }),
    [edits, moreEdits, shows, moreShows],
  );
  const shown = useMemo(() => entries.filter((e) => !chosen.length || chosen.includes(e.kind)), [entries, chosen]);
  const days = useMemo(() => byDay(shown), [shown]);
  const loading = revisions.loading || facts.loading;
  const older = next === "revisions" ? revisions : facts;
  const bottom = useBottom(() => void older.loadMore(), next !== null && !loading && !older.error);

  const choose = (next: Kind[]) => {
    setChosen(next);
    stored.write("timeline", next.join(",") || null);
  };
  const toggle = (kind: Kind) => choose(chosen.includes(kind) ? chosen.filter((k) => k !== kind) : [...chosen, kind]);

  const failed = revisions.error ? revisions : facts.error ? facts : null;
  return (
    <div className={css.timeline}>
      <div className={css.side}>
        <HadAt id={id} newest={config.data?.revision} />
        {device.data && "last_seen" in device.data && (
          <p className={css.aside}>
            Last seen <Time at={device.data.last_seen} />. Of what the device shows, what is news is kept: asking again
            for what it has is none.
          </p>
        )}
      </div>
      <div className={css.log}>
        <fieldset className={css.filter}>
          <legend className="visually-hidden">What to show</legend>
          <Button size="s" kind="quiet" aria-pressed={!chosen.length} onClick={() => choose([])}>
            Everything
          </Button>
          {every.map((kind) => (
            <Button
              key={kind}
              size="s"
              kind="quiet"
              icon={kindIcon(kind)}
              aria-pressed={chosen.includes(kind)}
              onClick={() => toggle(kind)}
            >
              {kinds[kind]}
            </Button>
          ))}
        </fieldset>
        {revisions.pending || facts.pending ? (
          <Skeleton lines={8} label="Reading what happened" />
        ) : (
          <>
            {days.map(({ day, entries }) => (
              <section key={day} aria-labelledby={`day-${day}`}>
                <h2 id={`day-${day}`} className={css.day}>
                  {daySays(day)}
                </h2>
                <ol className={css.entries}>
                  {entries.map((entry) => (
                    <Row key={entry.key} id={id} entry={entry} />
                  ))}
                </ol>
              </section>
            ))}
            {!shown.length && next === null && !failed && (
              <Empty
                icon={<History aria-hidden />}
                title={chosen.length ? "Nothing of this kind has happened" : "Nothing has happened yet"}
                action={chosen.length ? <Button onClick={() => choose([])}>Show everything</Button> : undefined}
              />
            )}
            {failed && <Failed what="What happened could not be read" error={failed.error} retry={failed.retry} />}
            {next !== null && (
              <div ref={bottom} className={css.more}>
                <Button busy={loading} onClick={() => void older.loadMore()}>
                  Show older
                </Button>
              </div>
            )}
          </>
        )}
      </div>
    </div>
  );
};

const icons: Record<Fact["kind"], LucideIcon> = {
  fetched: ArrowDownToLine,
  held: PackageCheck,
  applied: CircleCheckBig,
  error: TriangleAlert,
  online: Plug,
  offline: Unplug,
  lost: CircleHelp,
};

const kindIcon = (kind: Kind) => {
  const Icon = {
    edit: Pencil,
    fetch: ArrowDownToLine,
    proof: PackageCheck,
    report: CircleCheckBig,
    error: TriangleAlert,
    connection: Plug,
  }[kind];
  return <Icon aria-hidden />;
};

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

const Row = ({ id, entry }: { id: number; entry: Entry }) => {
  const edit = entry.kind === "edit";
  const Icon = edit ? (entry.revision.source === "delete" ? Trash2 : Pencil) : icons[entry.fact.kind];
  const at = Date.parse(entry.at);
  return (
    <li className={css.entry} data-kind={edit ? "edit" : entry.fact.kind}>
      <span className={css.icon}>
        <Icon aria-hidden />
      </span>
      <div className={css.what}>
        {edit ? <Edit id={id} revision={entry.revision} before={entry.before} /> : <Shown id={id} fact={entry.fact} />}
      </div>
      <time className={css.at} dateTime={entry.at} title={exactTime(at)}>
        {clock.format(at)}
      </time>
    </li>
  );
};

const RevisionLink = ({ id, n, children }: { id: number; n: number; children?: React.ReactNode }) => (
  <Link to="/devices/$id/history" params={{ id }} search={{ to: n }}>
    {children ?? `revision ${n}`}
  </Link>
);

const Edit = ({ id, revision: r, before }: { id: number; revision: Revision; before: Revision | undefined }) => (
  <>
    <p className={css.title}>
      {happened(r, before)}: <RevisionLink id={id} n={r.revision} />
    </p>
    {r.message && <p className={css.message}>{r.message}</p>}
    <p className={css.about}>
      <Who principal={r.principal} address={r.address} />
      {r.etag !== null && <span>{bytes(r.size)}</span>}
    </p>
  </>
);

const Shown = ({ id, fact: f }: { id: number; fact: Fact }) => {
  const revision = f.revision === null ? "a document that is not kept" : <RevisionLink id={id} n={f.revision} />;
  const title = {
    fetched: <>Fetched {revision}</>,
    held: <>Proved that it has {revision}</>,
    applied: <>Reported that it runs {revision}</>,
    error: <>Reported that it cannot use {revision}</>,
    online: "Connected to the broker",
    offline: "Gone from the broker",
    lost: "Not known any more whether it is connected",
  }[f.kind];
  return (
    <>
      <p className={css.title}>{title}</p>
      {f.message && <p className={css.message}>{f.message}</p>}
      {f.kind === "error" && (f.code || f.path) && (
        <p className={css.fault}>
          {f.code && (
            <span>
              Code <code>{f.code}</code>
            </span>
          )}
          {f.path && (
            <span>
              at <code>{f.path}</code>
            </span>
          )}
          <Link to="/devices/$id" params={{ id }} state={{ path: f.path ?? undefined }}>
            Show the line in the document
          </Link>
        </p>
      )}
      <p className={css.about}>
        <span>The device</span>
        {f.address && <code>{f.address}</code>}
        {f.firmware && (
          <span>
            firmware <code>{f.firmware}</code>
          </span>
        )}
        {f.device_revision !== null && f.device_revision !== f.revision && (
          <span>
            has <RevisionLink id={id} n={f.device_revision} />
          </span>
        )}
      </p>
    </>
  );
};
