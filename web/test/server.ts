import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const program = process.env.ESPALIER_PROGRAM ?? resolve(import.meta.dirname, "../../bin/espalier");

// Outside of the range from which the kernel takes the ports of outgoing connections: a browser that keeps dialling a stopped
// server would else be given that server's own port now and then.
const lowestPort = 12_000;
const workers = 8; // at most
const given = new Set<number>();

const firstEphemeralPort = (): number => {
  const range = "/proc/sys/net/ipv4/ip_local_port_range";
  const first = existsSync(range) ? Number.parseInt(readFileSync(range, "utf8"), 10) : 0;
  return first > lowestPort + 1000 ? first : 32_768;
};

/** A TCP port that nothing listens on, and that no other worker of the tests is given. */
export const freePort = async (): Promise<number> => {
  const mine = Number(process.env.TEST_PARALLEL_INDEX ?? 0) % workers;
  const span = Math.floor((firstEphemeralPort() - lowestPort) / workers);
  for (let tries = 0; tries < 200; tries++) {
    const port = lowestPort + workers * Math.floor(Math.random() * span) + mine;
    if (given.has(port)) continue;
    given.add(port);
    const probe = createServer().listen(port, "127.0.0.1");
    const free = await once(probe, "listening").then(
      () => true,
      () => false,
    );
    if (!free) continue;
    probe.close();
    await once(probe, "close");
    return port;
  }
  throw new Error("no free port was found");
};

/** A real server on its embedded database and broker, in a folder and on ports of its own. */
export class Server {
  /** What is run the next time that it starts. */
  program = program;
  #process: ChildProcess | null = null;
  #log = "";

  private constructor(
    readonly folder: string,
    readonly port: number,
    readonly mqttPort: number,
    readonly env: Record<string, string>,
  ) {}

  /** `patience` is how long it may take until it answers, in milliseconds. */
  static async start(env: Record<string, string> = {}, patience = 60_000): Promise<Server> {
    const folder = mkdtempSync(join(tmpdir(), "espalier-web-"));
    // A test may change its own settings; those that it was given are of others too.
    const server = new Server(folder, await freePort(), await freePort(), { ...env });
    try {
      await server.up(patience);
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  get url() {
    return `http://127.0.0.1:${this.port}/`;
  }

  /** Starts the program, again where it was stopped, and waits until it answers. */
  async up(patience = 60_000) {
    this.#process = spawn(this.program, ["serve"], {
      cwd: this.folder,
      env: {
        PATH: process.env.PATH ?? "",
        HOME: this.folder,
        HOST: "127.0.0.1",
        PORT: String(this.port),
        MQTT_LISTEN: `127.0.0.1:${this.mqttPort}`,
        DATA_DIR: join(this.folder, "data"),
        LOG_LEVEL: "warn",
        ...this.env,
      },
    });
    let missing: Error | undefined;
    this.#process.on("error", (error) => {
      missing = error;
      this.#log += `${error}; make build makes it, or ESPALIER_PROGRAM names another\n`;
    });
    for (const stream of [this.#process.stdout!, this.#process.stderr!])
      stream.on("data", (text) => {
        this.#log += text;
      });
    const deadline = Date.now() + patience;
    while (
      !(await fetch(`${this.url}readyz`).then(
        (r) => r.ok,
        () => false,
      ))
    ) {
      if (missing || this.#process.exitCode !== null || this.#process.signalCode !== null || Date.now() > deadline) {
        await this.down("SIGKILL");
        throw new Error(`the server did not start:\n${this.#log}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Ends the program: SIGTERM, or at once with SIGKILL. */
  async down(signal: "SIGTERM" | "SIGKILL" = "SIGTERM") {
    const child = this.#process;
    this.#process = null;
    if (!child?.pid || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  }

  async stop() {
    await this.down("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  get log() {
    return this.#log;
  }

  /** A request of the API, as JSON; throws where it is refused. */
  async api<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<T> {
    const response = await fetch(new URL(path, this.url), {
      method,
      headers: { "Content-Type": "application/json", ...headers },
      body: body === undefined ? null : typeof body === "string" ? body : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text ? JSON.parse(text) : undefined) as T;
  }

  /** Makes a configuration whose document is this text, and answers its id. */
  async create(mac: string, text: string): Promise<number> {
    return (await this.api<{ id: number }>("POST", "api/configs", { mac_address: mac, content: text })).id;
  }

  /** Acts as the device: fetches its document, and answers the ETag. Throws where it gets none, but for one that it has. */
  async fetchAsDevice(mac: string, etag?: string): Promise<string> {
    // fetch would send what only browsers send, and a browser is no device.
    const asked = request(new URL(`api/configs/${mac.replaceAll(":", "-")}.json`, this.url), {
      headers: etag ? { "If-None-Match": etag } : {},
    }).end();
    const [answer] = (await once(asked, "response")) as [IncomingMessage];
    answer.resume();
    await once(answer, "end");
    const { statusCode, headers } = answer;
    if (!headers.etag || (statusCode !== 200 && !(statusCode === 304 && headers.etag === etag)))
      throw new Error(`the device ${mac} got ${statusCode} with the ETag ${headers.etag}, and had ${etag}`);
    return headers.etag;
  }

  /** Reports as the device does over HTTP. */
  async reportAsDevice(mac: string, report: Record<string, unknown>) {
    await this.api("POST", `api/configs/${mac.replaceAll(":", "-")}/report`, report);
  }

  /** Loads the sample fleet. */
  async sample() {
    await this.api("POST", "api/sample");
  }
}
