import { queryOptions, useQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useReducer, useRef, useState } from "react";
import { client, read } from "../../api/client";
import { type LogPage, type Read, withNewest } from "./reading";
import type { Fact, Revision } from "./words";

const size = 100;

const revisionsPage = async (
  id: number,
  cursor: string | undefined,
  signal: AbortSignal,
): Promise<LogPage<Revision>> => {
  const page = await read(
    client.GET("/api/configs/{id}/revisions", { params: { path: { id }, query: { limit: size, cursor } }, signal }),
  );
  return { items: page.revisions, next: page.next_cursor };
};

const factsPage = async (id: number, cursor: string | undefined, signal: AbortSignal): Promise<LogPage<Fact>> => {
  const page = await read(
    client.GET("/api/configs/{id}/facts", { params: { path: { id }, query: { limit: size, cursor } }, signal }),
  );
  return { items: page.facts, next: page.next_cursor };
};

/** The newest revisions; read anew when something happens. */
export const revisionsHead = (id: number) =>
  queryOptions({
    queryKey: ["config", id, "revisions", "newest"],
    queryFn: ({ signal }) => revisionsPage(id, undefined, signal),
  });

/** What is known of one revision. */
export const revisionQuery = (id: number, revision: number) =>
  queryOptions({
    queryKey: ["revision", id, revision],
    queryFn: async ({ signal }) => {
      const { content: _, ...r } = await read(
        client.GET("/api/configs/{id}/revisions/{rev}", { params: { path: { id, rev: revision } }, signal }),
      );
      return r as Revision;
    },
  });

/** The newest facts; read anew when something happens. */
const factsHead = (id: number) =>
  queryOptions({
    queryKey: ["config", id, "facts", "newest"],
    queryFn: ({ signal }) => factsPage(id, undefined, signal),
  });

export interface Log<T> {
  items: readonly T[];
  /** There are older ones than these. */
  more: boolean;
  loadMore(): Promise<void>;
  loading: boolean;
  pending: boolean;
  error: unknown;
  retry(): void;
}

const useLog = <T>(
  of: string,
  head: { data: LogPage<T> | undefined; isPending: boolean; error: unknown; refetch(): unknown },
  page: (cursor: string, signal: AbortSignal) => Promise<LogPage<T>>,
  numberOf: (item: T) => number,
): Log<T> => {
  const [got, take] = useReducer(
    (was: Read<T>, now: { newest: LogPage<T> } | { older: LogPage<T>; from: string }): Read<T> => {
      if ("newest" in now) return withNewest(was, of, now.newest, numberOf);
      // A page that was asked for before the log was begun anew belongs nowhere.
      if (was.of !== of || was.next !== now.from) return was;
      return { of, items: [...was.items, ...now.older.items], next: now.older.next };
    },
    { of: "", items: [], next: undefined },
  );
  const [loading, setLoading] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const running = useRef<AbortController | null>(null);
  useEffect(() => {
    if (head.data && of) take({ newest: head.data });
  }, [head.data, of]);
  useEffect(() => () => running.current?.abort(), []);

  const shown = got.of === of ? got : { of, items: head.data?.items ?? [], next: head.data?.next };
  const cursor = shown.next;
  const loadMore = useCallback(async () => {
    if (!cursor || running.current) return;
    const controller = new AbortController();
    running.current = controller;
    setLoading(true);
    setFailure(null);
    try {
      take({ older: await page(cursor, controller.signal), from: cursor });
    } catch (error) {
      if (!controller.signal.aborted) setFailure(error);
    } finally {
      running.current = null;
      setLoading(false);
    }
  }, [cursor, page]);
  return {
    items: shown.items,
    more: cursor !== undefined,
    loadMore,
    loading,
    pending: head.isPending,
    error: shown.items.length ? failure : head.error,
    retry: () => void (shown.items.length ? loadMore() : head.refetch()),
  };
};

const revisionNumber = (r: Revision) => r.revision;
const factNumber = (f: Fact) => f.id;

/** The revisions of a configuration, newest first; `mac` is the device that it is of now. */
export const useRevisions = (id: number, mac: string): Log<Revision> => {
  const head = useQuery(revisionsHead(id));
  const page = useMemo(() => (cursor: string, signal: AbortSignal) => revisionsPage(id, cursor, signal), [id]);
  return useLog(`${id}/${mac}`, head, page, revisionNumber);
};

/** What the device of a configuration showed, newest first. */
export const useFacts = (id: number, mac: string): Log<Fact> => {
  const head = useQuery(factsHead(id));
  const page = useMemo(() => (cursor: string, signal: AbortSignal) => factsPage(id, cursor, signal), [id]);
  return useLog(`${id}/${mac}`, head, page, factNumber);
};
