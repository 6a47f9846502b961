import { QueryClient, queryOptions } from "@tanstack/react-query";
import { client, Failure, read, request } from "./client";
import type { LiveEvent } from "./live";
import { live } from "./live";

/** What the page has read of the server. A refusal is not tried again; a server that is away is, for a while. */
export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      refetchOnWindowFocus: false,
      // A server of the same network is there without the internet.
      networkMode: "always",
      retry: (count, error) =>
        error instanceof Failure && error.status >= 400 && error.status < 500 ? false : count < 2,
    },
  },
});

/** What the server is and how it does; also whether this page is let in. */
export const serverQuery = queryOptions({
  queryKey: ["server"],
  queryFn: ({ signal }) => read(client.GET("/api/server", { signal })),
  staleTime: 5000,
});

export const configQuery = (id: number) =>
  queryOptions({
    queryKey: ["config", id, "config"],
    queryFn: ({ signal }) => read(client.GET("/api/configs/{id}", { params: { path: { id } }, signal })),
  });

/** Every configuration that was deleted and can be brought back, the newest first. */
export const deletedQuery = queryOptions({
  queryKey: ["deleted"],
  queryFn: async ({ signal }) => {
    const found = [];
    for (let cursor: string | undefined; ; ) {
      const page = await read(
        client.GET("/api/configs", {
          params: { query: { deleted: true, sort: "deleted_at", order: "desc", limit: 1000, cursor } },
          signal,
        }),
      );
      found.push(...page.configs);
      cursor = page.next_cursor;
      if (!cursor) return found;
    }
  },
});

/** The document of a revision: its text, exactly as it was written. It never changes. */
export const documentQuery = (id: number, revision: number) =>
  queryOptions({
    queryKey: ["document", id, revision],
    queryFn: async ({ signal }) =>
      (await request(`api/configs/${id}/revisions/${revision}/document`, { signal })).text(),
    staleTime: Number.POSITIVE_INFINITY,
  });

export const deviceQuery = (id: number) =>
  queryOptions({
    queryKey: ["config", id, "device"],
    queryFn: ({ signal }) => read(client.GET("/api/configs/{id}/device", { params: { path: { id } }, signal })),
  });

/** Has everything that is shown of a configuration read anew. */
export const refreshConfig = (id: number) => queries.invalidateQueries({ queryKey: ["config", id] });

/** Keeps what was read as it is by the live events. Call it once. */
export const followLive = () => {
  const stale = new Set<number>();
  let waiting = false;
  live.follow((event: LiveEvent) => {
    if (event.config_id !== null) stale.add(event.config_id);
    if (event.kind === "deleted" || event.kind === "restored")
      void queries.invalidateQueries({ queryKey: ["deleted"] });
    if (waiting) return;
    waiting = true;
    setTimeout(() => {
      waiting = false;
      for (const id of stale) void refreshConfig(id);
      stale.clear();
    }, 200);
  });
  live.onReset((begins) => {
    const followed = (key: unknown) => key === "config" || key === "deleted";
    // A document of a revision is what it was.
    const old = (key: unknown) => (begins ? followed(key) : key !== "document");
    void queries.invalidateQueries({ predicate: ({ queryKey }) => old(queryKey[0]) });
  });
};
