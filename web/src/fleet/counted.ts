/** How many, as people read it. */
export const counted = (n: number): string => n.toLocaleString();

/** "1 device", "2 devices". */
export const devices = (n: number): string => `${counted(n)} ${n === 1 ? "device" : "devices"}`;
