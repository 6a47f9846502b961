import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { ArrowUp, ScrollText } from "lucide-react";
import { useEffect, useMemo, useRef } from "react";
import { client, read } from "../api/client";
import { live } from "../api/live";
import { queries } from "../api/queries";
import type { components } from "../api/schema.gen";
import { Button } from "../ui/Button";
import { Page } from "../ui/Page";
import { Empty, Failed, Skeleton } from "../ui/states";
import css from "./AuditPage.module.css";
import { ExportButton } from "./actions/ExportButton";
import { Entry } from "./audit/Entry";
import { Filters } from "./audit/Filters";
import { type AuditSearch, auditParams } from "./audit/search";

const pageSize = 100;

const auditPage = (search: AuditSearch, cursor: string | undefined, signal: AbortSignal) =>
  read(
    client.GET("/api/audit", {
      params: { query: { ...auditParams(search), limit: pageSize, ...(cursor ? { cursor } : {}) } },
      signal,
    }),
  );

/** Who changed what, and who was refused, newest first. */
export const AuditPage = () => {
  const search = useSearch({ from: "/audit" }) as AuditSearch;
  const navigate = useNavigate();
  const list = useInfiniteQuery({
    queryKey: ["audit", "list", search],
    queryFn: ({ pageParam, signal }) => auditPage(search, pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page: components["schemas"]["AuditList"]) => page.next_cursor,
    // What is new is offered above the list, which stays as it is while it is read.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    // A server of one's own network is there without the internet too.
    networkMode: "always",
  });
  const entries = useMemo(() => list.data?.pages.flatMap((page) => page.audit) ?? [], [list.data]);
  const newer = useNewer(search, list.isSuccess, entries[0]?.id ?? 0);
  const showNewer = async () => {
    await queries.resetQueries({ queryKey: ["audit", "list", search] });
    document.getElementById("main")?.scrollTo({ top: 0 });
  };
  const end = useEnd(() => {
    if (list.hasNextPage && !list.isFetching) void list.fetchNextPage();
  });
  const filtered = Object.keys(auditParams(search)).length > 0;
  return (
    <Page
      title="Audit"
      intro="Who changed what, and who tried to and was refused."
      actions={
        <ExportButton
          path={`api/audit/export?${new URLSearchParams(auditParams(search))}`}
          name="espalier-audit"
          failed="The audit could not be exported"
        >
          Export what is shown
        </ExportButton>
      }
    >
      <Filters
        search={search}
        onChange={(next) => {
          const kept = Object.fromEntries(Object.entries(next).filter(([, value]) => value));
          void navigate({ to: "/audit", search: kept, replace: true });
        }}
      />
      <div role="status" className={css.newer}>
        {newer > 0 && (
          <Button kind="primary" size="s" icon={<ArrowUp />} onClick={() => void showNewer()}>
            Show {newer >= pageSize ? `${pageSize} or more` : newer} newer
          </Button>
        )}
      </div>
      {list.isPending && <Skeleton lines={8} label="Reading the audit" />}
      {list.isError && (
        <Failed what="The audit could not be read" error={list.error} retry={() => void list.refetch()} />
      )}
      {list.isSuccess && entries.length === 0 && (
        <Nothing filtered={filtered} onClear={() => void navigate({ to: "/audit" })} />
      )}
      {entries.length > 0 && (
        <ol className={css.list} aria-label="Attempts, the newest first">
          {entries.map((entry) => (
            <Entry key={entry.id} entry={entry} />
          ))}
        </ol>
      )}
      <div ref={end} className={css.end}>
        {list.hasNextPage && (
          <Button busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
            Show more
          </Button>
        )}
        {list.isSuccess && !list.hasNextPage && entries.length > pageSize && <p>That is all that is kept.</p>}
      </div>
    </Page>
  );
};

const Nothing = ({ filtered, onClear }: { filtered: boolean; onClear(): void }) => (
  <Empty
    icon={<ScrollText aria-hidden />}
    title={filtered ? "Nothing fits these filters" : "Nothing has happened yet"}
    {...(filtered ? { action: <Button onClick={onClear}>Clear filters</Button> } : {})}
  >
    <p>
      {filtered
        ? "Take one away, or look at a longer time."
        : "Each change of a configuration is written down here, and each attempt that was refused."}
    </p>
  </Empty>
);

/** How many entries are newer than the newest that is shown, up to a page of them. Refusals make no event, so it also looks by itself. */
const useNewer = (search: AuditSearch, enabled: boolean, newest: number): number => {
  const { data } = useQuery({
    queryKey: ["audit", "newest", search],
    queryFn: ({ signal }) => auditPage(search, undefined, signal),
    enabled,
    refetchInterval: 5000,
    staleTime: 0,
    gcTime: 0,
  });
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = live.follow((event) => {
      if (event.kind === "check-in" || event.kind === "report" || event.kind === "sync") return;
      timer ??= setTimeout(() => {
        timer = undefined;
        void queries.invalidateQueries({ queryKey: ["audit", "newest"] });
      }, 300);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, []);
  return data?.audit.filter((entry) => entry.id > newest).length ?? 0;
};

/** Calls when what it is put on comes near. */
const useEnd = (near: () => void) => {
  const element = useRef<HTMLDivElement>(null);
  const call = useRef(near);
  call.current = near;
  useEffect(() => {
    const watcher = new IntersectionObserver((seen) => seen.some((s) => s.isIntersecting) && call.current(), {
      rootMargin: "600px",
    });
    watcher.observe(element.current!);
    return () => watcher.disconnect();
  }, []);
  return element;
};
