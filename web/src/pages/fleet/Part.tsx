import type { ComponentProps } from "react";

/**
 * A part of the table, which says itself what it is: a <table> lays out its rows on its own, and cannot leave out those that
 * are not seen.
 */
export const Part = ({ as, ...rest }: ComponentProps<"div"> & { as: "grid" | "rowgroup" | "row" | "columnheader" }) => (
  <div role={as} {...rest} />
);

/** What makes an element a cell. Cells are too many for a component each. */
export const gridcell = { role: "gridcell" } as const;
