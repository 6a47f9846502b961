import { ArrowRight, Wifi, WifiOff } from "lucide-react";
import { type MouseEvent, memo, type ReactNode, useRef } from "react";
import type { Row } from "../../fleet/row";
import { SyncBadge } from "../../ui/SyncBadge";
import { Time } from "../../ui/Time";
import { DeviceMenu } from "../actions/DeviceMenu";
import css from "./FleetTable.module.css";
import { gridcell, Part } from "./Part";

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

/** A device in the table; it may become another device. */
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
    // Where it became another under a pointer that stands still, nothing entered it.
    onPointerMove={() => menu || on.enter(row)}
    onFocus={() => on.focus(row)}
  >
    <div {...gridcell} className={css.check}>
      <label className={css.box}>
        <input
          type="checkbox"
          tabIndex={-1}
          checked={selected}
          aria-label={`Select ${row.name ?? row.mac}`}
          onChange={(event) => on.check(row, (event.nativeEvent as globalThis.MouseEvent).shiftKey)}
        />
      </label>
    </div>
    <div {...gridcell} className={css.mac}>
      {/* A link of the router's follows its state, which is too much for a row: `click` goes there. */}
      <a href={`#/devices/${row.id}`} tabIndex={-1} draggable={false}>
        {row.mac}
      </a>
    </div>
    <div {...gridcell} className={css.name}>
      <span className={row.name === null ? css.none : ""}>{row.name ?? "no name"}</span>
    </div>
    <div {...gridcell} className={css.entity}>
      {row.entity ?? <None />}
    </div>
    <div {...gridcell} className={css.ota}>
      <Ota ota={row.ota} />
    </div>
    <div {...gridcell} className={css.sync}>
      <Live of={row.id} value={`${row.sync} ${row.overdue} ${row.online}`}>
        <SyncBadge sync={row.sync} overdue={row.overdue} />
        <Online online={row.online} />
      </Live>
    </div>
    <div {...gridcell} className={css.seen}>
      <Live of={row.id} value={row.lastSeen}>
        <Time at={row.lastSeen} />
      </Live>
    </div>
    <div {...gridcell} className={css.revision}>
      <Live of={row.id} value={`${row.revision} ${row.deviceRevision}`}>
        <Revisions has={row.deviceRevision} should={row.revision} />
      </Live>
    </div>
    <div {...gridcell} className={css.updated}>
      <Live of={row.id} value={row.updated}>
        <Time at={row.updated} />
      </Live>
    </div>
    <div {...gridcell} className={css.menu}>
      {menu && <DeviceMenu key={row.id} id={row.id} mac={row.mac} name={row.name} revision={row.revision} />}
    </div>
  </Part>
));
FleetRow.displayName = "FleetRow";

/** Shines shortly when the value of a device becomes another. */
const Live = ({ of, value, children }: { of: number; value: string | number | null; children: ReactNode }) => {
  const seen = useRef({ of, value, times: 0 });
  if (seen.current.of !== of) seen.current = { of, value, times: 0 };
  else if (seen.current.value !== value) seen.current = { of, value, times: seen.current.times + 1 };
  const { times } = seen.current;
  return (
    // One that is put elsewhere in the page would shine again.
    <span
      key={times}
      className={times ? css.changed : css.still}
      onAnimationEnd={({ currentTarget }) => currentTarget.classList.replace(css.changed!, css.still!)}
    >
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
