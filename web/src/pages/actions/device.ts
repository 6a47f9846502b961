import type { components } from "../../api/schema.gen";
import { base } from "../../api/session";
import { dashedMac } from "./mac";

/** The device that something is to be done to. `revision` is the one that is shown, which a change is made for. */
export interface ActionDevice {
  id: number;
  mac: string;
  name: string | null;
  revision: number;
}

/** What people call a device: its name, or else its MAC address. */
export const called = (device: Pick<ActionDevice, "mac" | "name">): string => device.name || device.mac;

/** Where devices reach the server: as it says itself, or else as this page does. It ends with a slash. */
export const deviceBase = (server: Pick<components["schemas"]["Server"], "device_urls"> | undefined): string =>
  server?.device_urls[0] ?? base.href;

/** What the device asks for its document. */
export const deviceUrl = (at: string, mac: string): string => new URL(`api/configs/${dashedMac(mac)}.json`, at).href;

/** A command that reads what the device would get; the server does not take it for the device. */
export const deviceCurl = (at: string, mac: string): string => `curl -sS -H 'X-No-Check-In: 1' '${deviceUrl(at, mac)}'`;
