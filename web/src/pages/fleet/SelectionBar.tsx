import type { RefObject } from "react";
import type { Row } from "../../fleet/row";
import type { FleetStore } from "../../fleet/store";
import type { Selection } from "./selection";

/** What can be done to all that are selected. */
export const SelectionBar = (_: {
  footRef: RefObject<HTMLDivElement | null>;
  fleet: FleetStore;
  rows: readonly Row[];
  selection: Selection;
}) => null;
