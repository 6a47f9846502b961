import { useNavigate } from "@tanstack/react-router";
import { FileUp } from "lucide-react";
import { type ChangeEvent, useEffect, useId, useMemo, useRef, useState } from "react";
import { filterRows } from "../../fleet/row";
import { useFleet } from "../../fleet/store";
import { Button } from "../../ui/Button";
import { Field } from "../../ui/Field";
import { toast } from "../../ui/Toast";
import { parseMac } from "../actions/mac";
import css from "./StartFrom.module.css";

const most = 20; // devices that are suggested

/** What the document begins from, besides an empty one: another device's, or a file. */
export const StartFrom = ({ onFile }: { onFile(text: string, mac: string | null): void }) => {
  const navigate = useNavigate();
  const fleet = useFleet();
  const list = useId();
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState("");
  useEffect(() => fleet.ensure(), [fleet]);
  const version = fleet.version;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the rows are others in another version
  const rows = useMemo(
    () => filterRows(fleet.rows.values(), { q: text, sync: [], overdue: false, online: null }).slice(0, most),
    [fleet, text, version],
  );
  const choose = (next: string) => {
    setText(next);
    const mac = parseMac(next);
    if (!mac) return;
    for (const row of fleet.rows.values())
      if (row.mac === mac) return void navigate({ to: "/new", search: { from: row.id }, replace: true });
  };
  const file = async (event: ChangeEvent<HTMLInputElement>) => {
    const chosen = event.target.files?.[0];
    event.target.value = "";
    if (!chosen) return;
    try {
      const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await chosen.arrayBuffer());
      onFile(text, parseMac(chosen.name.replace(/\.json$/i, "")));
    } catch {
      toast({ title: `${chosen.name} could not be read`, detail: "It is not a text in UTF-8.", bad: true });
    }
  };
  return (
    <div className={css.from}>
      {fleet.rows.size > 0 && (
        <div className={css.device}>
          <Field
            label="Begin with the document of"
            placeholder="Name or MAC address of a device"
            value={text}
            onChange={(event) => choose(event.target.value)}
            list={list}
            autoComplete="off"
          />
          <datalist id={list}>
            {rows.map((row) => (
              <option key={row.id} value={row.mac}>
                {row.name ?? row.entity ?? ""}
              </option>
            ))}
          </datalist>
        </div>
      )}
      <Button icon={<FileUp />} onClick={() => input.current?.click()}>
        Read a file
      </Button>
      <input
        ref={input}
        type="file"
        accept=".json,application/json"
        className={css.input}
        tabIndex={-1}
        aria-label="File with the document"
        onChange={(event) => void file(event)}
      />
    </div>
  );
};
