import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useMemo } from "react";
import { filterRows, type Sync, sortRows } from "../../fleet/row";
import { useFleet } from "../../fleet/store";
import { Failed, Skeleton } from "../../ui/states";
import { FleetTable } from "./FleetTable";
import { rememberFleetSearch } from "./search";

/** The fleet at a glance, and every device of it. */
export const FleetPage = () => {
  const fleet = useFleet();
  const search = useSearch({ from: "/" });
  const navigate = useNavigate({ from: "/" });
  useEffect(() => fleet.ensure(), [fleet]);
  useEffect(() => rememberFleetSearch(search), [search]);
  const version = fleet.version;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the rows are others in another version
  const rows = useMemo(() => {
    const filter = {
      q: search.q ?? "",
      sync: (search.sync?.split(",") ?? []) as Sync[],
      overdue: search.overdue ?? false,
      online: search.online ?? null,
    };
    return sortRows(filterRows(fleet.rows.values(), filter), search.sort ?? "mac", search.desc ?? false);
  }, [fleet, version, search]);

  if (fleet.state === "failed")
    return <Failed what="The fleet could not be read" error={fleet.failure} retry={() => fleet.ensure()} />;
  if (fleet.state !== "ready" && rows.length === 0) return <Skeleton lines={10} label="Reading the fleet" />;
  return <FleetTable rows={rows} onOpen={(row) => void navigate({ to: "/devices/$id", params: { id: row.id } })} />;
};
