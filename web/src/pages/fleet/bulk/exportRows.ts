import { request } from "../../../api/client";
import { runMany } from "../../../fleet/many";
import type { Row } from "../../../fleet/row";
import { download } from "../../actions/download";

const single = 200; // devices up to which each document is asked for; beyond, the whole export is read and what is wanted is kept

/** Has the browser keep the documents of devices as a file that an import reads. Answers how many it has. */
export const exportRows = async (rows: readonly Row[], signal: AbortSignal): Promise<number> => {
  const lines = rows.length > single ? await ofExport(rows, signal) : await oneByOne(rows, signal);
  download(new Blob(lines, { type: "application/x-ndjson" }), `configs-${rows.length}.ndjson`);
  return lines.length;
};

const oneByOne = async (rows: readonly Row[], signal: AbortSignal): Promise<string[]> => {
  const lines = new Map<number, string>();
  let failed: unknown;
  await runMany(
    rows,
    async (row) => (await request(`api/configs/${row.id}/revisions/${row.revision}/document`, { signal })).text(),
    {
      at: 4,
      signal,
      hopeless: () => true,
      done: (outcome) => {
        if ("error" in outcome) failed ??= outcome.error;
        else
          lines.set(outcome.item.id, `${JSON.stringify({ mac_address: outcome.item.mac, content: outcome.value })}\n`);
      },
    },
  );
  if (failed) throw failed;
  signal.throwIfAborted();
  return rows.map((row) => lines.get(row.id)!);
};

const ofExport = async (rows: readonly Row[], signal: AbortSignal): Promise<string[]> => {
  const wanted = new Set(rows.map((row) => row.mac));
  const response = await request("api/export", { signal });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const kept: string[] = [];
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    const lines = (rest + (value ?? "")).split("\n");
    rest = done ? "" : lines.pop()!;
    for (const line of lines) {
      const mac = /^\{"mac_address":"([^"]+)"/.exec(line)?.[1];
      if (mac && wanted.has(mac)) kept.push(`${line}\n`);
    }
    if (done) return kept;
  }
};
