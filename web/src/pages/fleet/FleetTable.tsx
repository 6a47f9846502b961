import { Link } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useRef } from "react";
import type { Row } from "../../fleet/row";
import { SyncBadge } from "../../ui/SyncBadge";
import { Time } from "../../ui/Time";

/** Rows of the fleet, of which only those on the screen are in the page. */
export const FleetTable = ({ rows }: { rows: readonly Row[]; onOpen(row: Row): void }) => {
  const scroll = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => 40,
    overscan: 12,
  });
  return (
    <div ref={scroll} style={{ height: "100%", overflow: "auto" }}>
      <div style={{ height: virtual.getTotalSize(), position: "relative" }}>
        {virtual.getVirtualItems().map((item) => {
          const row = rows[item.index]!;
          return (
            <div key={row.id} style={{ position: "absolute", top: item.start, height: 40, display: "flex", gap: 16 }}>
              <Link to="/devices/$id" params={{ id: row.id }}>
                {row.mac}
              </Link>
              <span>{row.name}</span>
              <SyncBadge sync={row.sync} overdue={row.overdue} />
              <Time at={row.lastSeen} />
            </div>
          );
        })}
      </div>
    </div>
  );
};
