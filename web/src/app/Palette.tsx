import { useNavigate } from "@tanstack/react-router";
import { Command } from "cmdk";
import { Dialog as Radix } from "radix-ui";
import { useEffect, useMemo, useState } from "react";
import { filterRows } from "../fleet/row";
import { useFleet } from "../fleet/store";
import { SyncBadge } from "../ui/SyncBadge";
import { chooseTheme } from "../ui/theme";
import { overlay, useOverlay } from "./overlay";
import css from "./Palette.module.css";

const most = 30; // devices that are listed

/** Goes to a device or does a thing, by typing a part of its name. */
export const Palette = () => {
  const open = useOverlay() === "palette";
  return (
    <Radix.Root open={open} onOpenChange={(next) => !next && overlay.hide()}>
      <Radix.Portal>
        <Radix.Overlay className={css.overlay} />
        <Radix.Content className={css.content} aria-describedby={undefined}>
          <Radix.Title className="visually-hidden">Go to a device, or run a command</Radix.Title>
          {open && <Body />}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
};

const Body = () => {
  const navigate = useNavigate();
  const fleet = useFleet();
  const [text, setText] = useState("");
  useEffect(() => fleet.ensure(), [fleet]);
  const version = fleet.version;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the rows are others in another version
  const devices = useMemo(
    () => filterRows(fleet.rows.values(), { q: text, sync: [], overdue: false, online: null }).slice(0, most),
    [fleet, text, version],
  );
  const run = (what: () => void) => () => {
    overlay.hide();
    what();
  };
  const commands: { name: string; words?: string; run(): void }[] = [
    { name: "Fleet", words: "devices list home", run: () => void navigate({ to: "/" }) },
    { name: "New configuration", words: "create add device", run: () => void navigate({ to: "/new" }) },
    { name: "Import files", words: "upload folder", run: () => void navigate({ to: "/import" }) },
    {
      name: "Devices with errors",
      words: "broken failed",
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
    { name: "Deleted configurations", words: "undelete trash", run: () => void navigate({ to: "/deleted" }) },
    { name: "Audit", words: "log who", run: () => void navigate({ to: "/audit" }) },
    { name: "Server", words: "settings health status", run: () => void navigate({ to: "/server" }) },
    { name: "Keyboard shortcuts", words: "keys help", run: () => overlay.show("shortcuts") },
    { name: "Theme: light", run: () => chooseTheme("light") },
    { name: "Theme: dark", run: () => chooseTheme("dark") },
    { name: "Theme: as the system", run: () => chooseTheme("system") },
  ];
  const q = text.trim().toLowerCase();
  const fitting = commands.filter((c) => `${c.name} ${c.words ?? ""}`.toLowerCase().includes(q));
  return (
    <Command shouldFilter={false} label="Commands" loop>
      <Command.Input
        className={css.input}
        placeholder="A device's name, entity id or MAC address, or a command"
        value={text}
        onValueChange={setText}
      />
      <Command.List className={css.list}>
        <Command.Empty className={css.none}>Nothing has “{text}” in its name</Command.Empty>
        {fitting.length > 0 && (
          <Command.Group heading="Commands" className={css.group}>
            {fitting.map((c) => (
              <Command.Item key={c.name} value={`command ${c.name}`} className={css.item} onSelect={run(c.run)}>
                {c.name}
              </Command.Item>
            ))}
          </Command.Group>
        )}
        {devices.length > 0 && (
          <Command.Group heading="Devices" className={css.group}>
            {devices.map((row) => (
              <Command.Item
                key={row.id}
                value={`device ${row.id}`}
                className={css.item}
                onSelect={run(() => void navigate({ to: "/devices/$id", params: { id: row.id } }))}
              >
                <span className={css.name}>{row.name ?? row.entity ?? row.mac}</span>
                <code className={css.mac}>{row.mac}</code>
                <SyncBadge sync={row.sync} />
              </Command.Item>
            ))}
          </Command.Group>
        )}
      </Command.List>
    </Command>
  );
};
