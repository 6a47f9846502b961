import { stored } from "../../api/session";

/** A configuration that was begun, and what it was begun from: null where from nothing. */
export interface Draft {
  from: number | null;
  mac: string;
  text: string;
}

const name = "draft:new";

/** What was begun and not made: kept in this browser until it is made or thrown away, also if the tab crashes. */
export const draft = {
  read(from: number | null): Draft | null {
    try {
      const found = JSON.parse(stored.read(name) ?? "null") as Draft | null;
      return found && found.from === from && typeof found.text === "string" && typeof found.mac === "string"
        ? found
        : null;
    } catch {
      return null;
    }
  },
  write: (next: Draft) => void stored.write(name, JSON.stringify(next)),
  drop: () => void stored.write(name, null),
};

/** What a document begins with: the members that the lists show. */
export const starter = `{
  "deviceName": "",
  "deviceEntityId": "",
  "enableOTA": true
}
`;
