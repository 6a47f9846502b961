import { useQuery } from "@tanstack/react-query";
import { request } from "../../api/client";
import { LazyDiff } from "../../editor/LazyDiff";
import { Dialog } from "../../ui/Dialog";
import { Failed, Skeleton } from "../../ui/states";
import { dashedMac } from "../actions/mac";
import type { Planned } from "./plan";

/** What a file changes in the document that is there. */
export const CompareDialog = ({ planned, close }: { planned: Planned; close(): void }) => {
  const mac = planned.mac!;
  const there = useQuery({
    queryKey: ["there", mac],
    queryFn: async ({ signal }) => (await request(`api/configs/${dashedMac(mac)}.json`, { signal })).text(),
    staleTime: 0,
    gcTime: 0,
  });
  return (
    <Dialog
      open
      onOpenChange={close}
      size="full"
      title={planned.path}
      description="What is there now, and what the file has"
    >
      {there.isPending && <Skeleton lines={8} label="Reading the document" />}
      {there.isError && (
        <Failed what="The document could not be read" error={there.error} retry={() => void there.refetch()} />
      )}
      {there.isSuccess && (
        <LazyDiff before={there.data} after={planned.text ?? ""} mode="split" label={`Changes of ${planned.path}`} />
      )}
    </Dialog>
  );
};
