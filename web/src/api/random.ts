/** A name that nobody else has: 16 random bytes in hex. */
export const randomName = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (n) => n.toString(16).padStart(2, "0")).join("");
