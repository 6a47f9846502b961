import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { Command as Cmdk } from "cmdk";
import { Dialog as Radix } from "radix-ui";
import { useEffect, useMemo, useRef, useState } from "react";
import { configQuery, serverQuery } from "../api/queries";
import { base } from "../api/session";
import type { Row } from "../fleet/row";
import { useFleet } from "../fleet/store";
import { type ActionDevice, deviceBase, deviceCurl, deviceUrl, called as nameOf } from "../pages/actions/device";
import { actions } from "../pages/actions/open";
import { cursor } from "../pages/device/cursor";
import { copy } from "../ui/copy";
import { useFocusBack } from "../ui/focusBack";
import { SyncBadge } from "../ui/SyncBadge";
import { chooseTheme } from "../ui/theme";
import { type Command, fittingCommands, fittingDevices, startsWith } from "./commands";
import { overlay, useOverlay } from "./overlay";
import css from "./Palette.module.css";
import { recentDevices } from "./recent";
import { Keys } from "./ShortcutList";

const most = 30; // devices that are listed

/** Goes to a device or does a thing, by typing a part of its name. */
export const Palette = () => {
  const open = useOverlay() === "palette";
  // What a command goes to has the focus; where none was run, the focus goes back.
  const ran = useRef(false);
  const back = useFocusBack();
  const run = (what: () => void) => {
    ran.current = true;
    overlay.hide();
    what();
  };
  return (
    <Radix.Root open={open} onOpenChange={(next) => !next && overlay.hide()}>
      <Radix.Portal>
        <Radix.Overlay className={css.overlay} />
        <Radix.Content
          className={css.content}
          aria-describedby={undefined}
          onOpenAutoFocus={() => {
            ran.current = false;
            back.onOpenAutoFocus();
          }}
          onCloseAutoFocus={(event) => (ran.current ? event.preventDefault() : back.onCloseAutoFocus(event))}
        >
          <Radix.Title className="visually-hidden">Go to a device, or run a command</Radix.Title>
          {open && <Body run={run} />}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
};

const Body = ({ run }: { run(what: () => void): void }) => {
  const navigate = useNavigate();
  const fleet = useFleet();
  const [text, setText] = useState(overlay.typed);
  useEffect(() => fleet.ensure(), [fleet]);
  const version = fleet.version;
  const asked = text.trim() !== "";
  // biome-ignore lint/correctness/useExhaustiveDependencies: the rows are others in another version
  const devices = useMemo(
    () =>
      asked
        ? fittingDevices(fleet.rows.values(), text, most)
        : recentDevices().flatMap((id) => fleet.rows.get(id) ?? []),
    [fleet, text, version],
  );
  const ofDevice = fittingCommands(useDeviceCommands(), text);
  const everywhere = fittingCommands(usePageCommands(), text);
  // What is called so comes before what only has to do with it.
  const called = (commands: readonly Command[]) => commands.some((command) => startsWith(command, text));
  const ofDeviceFirst = !asked || called(ofDevice);
  const everywhereFirst = called(everywhere);
  const group = (heading: string, commands: readonly Command[]) =>
    commands.length > 0 && (
      <Cmdk.Group heading={heading} className={css.group}>
        {commands.map((command) => (
          <Cmdk.Item
            key={command.name}
            value={`${heading} ${command.name}`}
            className={css.item}
            onSelect={() => run(command.run)}
          >
            <span className={css.name}>{command.name}</span>
            {command.keys && (
              <span className={css.keys}>
                <Keys keys={command.keys} />
              </span>
            )}
          </Cmdk.Item>
        ))}
      </Cmdk.Group>
    );
  const listed = devices.length > 0 && (
    <Cmdk.Group heading={asked ? "Devices" : "Recent devices"} className={css.group}>
      {devices.map((row) => (
        <Device
          key={row.id}
          row={row}
          onSelect={() => run(() => void navigate({ to: "/devices/$id", params: { id: row.id } }))}
        />
      ))}
    </Cmdk.Group>
  );
  return (
    <Cmdk shouldFilter={false} label="Devices and commands" loop>
      <Cmdk.Input
        className={css.input}
        placeholder="A device's name, entity id or MAC address, or a command"
        value={text}
        onValueChange={setText}
      />
      <Cmdk.List className={css.list} label="What there is">
        <Cmdk.Empty className={css.none}>
          {fleet.state === "ready" ? `Nothing has “${text.trim()}” in its name` : "The fleet is being read"}
        </Cmdk.Empty>
        {ofDeviceFirst && group("This device", ofDevice)}
        {everywhereFirst && group("Commands", everywhere)}
        {listed}
        {!ofDeviceFirst && group("This device", ofDevice)}
        {!everywhereFirst && group("Commands", everywhere)}
      </Cmdk.List>
    </Cmdk>
  );
};

const Device = ({ row, onSelect }: { row: Row; onSelect(): void }) => (
  <Cmdk.Item value={`device ${row.id}`} className={css.item} onSelect={onSelect}>
    <span className={css.name}>{row.name ?? row.entity ?? row.mac}</span>
    <code className={css.mac}>{row.mac}</code>
    <SyncBadge sync={row.sync} />
  </Cmdk.Item>
);

// What can be done to the device that is looked at.
const useDeviceCommands = (): Command[] => {
  const navigate = useNavigate();
  const id = Number(useParams({ strict: false }).id ?? 0);
  const { data: config } = useQuery({ ...configQuery(id), enabled: id > 0 });
  const { data: server } = useQuery(serverQuery);
  if (!config) return [];
  const device: ActionDevice = {
    id,
    mac: config.mac_address,
    name: config.device_name,
    revision: config.revision,
  };
  const at = deviceBase(server);
  const params = { id };
  return [
    { name: "Document", words: "edit json", keys: "t d", run: () => void navigate({ to: "/devices/$id", params }) },
    {
      name: "Timeline",
      words: "activity fetches reports",
      keys: "t t",
      run: () => void navigate({ to: "/devices/$id/timeline", params }),
    },
    {
      name: "History",
      words: "revisions restore compare diff",
      keys: "t h",
      run: () => void navigate({ to: "/devices/$id/history", params }),
    },
    {
      name: "Blame",
      words: "who set value",
      keys: "t b",
      run: () => void navigate({ to: "/devices/$id/blame", params }),
    },
    ...(cursor.whoSet
      ? [
          {
            name: "Who set the value at the cursor",
            words: "blame",
            keys: "shift+alt+b",
            run: cursor.whoSet,
          },
        ]
      : []),
    { name: "Duplicate…", words: "copy new", run: () => void navigate({ to: "/new", search: { from: id } }) },
    { name: "Replace hardware…", words: "swap mac address move", run: () => actions.open("replace", device) },
    {
      name: "Copy device URL",
      words: "address link",
      run: () => void copy(deviceUrl(at, device.mac), "Device URL"),
    },
    { name: "Copy curl", words: "command shell", run: () => void copy(deviceCurl(at, device.mac), "curl command") },
    { name: `Delete ${nameOf(device)}…`, words: "remove", run: () => actions.open("delete", device) },
  ];
};

const usePageCommands = (): Command[] => {
  const navigate = useNavigate();
  return [
    { name: "Fleet", words: "devices list home", keys: "g f", run: () => void navigate({ to: "/" }) },
    { name: "New configuration", words: "create add device", keys: "n", run: () => void navigate({ to: "/new" }) },
    { name: "Import files", words: "upload folder", keys: "g i", run: () => void navigate({ to: "/import" }) },
    {
      name: "Devices with errors",
      words: "broken failed report",
      run: () => void navigate({ to: "/", search: { sync: "error" } }),
    },
    {
      name: "Devices that are overdue",
      words: "offline missing silent",
      run: () => void navigate({ to: "/", search: { overdue: true } }),
    },
    {
      name: "Devices that wait for their document",
      words: "pending",
      run: () => void navigate({ to: "/", search: { sync: "pending" } }),
    },
    {
      name: "Deleted configurations",
      words: "undelete trash bin",
      keys: "g d",
      run: () => void navigate({ to: "/deleted" }),
    },
    { name: "Audit", words: "log who writes", keys: "g a", run: () => void navigate({ to: "/audit" }) },
    {
      name: "Server",
      words: "settings health status broker",
      keys: "g s",
      run: () => void navigate({ to: "/server" }),
    },
    { name: "Keyboard shortcuts", words: "keys help", keys: "?", run: () => void overlay.show("shortcuts") },
    {
      name: "API documentation",
      words: "openapi swagger docs",
      run: () => void window.open(new URL("api/docs", base), "_blank", "noopener"),
    },
    { name: "Theme: light", words: "appearance", run: () => chooseTheme("light") },
    { name: "Theme: dark", words: "appearance night", run: () => chooseTheme("dark") },
    { name: "Theme: as the system", words: "appearance", run: () => chooseTheme("system") },
  ];
};
