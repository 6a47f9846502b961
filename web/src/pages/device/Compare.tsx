import { useQuery } from "@tanstack/react-query";
import { Columns2, FileText, RotateCcw, Rows2 } from "lucide-react";
import { useState } from "react";
import { asFailure } from "../../api/client";
import { documentQuery } from "../../api/queries";
import { stored } from "../../api/session";
import type { Config } from "../../api/write";
import { useShortcuts } from "../../app/shortcuts";
import { LazyDiff, preloadDiff } from "../../editor/LazyDiff";
import { Button } from "../../ui/Button";
import { Failed, Skeleton } from "../../ui/states";
import { Time } from "../../ui/Time";
import css from "./Compare.module.css";
import { type Log, revisionQuery } from "./log";
import { RestoreDialog } from "./RestoreDialog";
import shared from "./Revision.module.css";
import { RevisionDialog } from "./RevisionDialog";
import type { Picked } from "./RevisionList";
import { Who } from "./Who";
import { bytes, happened, type Revision } from "./words";

// It is needed as soon as the documents are there: it comes while they do.
preloadDiff();

type Mode = "split" | "inline";

/** How documents are compared; remembered. */
const useDiffMode = (): [Mode, (mode: Mode) => void] => {
  const [mode, setMode] = useState<Mode>(stored.read("diff") === "inline" ? "inline" : "split");
  return [
    mode,
    (next) => {
      setMode(next);
      stored.write("diff", next === "split" ? null : next);
    },
  ];
};

interface Side {
  /** null: there is none. */
  number: number | null;
  revision: Revision | undefined;
  text: string | undefined;
  error: unknown;
  retry(): void;
}

const nothing = { number: null, revision: undefined, text: "", error: null, retry: () => {} };

/** One of the two that are compared, with its text: none of a delete, and of what is not there. */
const useSide = (id: number, number: number | null, known: Revision | undefined): Side => {
  const asked = useQuery({ ...revisionQuery(id, number ?? 0), enabled: number !== null && !known });
  const revision = known ?? asked.data;
  const text = useQuery({ ...documentQuery(id, number ?? 0), enabled: number !== null && revision?.etag != null });
  if (number === null) return nothing;
  return {
    number,
    revision,
    text: revision?.etag === null ? "" : text.data,
    error: asked.error ?? text.error,
    retry: () => void (asked.error ? asked.refetch() : text.refetch()),
  };
};

interface Props {
  id: number;
  /** Undefined where it is deleted. */
  config: Config | undefined;
  revisions: Log<Revision>;
  picked: Picked & { to: number };
  pick(picked: Picked): void;
}

/** Two revisions compared, with what each of them is and what can be done with it. */
export const Compare = ({ id, config, revisions: { items, more }, picked, pick }: Props) => {
  const [mode, setMode] = useDiffMode();
  const at = items.findIndex((r) => r.revision === picked.to);
  const older = at < 0 ? undefined : items[at + 1];
  const before = older?.revision ?? (at >= 0 && !more ? null : picked.to > 1 ? picked.to - 1 : null);
  const from = picked.from ?? (at === -1 && picked.to === 1 ? null : before);
  const find = (n: number | null) => items.find((r) => r.revision === n);
  const a = useSide(id, from, find(from));
  const b = useSide(id, picked.to, find(picked.to));
  const newest = items[0]!.revision;
  useShortcuts({ v: () => setMode(mode === "split" ? "inline" : "split") });

  return (
    <>
      <div className={css.head}>
        <h2>
          {from === before || from === null
            ? `What revision ${picked.to} changed`
            : `Revision ${from} and revision ${picked.to}`}
        </h2>
        <fieldset className={css.choices}>
          <legend className="visually-hidden">Compared with</legend>
          <Button
            size="s"
            kind="quiet"
            aria-pressed={from === before}
            disabled={before === null}
            onClick={() => pick({ to: picked.to })}
          >
            The one before
          </Button>
          {picked.to !== newest && (
            <Button size="s" kind="quiet" onClick={() => pick({ from: picked.to, to: newest })}>
              The newest
            </Button>
          )}
        </fieldset>
        <fieldset className={`${css.choices} ${css.modes}`}>
          <legend className="visually-hidden">Shown</legend>
          <Button
            size="s"
            kind="quiet"
            icon={<Columns2 />}
            aria-pressed={mode === "split"}
            onClick={() => setMode("split")}
          >
            Side by side
          </Button>
          <Button
            size="s"
            kind="quiet"
            icon={<Rows2 />}
            aria-pressed={mode === "inline"}
            onClick={() => setMode("inline")}
          >
            Inline
          </Button>
        </fieldset>
      </div>
      <div className={css.sides}>
        <About id={id} side={a} what="Before" config={config} older={find(from === null ? null : from - 1)} />
        <About id={id} side={b} what="After" config={config} older={older} />
      </div>
      <Difference a={a} b={b} mode={mode} />
    </>
  );
};

const Difference = ({ a, b, mode }: { a: Side; b: Side; mode: Mode }) => {
  // The one that was asked for, before the one that it is compared with.
  const failed = b.error ? b : a.error ? a : null;
  if (failed) {
    const notKept = asFailure(failed.error).status === 404;
    return (
      <Failed
        what={notKept ? `Revision ${failed.number} is not kept` : "The documents could not be read"}
        error={failed.error}
        {...(notKept ? {} : { retry: failed.retry })}
      />
    );
  }
  if (a.text === undefined || b.text === undefined) return <Skeleton lines={8} label="Reading both documents" />;
  return (
    <LazyDiff
      before={a.text}
      after={b.text}
      mode={mode}
      label={`Differences from ${a.number === null ? "nothing" : `revision ${a.number}`} to revision ${b.number}`}
    />
  );
};

const About = ({
  id,
  side,
  what,
  config,
  older,
}: {
  id: number;
  side: Side;
  what: string;
  config: Config | undefined;
  older: Revision | undefined;
}) => {
  const [open, setOpen] = useState<"restore" | "document" | null>(null);
  const r = side.revision;
  if (side.number === null)
    return (
      <div className={css.side}>
        <p className={css.label}>{what}</p>
        <p>Nothing: no revision before it is kept, or it is the first.</p>
      </div>
    );
  if (!r)
    return (
      <div className={css.side}>
        <p className={css.label}>{what}</p>
        <p>Revision {side.number}</p>
      </div>
    );
  const current = config !== undefined && r.etag === config.etag;
  return (
    <div className={css.side}>
      <p className={css.label}>
        {what} · revision {r.revision}
      </p>
      <p className={css.what}>
        {happened(r, older)}
        {r.message && <span className={css.message}>{r.message}</span>}
      </p>
      <p className={shared.about}>
        <Time at={r.created_at} />
        <Who principal={r.principal} address={r.address} />
        {r.etag === null ? <span>no document</span> : <span>{bytes(r.size)}</span>}
      </p>
      {r.etag !== null && (
        <div className={css.actions}>
          {current ? (
            <span className={`${shared.tag} ${shared.inForce}`}>
              {r.revision === config.revision ? "In force now" : "Same as what is in force"}
            </span>
          ) : (
            config && (
              <Button size="s" icon={<RotateCcw />} onClick={() => setOpen("restore")}>
                Restore revision {r.revision}
              </Button>
            )
          )}
          <Button size="s" kind="quiet" icon={<FileText />} onClick={() => setOpen("document")}>
            Document of revision {r.revision}
          </Button>
        </div>
      )}
      {config && (
        <RestoreDialog
          key={r.revision}
          id={id}
          revision={r}
          config={config}
          open={open === "restore"}
          onOpenChange={(is) => setOpen(is ? "restore" : null)}
        />
      )}
      <RevisionDialog
        id={id}
        revision={r}
        open={open === "document"}
        onOpenChange={(is) => setOpen(is ? "document" : null)}
      />
    </div>
  );
};
