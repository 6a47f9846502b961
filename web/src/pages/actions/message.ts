/** The longest message that the server takes, in characters. */
export const mostMessage = 500;

/** A text that is made of others as a message: cut to what the server takes, and never within what people see as one character. */
export const asMessage = (text: string): string => {
  if ([...text].length <= mostMessage) return text;
  let kept = "";
  let count = 1; // of the sign that something was cut off
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    count += [...segment].length;
    if (count > mostMessage) break;
    kept += segment;
  }
  return `${kept}…`;
};
