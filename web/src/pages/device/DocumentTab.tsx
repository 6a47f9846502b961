import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";
import { configQuery, documentQuery } from "../../api/queries";
import { Failed, Skeleton } from "../../ui/states";
import type { Based } from "./document/useEditing";
import { Workspace } from "./document/Workspace";

/** The document of a device, to edit. */
export const DocumentTab = () => {
  const { id } = useParams({ from: "/devices/$id" });
  return <Document key={id} id={id} />;
};

const Document = ({ id }: { id: number }) => {
  const config = useQuery(configQuery(id));
  const revision = config.data?.revision;
  const document = useQuery({ ...documentQuery(id, revision ?? 0), enabled: revision !== undefined });
  // What was read first stays open, whatever is read later.
  const [first, setFirst] = useState<Based | null>(null);
  if (!first && revision !== undefined && document.data !== undefined) setFirst({ revision, text: document.data });
  if (first) return <Workspace id={id} first={first} />;
  if (document.isError)
    return (
      <Failed what="The document could not be read" error={document.error} retry={() => void document.refetch()} />
    );
  return <Skeleton lines={10} label="Reading the document" />;
};
