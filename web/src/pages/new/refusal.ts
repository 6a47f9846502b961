import type { Failure } from "../../api/client";
import type { Problem } from "../../editor/checks";
import { locate, offsetOf } from "../../editor/pointer";

/** What the server says against the document, at its places in the text. */
export const documentProblems = (failure: Failure, text: string): Problem[] =>
  failure.fields
    .filter(({ field }) => field === "content" || field.startsWith("content."))
    .map(({ field, message }) => {
      const place = /line (\d+), column (\d+)/.exec(message);
      const found = field === "content" ? null : locate(text, `/${field.slice("content.".length)}`);
      const from = place ? offsetOf(text, Number(place[1]), Number(place[2])) : (found?.from ?? 0);
      const to = found?.to ?? Math.min(text.length, from + 1);
      return { from, to, severity: "error", message: `The document ${message}`, source: "server" };
    });

/** What the server says against the MAC address. */
export const macRefusal = (failure: Failure): string | undefined =>
  failure.code === "INVALID_OPERATION"
    ? failure.message
    : failure.fields.find(({ field }) => field === "mac_address")?.message;
