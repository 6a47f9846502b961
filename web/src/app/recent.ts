import { stored } from "../api/session";

const most = 6;

/** The ids of the devices that were looked at last, the last one first. */
export const recentDevices = (): number[] => {
  try {
    const ids: unknown = JSON.parse(stored.read("recent") ?? "[]");
    return Array.isArray(ids) ? ids.filter((id) => Number.isSafeInteger(id)) : [];
  } catch {
    return [];
  }
};

/** Keeps that a device was looked at. */
export const rememberDevice = (id: number) => {
  const ids = [id, ...recentDevices().filter((other) => other !== id)].slice(0, most);
  stored.write("recent", JSON.stringify(ids));
};
