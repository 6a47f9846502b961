import {
  ArrowDownToLine,
  CircleCheckBig,
  CircleDashed,
  Clock3,
  PackageCheck,
  TimerOff,
  TriangleAlert,
} from "lucide-react";
import { memo } from "react";
import { type Sync, syncSays } from "../fleet/row";
import css from "./SyncBadge.module.css";

const icons = {
  unknown: CircleDashed,
  pending: Clock3,
  fetched: ArrowDownToLine,
  held: PackageCheck,
  applied: CircleCheckBig,
  error: TriangleAlert,
};

export const SyncIcon = ({ sync }: { sync: Sync }) => {
  const Icon = icons[sync];
  return <Icon aria-hidden className={css.icon} />;
};

/** How a device stands to its document: by icon, word and colour. */
export const SyncBadge = memo(({ sync, overdue = false }: { sync: Sync; overdue?: boolean }) => (
  <span className={css.both}>
    <span className={`${css.badge} ${css[sync]}`} title={syncSays[sync].says}>
      <SyncIcon sync={sync} />
      {syncSays[sync].label}
    </span>
    {overdue && (
      <span className={`${css.badge} ${css.overdue}`} title="No sign of life for three times its own rhythm">
        <TimerOff aria-hidden className={css.icon} />
        <span className={css.word}>Overdue</span>
      </span>
    )}
  </span>
));
SyncBadge.displayName = "SyncBadge";
