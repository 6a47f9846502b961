import { fleet } from "../fleet/store";
import { asFailure, changeMessage, client, Failure, idempotencyKey, read, request } from "./client";
import { queries, refreshConfig } from "./queries";
import type { components } from "./schema.gen";

export type Config = components["schemas"]["Config"];
export type Preview = components["schemas"]["Preview"];
export type ImportReport = components["schemas"]["ImportReport"];

/**
 * What a write says besides what it writes. `revision`: only if that is still the newest one. `key`: of one attempt; who lost the
 * answer sends it again under it, and gets the first one. What is no POST has no use for it. `again`: it was sent before,
 * and no answer came.
 */
export interface Attempt {
  message?: string;
  revision?: number;
  /** What the server calls the request, for whoever must find out what became of it. */
  attempt?: string;
  key?: string;
  again?: boolean;
}

const headersOf = (a: Attempt): Record<string, string> => ({
  ...changeMessage(a.message ?? ""),
  ...(a.revision === undefined ? {} : { "If-Match": `"r${a.revision}"` }),
  ...(a.attempt === undefined ? {} : { "X-Correlation-ID": a.attempt }),
});

const keyOf = ({ key }: Attempt) => ({ "Idempotency-Key": key ?? idempotencyKey() });

const written = <T extends { id: number } | undefined>(id: number, config: T): T => {
  fleet.refresh([id]);
  void refreshConfig(id);
  return config;
};

const json = { "Content-Type": "application/json" };

/** Makes the configuration of a device that has none; the text is kept byte for byte. */
export const create = async (mac: string, text: string, a: Attempt = {}): Promise<Config> => {
  const response = await request("api/configs", {
    method: "POST",
    headers: { ...json, ...headersOf(a), "If-None-Match": "*", ...keyOf(a) },
    body: JSON.stringify({ mac_address: mac, content: text }),
  });
  const made = (await response.json()) as Config;
  return written(made.id, made);
};

/** Replaces the document; the text is kept byte for byte. */
export const save = async (id: number, text: string, a: Attempt): Promise<Config> => {
  const response = await request(`api/configs/${id}`, {
    method: "PUT",
    headers: { ...json, ...headersOf(a) },
    body: JSON.stringify({ content: text }),
  });
  return written(id, (await response.json()) as Config);
};

/** Applies a JSON Merge Patch (RFC 7396); given as text, its values are kept byte for byte. */
export const patch = async (id: number, change: object | string, a: Attempt): Promise<Config> => {
  const response = await request(`api/configs/${id}`, {
    method: "PATCH",
    headers: { ...json, ...headersOf(a) },
    body: patchBody(change),
  });
  return written(id, (await response.json()) as Config);
};

export const remove = async (id: number, a: Attempt = {}): Promise<void> => {
  try {
    await request(`api/configs/${id}`, { method: "DELETE", headers: headersOf(a) });
  } catch (error) {
    // What is not there any more was deleted the first time.
    if (!a.again || asFailure(error).status !== 404) throw error;
  }
  written(id, undefined);
  void queries.invalidateQueries({ queryKey: ["deleted"] });
};

const post = async (id: number, path: string, body: object | undefined, a: Attempt): Promise<Config> => {
  const response = await request(`api/configs/${id}/${path}`, {
    method: "POST",
    headers: { ...(body ? json : {}), ...headersOf(a), ...keyOf(a) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  void queries.invalidateQueries({ queryKey: ["deleted"] });
  return written(id, (await response.json()) as Config);
};

export const undelete = async (id: number, a: Attempt = {}): Promise<Config> => {
  try {
    return await post(id, "undelete", undefined, a);
  } catch (error) {
    const { status, code } = asFailure(error);
    if (status !== 404 && status !== 409) throw error;
    // Whoever asks again since no answer came, or was not the first to ask, finds it there.
    const there = await read(client.GET("/api/configs/{id}", { params: { path: { id } } })).catch(() => null);
    if (there) return written(id, there);
    if (status === 409) throw error;
    const detail = "Its MAC address has another configuration now, or what it was is not kept any more";
    throw new Failure(status, code, "It cannot be brought back", detail);
  }
};

/** Makes a new revision with the bytes of an older one. */
export const restore = (id: number, revision: number, a: Attempt = {}) =>
  post(id, `revisions/${revision}/restore`, undefined, a);

/** Moves the configuration and its history to new hardware. */
export const replaceDevice = (id: number, mac: string, a: Attempt = {}) =>
  post(id, "replace-device", { mac_address: mac }, a);

/** The revision that an attempt made whose answer was lost; null where it changed nothing. */
export const whatBecame = async (id: number, attempt: string, signal: AbortSignal): Promise<number | null> => {
  const query = { correlation_id: attempt, result: "applied" as const };
  const { audit } = await read(client.GET("/api/audit", { params: { query }, signal }));
  return audit.find((entry) => entry.config_id === id)?.revision ?? null;
};

export interface ImportItem {
  mac_address: string;
  content: string;
  /** The revision that it was looked at as, which is not to have changed since; 0 of a device that has none. */
  if_revision?: number;
  /** What the report calls it, such as the name of a file. */
  source: string;
}

/** Creates or changes many configurations in one transaction, or says what that would do. */
export const importAll = async (
  items: readonly ImportItem[],
  o: {
    dryRun: boolean;
    onConflict: "update" | "skip" | "fail";
    keepGoing: boolean;
    message?: string;
    /** Of one import: whoever lost the answer sends it again, and gets the first one. */
    key?: string;
  },
): Promise<ImportReport> => {
  const query = new URLSearchParams({
    on_conflict: o.onConflict,
    keep_going: String(o.keepGoing),
    dry_run: String(o.dryRun),
  });
  const response = await request(`api/import?${query}`, {
    method: "POST",
    headers: {
      "Content-Type": "application/x-ndjson",
      ...changeMessage(o.message ?? ""),
      ...(o.key ? { "Idempotency-Key": o.key } : {}),
    },
    body: items.map((item) => JSON.stringify(item)).join("\n"),
  });
  return (await response.json()) as ImportReport;
};

const patchBody = (change: object | string) =>
  typeof change === "string" ? `{"content":${change}}` : JSON.stringify({ content: change });

/** What a merge patch would change; writes nothing. */
export const preview = async (id: number, change: object | string, signal?: AbortSignal): Promise<Preview> => {
  const response = await request(`api/configs/${id}/preview`, {
    method: "POST",
    headers: json,
    body: patchBody(change),
    signal: signal ?? null,
  });
  return (await response.json()) as Preview;
};
