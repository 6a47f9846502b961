import createClient, { type Middleware } from "openapi-fetch";
import { randomName } from "./random";
import type { paths } from "./schema.gen";
import { base, session } from "./session";

/** A request that the server refused, or that did not reach it. `code` is the server's, or UNREACHABLE. */
export class Failure extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** What to do about it, or what is wrong with which field. */
    readonly detail = "",
    readonly fields: readonly { field: string; message: string }[] = [],
    /** The revision that there is, where a precondition failed. */
    readonly currentRevision?: number,
    readonly correlationId = "",
  ) {
    super(message);
    this.name = "Failure";
  }

  /** Whether the server lets nobody in with what was sent, whatever is asked. */
  get refused(): boolean {
    return [401, 403, 421].includes(this.status);
  }

  get unreachable() {
    return this.code === "UNREACHABLE";
  }
}

interface ErrorBody {
  error?: string;
  code?: string;
  correlationId?: string;
  details?: { message?: string; errors?: { field: string; message: string }[]; current_revision?: number };
}

/** What an answer that is no success says. */
export const failureOf = (status: number, body: unknown): Failure => {
  const b = (typeof body === "object" && body !== null ? body : {}) as ErrorBody;
  return new Failure(
    status,
    b.code ?? "UNKNOWN",
    b.error ?? `The server answered ${status}`,
    b.details?.message ?? (b.code ? "" : "It may be another program, or a proxy in between. Look at its log."),
    b.details?.errors ?? [],
    b.details?.current_revision,
    b.correlationId ?? "",
  );
};

/** What there is to say of anything that was thrown. */
export const asFailure = (error: unknown): Failure =>
  error instanceof Failure
    ? error
    : new Failure(
        0,
        "UNREACHABLE",
        "The server cannot be reached",
        "Is it running, and is the network there? It is tried again.",
      );

const authorize: Middleware = {
  onRequest({ request }) {
    const token = session.token();
    if (token) request.headers.set("Authorization", `Bearer ${token}`);
    return request;
  },
};

/**
 * The API, typed by its own description. Paths and parameters are checked by the compiler. Documents hold passwords, which
 * signing out could not take out of the browser's cache.
 */
export const client = createClient<paths>({ baseUrl: base.href.replace(/\/$/, ""), cache: "no-store" });
client.use(authorize);

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The body of an answer of `client`; throws a Failure where there is none. */
export const read = async <T>(answer: Promise<Answer<T>>): Promise<T> => {
  let got: Answer<T>;
  try {
    got = await answer;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw asFailure(error);
  }
  if (!got.response.ok) throw failureOf(got.response.status, got.error);
  return got.data as T;
};

/** Any request of the API whose answer is no JSON object. Throws a Failure unless it succeeds. */
export const request = async (path: string, init: RequestInit = {}): Promise<Response> => {
  const headers = new Headers(init.headers);
  const token = session.token();
  if (token) headers.set("Authorization", `Bearer ${token}`);
  let response: Response;
  try {
    response = await fetch(new URL(path, base), { cache: "no-store", ...init, headers });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw asFailure(error);
  }
  if (response.ok || response.status === 304) return response;
  throw failureOf(response.status, await response.json().catch(() => null));
};

/** A name for one attempt to write, under which a retry gets the first answer again. */
export const idempotencyKey = randomName;

/** A message in a header: as it is, or as RFC 8187 writes it. */
export const changeMessage = (message: string): Record<string, string> => {
  const text = message.trim();
  if (!text) return {};
  const plain = /^[\x20-\x7e]*$/.test(text) && !text.startsWith("UTF-8''");
  return {
    "X-Change-Message": plain
      ? text
      : `UTF-8''${encodeURIComponent(text).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16)}`)}`,
  };
};
