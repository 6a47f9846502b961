import { createContext } from "react";

/** Tells the page around a document whether something of that is not saved: who has that is told of a delete beside it. */
export const UnsavedContext = createContext<(unsaved: boolean) => void>(() => {});
