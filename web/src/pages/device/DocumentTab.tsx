import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import { configQuery, documentQuery } from "../../api/queries";
import { Failed, Skeleton } from "../../ui/states";

const Editor = lazy(() => import("../../editor/Editor").then((m) => ({ default: m.Editor })));

/** The document of a device, to edit. */
export const DocumentTab = () => {
  const { id } = useParams({ from: "/devices/$id" });
  const config = useQuery(configQuery(id));
  const document = useQuery({ ...documentQuery(id, config.data?.revision ?? 0), enabled: config.isSuccess });
  if (document.isError)
    return (
      <Failed what="The document could not be read" error={document.error} retry={() => void document.refetch()} />
    );
  if (!document.isSuccess) return <Skeleton lines={10} label="Reading the document" />;
  return (
    <Suspense fallback={<Skeleton lines={10} label="Loading the editor" />}>
      <Editor initial={document.data} onChange={() => {}} label="Document" />
    </Suspense>
  );
};
