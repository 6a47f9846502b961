import { useMemo } from "react";
import { useFleet } from "../../fleet/store";

/** The devices before and behind one, by MAC address; `known` only where the fleet was read already. */
export const useNeighbours = (id: number): { previous: number | null; next: number | null; known: boolean } => {
  const fleet = useFleet();
  const { rows, state, version } = fleet;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the rows are the same map when they change
  return useMemo(() => {
    const here = state === "ready" ? rows.get(id) : undefined;
    if (!here) return { previous: null, next: null, known: false };
    let previous = null;
    let next = null;
    for (const row of rows.values()) {
      if (row.mac < here.mac && (!previous || row.mac > previous.mac)) previous = row;
      if (row.mac > here.mac && (!next || row.mac < next.mac)) next = row;
    }
    return { previous: previous?.id ?? null, next: next?.id ?? null, known: true };
  }, [rows, state, version, id]);
};
