import { memo } from "react";
import css from "./Code.module.css";

const token = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*)|\b(true|false|null)\b/g;

/** Text of JSON in the colours of the editor, for where there is nothing to edit. */
export const Code = memo(({ text }: { text: string }) => {
  const parts: React.ReactNode[] = [];
  let end = 0;
  for (const found of text.matchAll(token)) {
    const [all, string, colon, number] = found;
    if (found.index > end) parts.push(text.slice(end, found.index));
    const kind = string ? (colon !== undefined ? css.key : css.string) : number ? css.number : css.atom;
    parts.push(
      <span key={found.index} className={kind}>
        {string ?? all}
      </span>,
    );
    if (colon) parts.push(colon);
    end = found.index + all.length;
  }
  parts.push(text.slice(end));
  return <>{parts}</>;
});
Code.displayName = "Code";
