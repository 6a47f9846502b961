import { once } from "node:events";
import { createServer, type Server as HttpServer, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";

/** A reverse proxy that serves a server below a path, which it takes away, as nginx does. */
export class ReverseProxy {
  /** Requests that take longer than its patience: it hands them on, and answers 504 although they are done. */
  impatient: ((request: IncomingMessage) => boolean) | null = null;

  private constructor(
    readonly http: HttpServer,
    readonly path: string,
  ) {}

  /** `path` starts and ends with a slash; `target` is the address of the server. */
  static async start(path: string, target: string): Promise<ReverseProxy> {
    const http = createServer((incoming, outgoing) => {
      if (!incoming.url?.startsWith(path)) {
        outgoing.writeHead(404, { "Content-Type": "text/plain" }).end("this proxy has nothing there");
        return;
      }
      const onward = request(
        new URL(incoming.url.slice(path.length), target),
        {
          method: incoming.method ?? "GET",
          headers: { ...incoming.headers, "x-forwarded-for": incoming.socket.remoteAddress ?? "" },
        },
        (answer) => {
          if (proxy.impatient?.(incoming)) {
            answer.resume();
            outgoing.writeHead(504).end();
            return;
          }
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(outgoing);
        },
      );
      onward.on("error", () => outgoing.headersSent || outgoing.writeHead(502).end());
      outgoing.on("close", () => onward.destroy());
      incoming.pipe(onward);
    }).listen(0, "127.0.0.1");
    const proxy = new ReverseProxy(http, path);
    await once(http, "listening");
    return proxy;
  }

  get url() {
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}${this.path}`;
  }

  async stop() {
    this.http.closeAllConnections();
    this.http.close();
    await once(this.http, "close");
  }
}
