import type { components } from "../../api/schema.gen";

type Server = components["schemas"]["Server"];

/** How one part of the server does. */
export interface Health {
  name: string;
  state: "good" | "bad" | "off";
  says: string;
  detail: string;
  /** Where it is bad: what does not work, and what to do. */
  broken: string;
  todo: string;
}

/** A number of seconds as people say it: "3 min". */
export const span = (seconds: number): string => {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
};

export const bytes = (n: number): string =>
  n % 1024 === 0 ? `${(n / 1024).toLocaleString()} KiB` : `${n.toLocaleString()} bytes`;

/** From when on a message that waits is a sign that something is wrong: seconds. */
const stuckAfter = 60;

const engines = { sqlite: "SQLite", postgres: "PostgreSQL" };

const database = ({ engine, status }: Server["database"]): Health => ({
  name: "Database",
  state: status === "ok" ? "good" : "bad",
  says: status === "ok" ? "Works" : "Does not answer",
  detail: engines[engine],
  broken: "The database does not answer: nothing can be changed, and devices may get no document",
  todo:
    engine === "sqlite"
      ? "Look at the disk of DATA_DIR: is it full, or read-only? The server's log has the reason. It goes on by itself."
      : "Look whether PostgreSQL runs and can be reached at DATABASE_URL. The server's log has the reason. It goes on by itself.",
});

const broker = ({ kind, status, problem, topic_prefix }: Server["broker"]): Health => {
  const own = kind === "embedded";
  return {
    name: "Broker",
    state: kind === "off" ? "off" : status === "connected" ? "good" : "bad",
    says: kind === "off" ? "Off" : status === "connected" ? "Connected" : "Not connected",
    detail:
      kind === "off"
        ? "Devices learn of a change when they ask"
        : `${own ? "Embedded" : "External"}, topics below ${topic_prefix}/`,
    broken: `The MQTT broker is away${problem ? `: ${problem}` : ""}`,
    todo: own
      ? "The server starts its broker anew by itself. If that lasts: another program may have its port (MQTT_LISTEN). Changes are kept, and told when it is back."
      : "Look at MQTT_URL, the user's name and password, and the broker's log. Changes are kept, and told when it is back.",
  };
};

const outbox = ({ waiting, oldest_seconds }: Server["outbox"], off: boolean): Health => {
  const stuck = !off && oldest_seconds !== null && oldest_seconds > stuckAfter;
  const many = waiting?.toLocaleString() ?? "";
  return {
    name: "Messages to devices",
    state: waiting === null ? "off" : off ? "off" : stuck ? "bad" : "good",
    says: waiting === null ? "Not known" : waiting === 0 ? "None waits" : `${many} ${waiting === 1 ? "waits" : "wait"}`,
    detail: oldest_seconds === null ? "" : `The oldest for ${span(oldest_seconds)}`,
    broken: `${many} ${waiting === 1 ? "device was" : "devices were"} not told of a change yet, the oldest for ${span(oldest_seconds ?? 0)}`,
    todo: "They wait until the broker takes them. Look at the broker above; with it there, the server's log says why it is refused.",
  };
};

/** How each part does, and what to do about what is broken. */
export const healthOf = (server: Server): Health[] => [
  database(server.database),
  broker(server.broker),
  outbox(server.outbox, server.broker.kind === "off"),
];

/** As whom this page is let in, and what that means. */
export const principalSays = ({ principal, token_set }: Pick<Server, "principal" | "token_set">): string => {
  if (principal === "token") return "with the admin token";
  if (principal === "local")
    return token_set
      ? "as on the server's own machine, without a token"
      : "as on the server's own machine; from elsewhere nobody is, without an ADMIN_TOKEN";
  return "as everybody in the network is (TRUST_NETWORK)";
};
