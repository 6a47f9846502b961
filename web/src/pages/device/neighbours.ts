import { useMemo, useRef } from "react";
import { mergeRows } from "../../fleet/row";
import { useFleet } from "../../fleet/store";
import { View } from "../../fleet/view";
import { filterOf, isFiltered, orderOf, rememberedFleetSearch } from "../fleet/search";

interface Neighbours {
  previous: number | null;
  next: number | null;
  /** Whether the fleet was read already; nothing else is known where it was not. */
  known: boolean;
  /** Whether the table leaves out some devices. */
  filtered: boolean;
}

/**
 * The devices before and behind one in the table of the fleet, as that was looked at last. One that the table does not show is
 * taken as if it stood where its order would put it.
 */
export const useNeighbours = (id: number): Neighbours => {
  const fleet = useFleet();
  const view = useRef<View>(null);
  const { rows, state, version } = fleet;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the rows are the same map when they change
  return useMemo(() => {
    const here = state === "ready" ? rows.get(id) : undefined;
    if (!here) return { previous: null, next: null, known: false, filtered: false };
    const search = rememberedFleetSearch();
    const order = orderOf(search);
    view.current ??= new View();
    view.current.update(fleet, filterOf(search), order, false);
    let list = view.current.shown;
    if (!list.some((row) => row.id === id)) list = mergeRows(list, [here], order);
    const at = list.findIndex((row) => row.id === id);
    return {
      previous: list[at - 1]?.id ?? null,
      next: list[at + 1]?.id ?? null,
      known: true,
      filtered: isFiltered(search),
    };
  }, [fleet, rows, state, version, id]);
};
