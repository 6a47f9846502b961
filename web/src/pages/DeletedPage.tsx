import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { History, Trash2, Undo2 } from "lucide-react";
import { useDeferredValue, useEffect, useMemo, useState } from "react";
import { client, read } from "../api/client";
import type { components } from "../api/schema.gen";
import { Button } from "../ui/Button";
import { Field } from "../ui/Field";
import { Page } from "../ui/Page";
import { Empty, Failed, Skeleton } from "../ui/states";
import { Time } from "../ui/Time";
import { parseMac } from "./actions/mac";
import { bringBack } from "./actions/undelete";
import css from "./DeletedPage.module.css";
import { UndeleteMany } from "./deleted/UndeleteMany";

type Deleted = components["schemas"]["ListedConfig"];

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
const wanted = (text: string): string => {
  const q = text.trim();
  return parseMac(q) ?? (/^[0-9a-f]{2}(-[0-9a-f]{1,2})+$/i.test(q) ? q.replaceAll("-", ":") : q);
};

const nameOf = (config: Deleted) => config.device_name || config.device_entity_id || config.mac_address;

/** What was deleted, newest first, and the way back for one or several. */
export const DeletedPage = () => {
  const [text, setText] = useState("");
  const q = useDeferredValue(wanted(text));
  const list = useInfiniteQuery(deletedPages(q));
  const [chosen, setChosen] = useState<ReadonlyMap<number, Deleted>>(new Map());
  const [asking, setAsking] = useState(false);
  const found = useMemo(() => list.data?.pages.flatMap((page) => page.configs) ?? [], [list.data]);
  const all = found.length > 0 && found.every((config) => chosen.has(config.id));
  // What somebody else brought back is not there to be chosen any more.
  useEffect(() => {
    if (!list.data || q || list.hasNextPage) return;
    setChosen((before) => {
      const there = new Set(found.map((config) => config.id));
      const left = [...before].filter(([id]) => there.has(id));
      return left.length === before.size ? before : new Map(left);
    });
  }, [found, list.data, list.hasNextPage, q]);
  const choose = (configs: readonly Deleted[], on: boolean) =>
    setChosen((before) => {
      const next = new Map(before);
      for (const config of configs) on ? next.set(config.id, config) : next.delete(config.id);
      return next;
    });
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
      {(found.length > 0 || text) && (
        <div className={css.search}>
          <Field
            label="Search"
            type="search"
            placeholder="Name, entity id or MAC address"
            value={text}
            onChange={(event) => setText(event.target.value)}
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
      {list.isSuccess &&
        found.length === 0 &&
        (q ? (
          <Empty
            title={`Nothing that was deleted has “${text.trim()}” in its name`}
            action={<Button onClick={() => setText("")}>Show all</Button>}
          />
        ) : (
          <Empty icon={<Trash2 aria-hidden />} title="Nothing is deleted" action={<Link to="/">To the fleet</Link>}>
            <p>What is deleted from the fleet waits here, with its history, until it is brought back.</p>
          </Empty>
        ))}
      {found.length > 0 && (
        <div className={css.box}>
          <table className={css.table}>
            <caption className="visually-hidden">Deleted configurations, the latest first</caption>
            <thead>
              <tr>
                <th scope="col">
                  <label className={css.check}>
                    <input
                      type="checkbox"
                      aria-label="Choose all that are shown"
                      checked={all}
                      onChange={(event) => choose(found, event.target.checked)}
                    />
                  </label>
                </th>
                <th scope="col">Device</th>
                <th scope="col" className={css.wide}>
                  Deleted
                </th>
                <th scope="col" className={css.wide}>
                  Revision
                </th>
                <th scope="col">
                  <span className="visually-hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {found.map((config) => (
                <tr key={config.id} data-chosen={chosen.has(config.id) || undefined}>
                  <td>
                    <label className={css.check}>
                      <input
                        type="checkbox"
                        aria-label={`Choose ${nameOf(config)}`}
                        checked={chosen.has(config.id)}
                        onChange={(event) => choose([config], event.target.checked)}
                      />
                    </label>
                  </td>
                  <td>
                    <span className={css.name}>{nameOf(config)}</span>
                    <code>{config.mac_address}</code>
                    <span className={css.narrow}>
                      <Time at={config.deleted_at} />
                    </span>
                  </td>
                  <td className={css.wide}>
                    <Time at={config.deleted_at} />
                  </td>
                  <td className={css.wide}>{config.revision}</td>
                  <td>
                    <div className={css.actions}>
                      <Link
                        to="/devices/$id/history"
                        params={{ id: config.id }}
                        aria-label={`History of ${nameOf(config)}`}
                      >
                        <History aria-hidden />
                        History
                      </Link>
                      <Button
                        size="s"
                        icon={<Undo2 />}
                        aria-label={`Undelete ${nameOf(config)}`}
                        onClick={async () => {
                          if (await bringBack(config.id, nameOf(config))) choose([config], false);
                        }}
                      >
                        Undelete
                      </Button>
                    </div>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
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
          onBack={(ids) => setChosen((before) => new Map([...before].filter(([id]) => !ids.has(id))))}
        />
      )}
    </Page>
  );
};
