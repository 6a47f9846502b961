import { useLocation } from "@tanstack/react-router";

declare module "@tanstack/react-router" {
  interface HistoryState {
    /** A JSON Pointer to what a page is to show of a document. It is no part of the address: keys are of the document. */
    path?: string;
  }
}

/** The JSON Pointer that the link to this page was for. */
export const useWantedPath = (): string | undefined => useLocation({ select: (at) => at.state.path });
