import type { Failure } from "../../../api/client";
import type { Problem } from "../../../editor/checks";
import { intoEditor, lineEndsOf } from "../../../editor/eol";
import { locate, offsetOf } from "../../../editor/pointer";
import type { Device } from "../words";

/** What the server refused of a text; it holds of that text alone. */
export interface Refused {
  text: string;
  failure: Failure;
}

const endOfWord = (text: string, from: number): number =>
  from + (/^[\w."+-]+|^./s.exec(text.slice(from, from + 80))?.[0].length ?? 0);

/** The server's refusal, at the place that it speaks of; nothing where the editor has another text by now. */
export const refusedProblems = (text: string, { text: sent, failure }: Refused): Problem[] => {
  if (intoEditor(sent, lineEndsOf(sent)) !== text) return [];
  const fields = failure.fields.length ? failure.fields : [{ field: "content", message: failure.message }];
  return fields.map(({ field, message }) => {
    const at = /\(line (\d+), column (\d+), byte \d+\)/.exec(message);
    const says = `The server refuses this: ${field === "content" ? "it" : field.replace(/^content\./, "")} ${message.replace(/ \(line .*\)$/, "")}`;
    const problem = { severity: "error", source: "server", message: says } as const;
    if (at) {
      const from = offsetOf(text, Number(at[1]), Number(at[2]));
      return { ...problem, from, to: endOfWord(text, from) };
    }
    const place = field.startsWith("content.") ? locate(text, `/${field.slice("content.".length)}`) : null;
    return { ...problem, from: place?.from ?? 0, to: place?.to ?? 0 };
  });
};

/** What the device said that is wrong with the revision that is shown, at the line that it speaks of. */
export const reportedProblems = (text: string, reported: NonNullable<Device["reported"]>): Problem[] => {
  const place = reported.path ? locate(text, reported.path) : null;
  const what = [reported.code, reported.message].filter(Boolean).join(": ") || "it cannot use this document";
  const gone = place && !place.exact ? ` (at ${reported.path}, which is not there now)` : "";
  return [
    {
      from: place?.from ?? 0,
      to: place?.to ?? 0,
      severity: "error",
      source: "device",
      message: `The device reported ${what}${gone}`,
    },
  ];
};
