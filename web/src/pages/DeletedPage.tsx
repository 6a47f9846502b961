import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Trash2, Undo2 } from "lucide-react";
import { useDeferredValue, useEffect, useMemo, useRef, useState } from "react";
import { client, read } from "../api/client";
import type { components } from "../api/schema.gen";
import { Button } from "../ui/Button";
import { Field } from "../ui/Field";
import { Page } from "../ui/Page";
import { Empty, Failed, Skeleton } from "../ui/states";
import { parseMac } from "./actions/mac";
import { bringBack } from "./actions/undelete";
import css from "./DeletedPage.module.css";
import { type Deleted, DeletedTable, deletedName } from "./deleted/DeletedTable";
import { UndeleteMany } from "./deleted/UndeleteMany";

const pageSize = 100;

const deletedPages = (q: string) => ({
  queryKey: ["deleted", "pages", q],
  queryFn: ({ pageParam, signal }: { pageParam: string | undefined; signal: AbortSignal }) =>
    read(
      client.GET("/api/configs", {
        params: {
          query: {
            deleted: true,
            sort: "deleted_at",
            order: "desc",
            limit: pageSize,
            ...(q ? { q } : {}),
            ...(pageParam ? { cursor: pageParam } : {}),
          },
        },
        signal,
      }),
    ),
  initialPageParam: undefined as string | undefined,
  // A server of one's own network is there without the internet too.
  networkMode: "always" as const,
  getNextPageParam: (page: components["schemas"]["ConfigList"]) => page.next_cursor,
});

/** What a search is for: a MAC address in another spelling is found as it is kept. */
const wanted = (typed: string): string =>
  parseMac(typed) ?? (/^[0-9a-f]{2}(-[0-9a-f]{1,2})+$/i.test(typed) ? typed.replaceAll("-", ":") : typed);

/** What was deleted, newest first, and the way back for one or several. */
export const DeletedPage = () => {
  const [text, setText] = useState("");
  // Once somebody searched, the field stays: it is not to go from under the cursor while a list is read, or has nothing.
  const [searched, setSearched] = useState(false);
  const search = useRef<HTMLDivElement>(null);
  const typed = useDeferredValue(text.trim());
  const q = wanted(typed);
  const list = useInfiniteQuery(deletedPages(q));
  const [asking, setAsking] = useState(false);
  const found = useMemo(() => list.data?.pages.flatMap((page) => page.configs) ?? [], [list.data]);
  const { chosen, choose, leave } = useChosen(found, list.isSuccess && !q && !list.hasNextPage);
  return (
    <Page
      title="Deleted configurations"
      intro="Their devices get no document. Each can be brought back with its id, its document and its history."
      actions={
        chosen.size > 0 && (
          <Button kind="primary" icon={<Undo2 />} onClick={() => setAsking(true)}>
            Undelete {chosen.size.toLocaleString()}
          </Button>
        )
      }
    >
      {(found.length > 0 || searched) && (
        <div ref={search} className={css.search}>
          <Field
            label="Search"
            type="search"
            placeholder="Name, entity id or MAC address"
            value={text}
            onChange={(event) => {
              setText(event.target.value);
              setSearched(true);
            }}
          />
        </div>
      )}
      <p className="visually-hidden" role="status">
        {list.isSuccess ? `${found.length}${list.hasNextPage ? " and more" : ""} deleted configurations` : ""}
      </p>
      {list.isPending && <Skeleton lines={6} label="Reading what was deleted" />}
      {list.isError && (
        <Failed what="The list could not be read" error={list.error} retry={() => void list.refetch()} />
      )}
      {list.isSuccess && found.length === 0 && (
        <Nothing
          q={typed}
          onShowAll={() => {
            setText("");
            search.current?.querySelector("input")?.focus();
          }}
        />
      )}
      {found.length > 0 && (
        <DeletedTable
          found={found}
          chosen={chosen}
          onChoose={(configs, on) => (on ? choose(configs) : leave(configs))}
          onUndelete={async (config) => {
            if (await bringBack(config.id, deletedName(config))) leave([config]);
          }}
        />
      )}
      {list.hasNextPage && (
        <Button className={css.more!} busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
          Show more
        </Button>
      )}
      {asking && (
        <UndeleteMany
          chosen={[...chosen.values()].map((config) => ({
            id: config.id,
            mac: config.mac_address,
            name: config.device_name || config.device_entity_id,
          }))}
          close={() => setAsking(false)}
          onBack={leave}
        />
      )}
    </Page>
  );
};

const byId = (configs: readonly Deleted[]) => configs.map((config): [number, Deleted] => [config.id, config]);

/** Which are chosen; `all` tells that nothing is deleted but what was found. */
const useChosen = (found: readonly Deleted[], all: boolean) => {
  const [chosen, setChosen] = useState<ReadonlyMap<number, Deleted>>(new Map());
  // What somebody else brought back is not there to be chosen any more.
  useEffect(() => {
    if (!all) return;
    setChosen((before) => {
      const there = new Set(found.map((config) => config.id));
      const left = [...before].filter(([id]) => there.has(id));
      return left.length === before.size ? before : new Map(left);
    });
  }, [found, all]);
  const choose = (configs: readonly Deleted[]) => setChosen((before) => new Map([...before, ...byId(configs)]));
  const leave = (ids: readonly { id: number }[]) => {
    const gone = new Set(ids.map((each) => each.id));
    setChosen((before) => new Map([...before].filter(([id]) => !gone.has(id))));
  };
  return { chosen, choose, leave };
};

const Nothing = ({ q, onShowAll }: { q: string; onShowAll(): void }) =>
  q ? (
    <Empty
      title={`Nothing that was deleted has “${q}” in its name`}
      action={<Button onClick={onShowAll}>Show all</Button>}
    />
  ) : (
    <Empty icon={<Trash2 aria-hidden />} title="Nothing is deleted" action={<Link to="/">To the fleet</Link>}>
      <p>What is deleted from the fleet waits here, with its history, until it is brought back.</p>
    </Empty>
  );
