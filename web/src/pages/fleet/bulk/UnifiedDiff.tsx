import { memo } from "react";
import many from "../../actions/many/many.module.css";
import type { Named } from "../../actions/many/writes";
import css from "./bulk.module.css";

interface Props {
  text: string;
  open: boolean;
  of: Named;
  alone: boolean;
}

/** A unified diff: lines that go and lines that come, told apart by sign and colour. It stays as it is while others come. */
export const UnifiedDiff = memo(({ text, open, of, alone }: Props) => {
  const called = of.name ?? of.mac;
  // The first two lines name the texts.
  const lines = text.replace(/\n$/, "").split("\n").slice(2);
  return (
    <details className={many.names} open={open}>
      <summary>{alone ? `The difference in ${called}` : `The difference, as in ${called}`}</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
      <pre className={css.diff} tabIndex={0}>
        {lines.map((line, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the lines never change
          <span key={i} className={line[0] === "+" ? css.plus : line[0] === "-" ? css.minus : css.rest}>
            {line.startsWith("@@") ? "⋯" : line}
            {"\n"}
          </span>
        ))}
      </pre>
    </details>
  );
});
UnifiedDiff.displayName = "UnifiedDiff";
