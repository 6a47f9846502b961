import { useSyncExternalStore } from "react";
import { asFailure, type Failure, request } from "./client";
import type { components } from "./schema.gen";

export type EventKind = "created" | "updated" | "deleted" | "restored" | "replaced" | "check-in" | "report" | "sync";
export type LiveEvent = components["schemas"]["Event"] & { kind: EventKind };

/** `live`: what happens is shown as it happens. `lost`: the connection broke and is being made again. */
export type LiveState = "connecting" | "live" | "lost" | "paused" | "refused";

const silence = 40_000; // the server gives a sign each 15 seconds
const hiddenFor = 60_000; // a browser has six connections to a server; a page that nobody sees gives its own back

/**
 * The one stream of events of this page. Who follows it is told of each event once and in order; `onReset` says that some are
 * missing, so that everything must be read anew; or that the stream begins only now, and what was read before may be older.
 */
class Live {
  state: LiveState = "connecting";
  failure: Failure | null = null;
  #handlers = new Set<(event: LiveEvent) => void>();
  #resets = new Set<(begins: boolean) => void>();
  #watchers = new Set<() => void>();
  #last = "";
  #begun = false;
  #stop: AbortController | null = null;
  #ready: Promise<void>;
  #isReady: () => void = () => {};
  #hidden: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.#ready = new Promise((resolve) => {
      this.#isReady = resolve;
    });
    document.addEventListener("visibilitychange", () => this.#visibility());
    window.addEventListener("online", () => this.#again?.());
  }

  /** Resolves when nothing that happens from now on is missed, or after three seconds. */
  ready(): Promise<void> {
    return Promise.race([this.#ready, new Promise<void>((resolve) => setTimeout(resolve, 3000))]);
  }

  follow(handler: (event: LiveEvent) => void): () => void {
    this.#handlers.add(handler);
    return () => void this.#handlers.delete(handler);
  }

  onReset(handler: (begins: boolean) => void): () => void {
    this.#resets.add(handler);
    return () => void this.#resets.delete(handler);
  }

  watch = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  };

  start() {
    if (this.#stop) return;
    this.#stop = new AbortController();
    void this.#run(this.#stop.signal);
  }

  stop(state: LiveState = "paused") {
    this.#stop?.abort();
    this.#stop = null;
    this.#set(state);
  }

  /** Connects at once, whatever it waits for. */
  retry() {
    this.stop("connecting");
    this.start();
  }

  #again: (() => void) | null = null;

  #set(state: LiveState, failure: Failure | null = null) {
    if (this.state === state && this.failure === failure) return;
    this.state = state;
    this.failure = failure;
    for (const watcher of this.#watchers) watcher();
  }

  #visibility() {
    clearTimeout(this.#hidden);
    if (document.visibilityState === "hidden") {
      this.#hidden = setTimeout(() => {
        if (this.#stop) this.stop("paused");
      }, hiddenFor);
    } else if (this.state === "paused") {
      this.start();
    }
  }

  async #run(signal: AbortSignal) {
    for (let pause = 500; !signal.aborted; ) {
      try {
        await this.#read(signal, () => {
          pause = 500;
        });
        this.#set("lost");
      } catch (error) {
        if (signal.aborted) return;
        const failure = asFailure(error);
        // Anything else may be a proxy that speaks while the server starts again.
        if (failure.refused) {
          this.stop("refused");
          return;
        }
        this.#set("lost", failure);
      }
      await new Promise<void>((resolve) => {
        this.#again = resolve;
        setTimeout(resolve, pause * (0.5 + Math.random()));
      });
      pause = Math.min(pause * 2, 10_000);
    }
  }

  async #read(signal: AbortSignal, alive: () => void) {
    const connection = new AbortController();
    const end = () => connection.abort();
    signal.addEventListener("abort", end);
    let watchdog = setTimeout(end, silence);
    try {
      const headers: Record<string, string> = { Accept: "text/event-stream" };
      if (this.#last) headers["Last-Event-ID"] = this.#last;
      const response = await request("api/events", { headers, signal: connection.signal });
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { value, done } = await reader.read();
        clearTimeout(watchdog);
        if (done) return;
        watchdog = setTimeout(end, silence);
        alive();
        const messages = (rest + value).split("\n\n");
        rest = messages.pop()!;
        for (const message of messages) this.#take(message);
      }
    } finally {
      clearTimeout(watchdog);
      signal.removeEventListener("abort", end);
      connection.abort();
    }
  }

  #take(message: string) {
    let kind = "";
    let data = "";
    for (const line of message.split("\n")) {
      if (line.startsWith("event: ")) kind = line.slice(7);
      else if (line.startsWith("data: ")) data += line.slice(6);
      else if (line.startsWith("id: ")) this.#last = line.slice(4);
    }
    if (!kind) return;
    if (kind === "ready") {
      this.#isReady();
      this.#set("live");
      if (!this.#begun) this.#reset(true);
      this.#begun = true;
      return;
    }
    this.#set("live");
    if (kind === "reset") return this.#reset(false);
    const event = { ...JSON.parse(data), kind } as LiveEvent;
    for (const handler of this.#handlers) handler(event);
  }

  #reset(begins: boolean) {
    for (const handler of this.#resets) handler(begins);
  }
}

export const live = new Live();

/** How the stream of events is, as state of a component. */
export const useLiveState = (): LiveState => useSyncExternalStore(live.watch, () => live.state);
