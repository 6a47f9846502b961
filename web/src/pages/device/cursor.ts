/** Asks who set the value at the cursor of the document that is shown; null where none is. */
export const cursor: { whoSet: (() => void) | null } = { whoSet: null };
