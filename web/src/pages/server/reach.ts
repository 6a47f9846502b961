import type { components } from "../../api/schema.gen";

type Server = components["schemas"]["Server"];

const setting = (server: Pick<Server, "settings">, name: string): string =>
  server.settings.find((each) => each.name === name)?.value ?? "";

const loopback = (host: string): boolean => /^(localhost|127\.|\[?::1\]?$)/.test(host);

/** Where devices reach the broker; `local`: only programs on the server's own machine can. Null where there is none. */
export const brokerAddress = (
  server: Pick<Server, "broker" | "settings" | "device_urls">,
  page: string,
): { url: string; local: boolean } | null => {
  if (server.broker.kind === "off") return null;
  if (server.broker.kind === "external") {
    const url = setting(server, "MQTT_URL").replace(/\/\/[^@/]*@/, "//");
    return { url, local: false };
  }
  const listen = setting(server, "MQTT_LISTEN");
  const colon = listen.lastIndexOf(":");
  const host = listen.slice(0, Math.max(0, colon));
  const port = listen.slice(colon + 1);
  const anywhere = host === "" || host === "0.0.0.0" || host === "[::]" || host === "::";
  const at = anywhere ? new URL(server.device_urls[0] ?? page).hostname : host;
  return { url: `mqtt://${at}:${port}`, local: loopback(at) };
};
