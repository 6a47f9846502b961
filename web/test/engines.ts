import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./server";

// PostgreSQL and mosquitto of the tests' own, from where Debian puts them: see scripts/test-deps.

interface User {
  uid?: number;
  gid?: number;
}

/** A server of another's making, in a folder and on a port of its own. */
class Engine {
  #process: ChildProcess | null = null;
  #guard: ChildProcess | null = null;

  constructor(
    readonly name: string,
    readonly folder: string,
    readonly port: number,
    readonly user: User,
  ) {}

  /** Runs the program and waits until its port answers. */
  async up(command: string, args: string[]) {
    let said = "";
    const child = spawn(command, args, { cwd: this.folder, detached: true, ...this.user });
    this.#process = child;
    child.on("error", (error) => {
      said += error;
    });
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (text) => {
        said += text;
      });
    if (child.pid) this.#guard = guard(child.pid, this.folder);
    const deadline = Date.now() + 30_000;
    while (!(await answers(this.port))) {
      if (!child.pid || child.exitCode !== null || child.signalCode !== null || Date.now() > deadline)
        throw new Error(`${this.name} did not start:\n${said}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Ends it by its id, and removes what it kept. */
  async stop() {
    const child = this.#process;
    if (child?.pid && child.exitCode === null && child.signalCode === null) {
      const gone = once(child, "exit");
      child.kill("SIGQUIT");
      await gone;
    }
    this.#guard?.stdin?.end("ended\n");
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

// A shell that ends an engine and removes its files once this process is gone, however it went: its input is closed then, without a word.
const guard = (pid: number, folder: string): ChildProcess => {
  const script = `read -r word && exit 0
kill -QUIT "$1" 2>/dev/null
tries=0
while kill -0 "$1" 2>/dev/null && [ "$tries" -lt 50 ]; do tries=$((tries+1)); sleep 0.1; done
kill -KILL "$1" 2>/dev/null
rm -rf -- "$2"`;
  const shell = spawn("/bin/sh", ["-c", script, "espalier-test-guard", String(pid), folder], {
    cwd: tmpdir(),
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  shell.unref();
  return shell;
};

const answers = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("close", () => resolve(false)).setTimeout(1000, () => socket.destroy());
    socket.once("connect", () => socket.destroy());
  });

const find = (name: string, folders: string[]): string => {
  const found = [...(process.env.PATH ?? "").split(":"), ...folders]
    .map((folder) => join(folder, name))
    .find(existsSync);
  if (!found) throw new Error(`there is no ${name}: make test-deps installs it`);
  return found;
};

/** Where Debian puts the programs of PostgreSQL, the newest first. */
const versions = () => {
  const root = "/usr/lib/postgresql";
  const all = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  return all.map((version) => join(root, version, "bin"));
};

/** Who runs PostgreSQL, which refuses to run as root: its own user, or nobody. */
const unprivileged = (): User => {
  if (process.getuid?.() !== 0) return {};
  const accounts = readFileSync("/etc/passwd", "utf8").split("\n");
  const fields = ["postgres", "nobody"]
    .map((name) => accounts.find((line) => line.startsWith(`${name}:`))?.split(":"))
    .find(Boolean);
  if (!fields) throw new Error("PostgreSQL does not run as root, and there is no other user to run it as");
  return { uid: Number(fields[2]), gid: Number(fields[3]) };
};

/** A folder in memory, where a database is made in a moment. */
const memory = () => {
  const shared = "/dev/shm";
  if (process.env.TMPDIR || !existsSync(shared)) return tmpdir();
  const { bavail, bsize } = statfsSync(shared);
  return bavail * bsize < 2 ** 31 ? tmpdir() : shared;
};

const makeFolder = (parent: string, name: string, { uid, gid }: User): string => {
  const folder = mkdtempSync(join(parent, `espalier-web-${name}-`));
  if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid);
  return folder;
};

/** A PostgreSQL whose databases belong to a role without further rights. */
export class Postgres {
  #databases = 0;
  private constructor(readonly engine: Engine) {}

  static async start(): Promise<Postgres> {
    const user = unprivileged();
    const [initdb, postgres] = ["initdb", "postgres"].map((name) => find(name, versions())) as [string, string];
    const folder = makeFolder(memory(), "postgres", user);
    const engine = new Engine("PostgreSQL", folder, await freePort(), user);
    try {
      const made = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"];
      execFileSync(initdb, [`--pgdata=${folder}/data`, ...made], { cwd: folder, stdio: "pipe", ...user });
      const settings = {
        listen_addresses: "127.0.0.1",
        port: engine.port,
        unix_socket_directories: "",
        fsync: "off",
        timezone: "America/St_Johns",
      };
      const options = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
      await engine.up(postgres, ["-D", `${folder}/data`, ...options]);
      const started = new Postgres(engine);
      await started.#ready();
      started.#run("createuser", "espalier");
      return started;
    } catch (error) {
      await engine.stop();
      throw error;
    }
  }

  /** The URL of a new, empty database. */
  database(): string {
    const name = `test_${++this.#databases}`;
    this.#run("createdb", "--owner=espalier", name);
    return `postgresql://espalier@127.0.0.1:${this.engine.port}/${name}?sslmode=disable`;
  }

  /** Runs SQL in a database, for what only time would bring. */
  sql(database: string, text: string) {
    execFileSync(find("psql", versions()), ["--no-psqlrc", "--set=ON_ERROR_STOP=1", "--command", text, database], {
      stdio: "pipe",
    });
  }

  stop = () => this.engine.stop();

  // Its port answers before it does.
  async #ready() {
    for (const deadline = Date.now() + 30_000; ; ) {
      try {
        return this.#run("pg_isready");
      } catch (error) {
        if (Date.now() > deadline) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  #run(program: string, ...args: string[]) {
    const where = ["--host=127.0.0.1", `--port=${this.engine.port}`, "--username=postgres"];
    execFileSync(find(program, versions()), [...where, ...args], { cwd: this.engine.folder, stdio: "pipe" });
  }
}

/** A mosquitto that takes everybody. */
export class Mosquitto {
  private constructor(readonly engine: Engine) {}

  static async start(): Promise<Mosquitto> {
    const program = find("mosquitto", ["/usr/sbin", "/usr/local/sbin"]);
    const engine = new Engine("mosquitto", makeFolder(tmpdir(), "mosquitto", {}), await freePort(), {});
    const config = join(engine.folder, "mosquitto.conf");
    const lines = [`listener ${engine.port} 127.0.0.1`, "allow_anonymous true", "persistence false", "log_dest stderr"];
    if (process.getuid?.() === 0) lines.push("user root");
    writeFileSync(config, `${lines.join("\n")}\n`);
    try {
      await engine.up(program, ["-c", config]);
    } catch (error) {
      await engine.stop();
      throw error;
    }
    return new Mosquitto(engine);
  }

  get url() {
    return `mqtt://127.0.0.1:${this.engine.port}`;
  }

  stop = () => this.engine.stop();
}
