import { ArrowRight, Wifi, WifiOff } from "lucide-react";
import { type MouseEvent, memo, type ReactNode, useRef } from "react";
import type { Row } from "../../fleet/row";
import { SyncBadge } from "../../ui/SyncBadge";
import { Time } from "../../ui/Time";
import { DeviceMenu } from "../actions/DeviceMenu";
import css from "./FleetTable.module.css";
import { Part } from "./Part";

interface Props {
  row: Row;
  /** Its place, from 0. */
  index: number;
  /** What aria-rowindex has for it. */
  number: number;
  size: number;
  selected: boolean;
  /** Whether Tab goes to it. */
  stop: boolean;
  menu: boolean;
  on: RowEvents;
}

/** What can be done to a row; the same object as long as the table is there. */
export interface RowEvents {
  click(row: Row, event: MouseEvent): void;
  check(row: Row, range: boolean): void;
  enter(row: Row): void;
  focus(row: Row): void;
}

/** A device in the table. */
export const FleetRow = memo(({ row, index, number, size, selected, stop, menu, on }: Props) => (
  <Part
    as="row"
    className={css.row}
    aria-rowindex={number}
    aria-selected={selected}
    tabIndex={stop ? 0 : -1}
    data-id={row.id}
    style={{ transform: `translateY(${index * size}px)`, height: size }}
    onClick={(event) => on.click(row, event)}
    onMouseDown={(event) => event.shiftKey && event.preventDefault()}
    onPointerEnter={() => on.enter(row)}
    onFocus={() => on.focus(row)}
  >
    <Part as="gridcell" className={css.check}>
      <label className={css.box}>
        <input
          type="checkbox"
          tabIndex={-1}
          checked={selected}
          aria-label={`Select ${row.name ?? row.mac}`}
          onChange={(event) => on.check(row, (event.nativeEvent as globalThis.MouseEvent).shiftKey)}
        />
      </label>
    </Part>
    <Part as="gridcell" className={css.mac}>
      {/* A link of the router's follows its state, which is too much for a row: `click` goes there. */}
      <a href={`#/devices/${row.id}`} tabIndex={-1} draggable={false}>
        {row.mac}
      </a>
    </Part>
    <Part as="gridcell" className={css.name}>
      <span className={row.name === null ? css.none : ""}>{row.name ?? "no name"}</span>
    </Part>
    <Part as="gridcell" className={css.entity}>
      {row.entity ?? <None />}
    </Part>
    <Part as="gridcell" className={css.ota}>
      <Ota ota={row.ota} />
    </Part>
    <Part as="gridcell" className={css.sync}>
      <Live value={`${row.sync} ${row.overdue} ${row.online}`}>
        <SyncBadge sync={row.sync} overdue={row.overdue} />
        <Online online={row.online} />
      </Live>
    </Part>
    <Part as="gridcell" className={css.seen}>
      <Live value={row.lastSeen}>
        <Time at={row.lastSeen} />
      </Live>
    </Part>
    <Part as="gridcell" className={css.revision}>
      <Live value={`${row.revision} ${row.deviceRevision}`}>
        <Revisions has={row.deviceRevision} should={row.revision} />
      </Live>
    </Part>
    <Part as="gridcell" className={css.updated}>
      <Live value={row.updated}>
        <Time at={row.updated} />
      </Live>
    </Part>
    <Part as="gridcell" className={css.menu}>
      {menu && <DeviceMenu id={row.id} mac={row.mac} name={row.name} revision={row.revision} />}
    </Part>
  </Part>
));
FleetRow.displayName = "FleetRow";

/** Shines shortly when its value becomes another. */
const Live = ({ value, children }: { value: string | number | null; children: ReactNode }) => {
  const seen = useRef({ value, times: 0 });
  if (seen.current.value !== value) seen.current = { value, times: seen.current.times + 1 };
  const { times } = seen.current;
  return (
    <span key={times} className={times ? css.changed : css.still}>
      {children}
    </span>
  );
};

const None = () => (
  <span className={css.none}>
    <span aria-hidden>–</span>
    <span className="visually-hidden">none</span>
  </span>
);

const Ota = ({ ota }: { ota: boolean | null }) =>
  ota === null ? <None /> : <span className={ota ? css.on : css.off}>{ota ? "On" : "Off"}</span>;

const Online = ({ online }: { online: boolean | null }) =>
  online === null ? null : (
    <span className={online ? css.online : css.offline} title={online ? "Connected" : "Not connected"}>
      {online ? <Wifi aria-hidden /> : <WifiOff aria-hidden />}
      <span className="visually-hidden">{online ? "connected" : "not connected"}</span>
    </span>
  );

/** The revision that a device should have; and before it the one that it has, where that is another. */
const Revisions = ({ has, should }: { has: number | null; should: number }) =>
  has === null || has === should ? (
    <span>{should}</span>
  ) : (
    <span className={css.behind} title={`The device has revision ${has}, and should have ${should}`}>
      <span className="visually-hidden">has {has}, should have </span>
      <span aria-hidden>
        {has}
        <ArrowRight />
      </span>
      {should}
    </span>
  );
