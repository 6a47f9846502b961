import { Link } from "@tanstack/react-router";
import { History, Undo2 } from "lucide-react";
import type { components } from "../../api/schema.gen";
import { Button } from "../../ui/Button";
import { Time } from "../../ui/Time";
import css from "./DeletedTable.module.css";

export type Deleted = components["schemas"]["ListedConfig"];

/** What people call it: a name that the document gave, or else the MAC address. */
export const deletedName = (config: Deleted): string =>
  config.device_name || config.device_entity_id || config.mac_address;

interface Props {
  found: readonly Deleted[];
  chosen: { has(id: number): boolean };
  onChoose(configs: readonly Deleted[], on: boolean): void;
  onUndelete(config: Deleted): void;
}

/** Configurations that were deleted, each to be chosen or brought back. */
export const DeletedTable = ({ found, chosen, onChoose, onUndelete }: Props) => (
  <div className={css.box}>
    <table className={css.table}>
      <caption className="visually-hidden">Deleted configurations, the latest first</caption>
      <thead>
        <tr>
          <th scope="col">
            <Chosen
              label="Choose all that are shown"
              checked={found.every((config) => chosen.has(config.id))}
              onChange={(on) => onChoose(found, on)}
            />
          </th>
          <th scope="col">Device</th>
          <th scope="col" className={css.wide}>
            Deleted
          </th>
          <th scope="col" className={css.wide}>
            Revision
          </th>
          <th scope="col">
            <span className="visually-hidden">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {found.map((config) => (
          <tr key={config.id} data-chosen={chosen.has(config.id) || undefined}>
            <td>
              <Chosen
                label={`Choose ${deletedName(config)}`}
                checked={chosen.has(config.id)}
                onChange={(on) => onChoose([config], on)}
              />
            </td>
            <td>
              <span className={css.name}>{deletedName(config)}</span>
              <code>{config.mac_address}</code>
              <span className={css.narrow}>
                <Time at={config.deleted_at} />
              </span>
            </td>
            <td className={css.wide}>
              <Time at={config.deleted_at} />
            </td>
            <td className={css.wide}>{config.revision}</td>
            <td>
              <Actions config={config} onUndelete={() => onUndelete(config)} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  </div>
);

const Actions = ({ config, onUndelete }: { config: Deleted; onUndelete(): void }) => (
  <div className={css.actions}>
    <Link to="/devices/$id/history" params={{ id: config.id }} aria-label={`History of ${deletedName(config)}`}>
      <History aria-hidden />
      History
    </Link>
    <Button size="s" icon={<Undo2 />} aria-label={`Undelete ${deletedName(config)}`} onClick={onUndelete}>
      Undelete
    </Button>
  </div>
);

const Chosen = ({ label, checked, onChange }: { label: string; checked: boolean; onChange(on: boolean): void }) => (
  <label className={css.check}>
    <input type="checkbox" aria-label={label} checked={checked} onChange={(event) => onChange(event.target.checked)} />
  </label>
);
