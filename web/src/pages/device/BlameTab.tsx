import { queryOptions, useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useMemo, useRef } from "react";
import { client, read } from "../../api/client";
import { configQuery, documentQuery } from "../../api/queries";
import { Failed, Skeleton } from "../../ui/states";
import { BlameView } from "./BlameView";
import { blameLines } from "./blame";
import { useWantedPath } from "./place";

/** The revision that gave each value of the newest document. It is read again for another revision only. */
const blameQuery = (id: number, revision: number) =>
  queryOptions({
    queryKey: ["blame", id, revision],
    queryFn: ({ signal }) => read(client.GET("/api/configs/{id}/blame", { params: { path: { id } }, signal })),
  });

/** The document, and who gave each of its values, when and why. */
export const BlameTab = () => {
  const { id } = useParams({ from: "/devices/$id" });
  const wanted = useWantedPath();
  const config = useQuery(configQuery(id));
  const revision = config.data?.revision ?? 0;
  const blame = useQuery({ ...blameQuery(id, revision), enabled: revision > 0 });
  const document = useQuery({
    ...documentQuery(id, blame.data?.revision ?? revision),
    enabled: blame.isSuccess,
  });
  const shown = useMemo(
    () => (blame.data && document.data !== undefined ? blameLines(document.data, blame.data.values) : null),
    [blame.data, document.data],
  );
  // What comes in while one reads takes nobody back to where the link led.
  const first = useRef<number | null>(null);
  first.current ??= blame.data?.revision ?? null;
  const failed = config.data === undefined && config.isError ? config : blame.isError ? blame : document;
  if (failed.isError)
    return (
      <Failed what="Who set the values could not be read" error={failed.error} retry={() => void failed.refetch()} />
    );
  if (!shown || !blame.data) return <Skeleton lines={10} label="Looking for who set each value" />;
  return (
    <BlameView
      key={blame.data.revision}
      id={id}
      text={shown}
      values={blame.data.values}
      complete={blame.data.complete}
      wanted={first.current === blame.data.revision ? wanted : undefined}
    />
  );
};
