import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { ArrowLeft, History } from "lucide-react";
import { useCallback } from "react";
import { configQuery, deviceQuery } from "../../api/queries";
import { Button } from "../../ui/Button";
import { Empty, Failed, Skeleton } from "../../ui/states";
import { Compare } from "./Compare";
import css from "./HistoryTab.module.css";
import { useRevisions } from "./log";
import { RevisionList } from "./RevisionList";

/** Every revision of a configuration, and any two of them compared. */
export const HistoryTab = () => {
  const { id } = useParams({ from: "/devices/$id" });
  const search = useSearch({ from: "/devices/$id/history" });
  const navigate = useNavigate();
  const device = useQuery(deviceQuery(id));
  // The page around it reads it; reading again what is deleted would have it begin anew.
  const config = useQuery({ ...configQuery(id), enabled: false });
  const revisions = useRevisions(id, device.data?.mac_address ?? "");
  const newest = revisions.items[0];
  const to = search.to ?? newest?.revision;
  const pick = useCallback(
    (picked: { from?: number; to?: number }) =>
      void navigate({ to: "/devices/$id/history", params: { id }, search: picked }),
    [navigate, id],
  );

  if (revisions.pending) return <Skeleton lines={8} label="Reading the history" />;
  if (revisions.error && !newest)
    return <Failed what="The history could not be read" error={revisions.error} retry={revisions.retry} />;
  if (!newest || to === undefined)
    return (
      <Empty icon={<History aria-hidden />} title="No revision is kept">
        <p>The server was told to keep none of this configuration (KEEP_REVISIONS).</p>
      </Empty>
    );
  const has = device.data && "has" in device.data ? device.data.has : null;
  const picked = { from: search.from, to };
  const there = config.isError ? undefined : config.data;
  return (
    <div className={css.history} data-chosen={search.to !== undefined}>
      <section className={css.list} aria-label="Revisions">
        <RevisionList revisions={revisions} picked={picked} has={has} pick={pick} />
      </section>
      <section className={css.compare} aria-label="Comparison">
        <div className={css.back}>
          <Button size="s" kind="quiet" icon={<ArrowLeft />} onClick={() => pick({})}>
            All revisions
          </Button>
        </div>
        <Compare id={id} config={there} revisions={revisions} picked={picked} pick={pick} />
      </section>
    </div>
  );
};
