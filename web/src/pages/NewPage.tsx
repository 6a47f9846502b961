import { useQuery } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import { type ComponentProps, useState } from "react";
import { configQuery, documentQuery } from "../api/queries";
import { Page } from "../ui/Page";
import { Failed, Skeleton } from "../ui/states";
import { starter } from "./new/draft";
import { NewForm } from "./new/NewForm";

/** The configuration of a device that has none: from nothing, from another device's, or from what is pasted. */
export const NewPage = () => {
  const { from } = useSearch({ from: "/new" });
  return from === undefined ? (
    <Page title="New configuration" intro="The document of a device that has none yet." narrow>
      <NewForm key="nothing" from={null} initial={starter} />
    </Page>
  ) : (
    <Duplicate key={from} from={from} />
  );
};

const Duplicate = ({ from }: { from: number }) => {
  const config = useQuery({ ...configQuery(from), staleTime: 0 });
  const document = useQuery({ ...documentQuery(from, config.data?.revision ?? 0), enabled: config.isSuccess });
  // What was read first is what the copy begins with, whatever becomes of the other while it is filled in.
  const [first, setFirst] = useState<ComponentProps<typeof NewForm> | null>(null);
  if (!first && config.isFetchedAfterMount && config.isSuccess && document.isSuccess) {
    const { mac_address, device_name, device_entity_id } = config.data;
    setFirst({ from: mac_address, initial: document.data, copied: { name: device_name, entity: device_entity_id } });
  }
  const error = config.error ?? document.error;
  const name = config.data && (config.data.device_name || config.data.mac_address);
  return (
    <Page
      title="Duplicate a configuration"
      intro={
        name && (
          <>
            The document of{" "}
            <Link to="/devices/$id" params={{ id: from }}>
              {name}
            </Link>{" "}
            for another device, with everything in it. Its history begins anew.
          </>
        )
      }
      narrow
    >
      {first ? (
        <NewForm {...first} />
      ) : error ? (
        <Failed
          what="The document to begin with could not be read"
          error={error}
          retry={() => void (config.error ? config.refetch() : document.refetch())}
        >
          <p>
            <Link to="/new">Begin with an empty one</Link>
          </p>
        </Failed>
      ) : (
        <Skeleton lines={8} label="Reading the document" />
      )}
    </Page>
  );
};
