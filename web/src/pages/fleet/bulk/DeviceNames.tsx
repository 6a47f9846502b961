import { Link } from "@tanstack/react-router";
import { devices } from "../columns";
import css from "./bulk.module.css";

const most = 200; // names that are listed

export interface Named {
  id: number;
  mac: string;
  name: string | null;
}

/** Which devices, behind a line that says how many; with why, where each has its own reason. */
export const DeviceNames = ({
  title,
  items,
  open,
}: {
  title: string;
  items: readonly (Named & { why?: string })[];
  open?: boolean;
}) =>
  items.length === 0 ? null : (
    <details className={css.names} open={open}>
      <summary>{title}</summary>
      <ul>
        {items.slice(0, most).map((item) => (
          <li key={item.id}>
            <Link to="/devices/$id" params={{ id: item.id }} target="_blank" preload={false}>
              {item.name ?? item.mac}
            </Link>{" "}
            {item.name && <code>{item.mac}</code>}
            {item.why && <p>{item.why}</p>}
          </li>
        ))}
      </ul>
      {items.length > most && <p>And {devices(items.length - most)} more.</p>}
    </details>
  );
