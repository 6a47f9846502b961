import type { MouseEvent } from "react";

/**
 * Whether a button was pressed by a key. Where it goes by that, the focus is given to something else; one that was pressed
 * otherwise must not have a phone show its keyboard.
 */
export const byKeys = (event: MouseEvent): boolean => event.detail === 0;
