/** The tokens of JSON text: brackets, commas, colons, strings with their quotes, and runs of anything else. */
const token = /"(?:[^"\\]|\\.)*"?|[{}[\],:]|[^\s{}[\],:"]+/gsu;

/** The text without the space between its tokens: equal texts differ in layout only. */
const withoutLayout = (text: string): string => (text.match(token) ?? []).join(" ");

/** Whether two texts differ, and in nothing but spaces and line breaks between values. */
export const onlyLayoutDiffers = (a: string, b: string): boolean => a !== b && withoutLayout(a) === withoutLayout(b);

/** Whether people cannot read it as it is: everything in a few long lines. */
export const isDense = (text: string): boolean => text.split("\n").some((line) => line.length > 400);
