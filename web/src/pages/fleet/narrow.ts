import { useMedia } from "../../ui/useMedia";

/** Whether the page is too narrow for a table of all columns: by the same width as in the styles. */
export const useNarrow = (): boolean => useMedia("(max-width: 62rem)");
