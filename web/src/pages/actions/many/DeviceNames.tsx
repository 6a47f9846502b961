import { Link } from "@tanstack/react-router";
import { memo, useState } from "react";
import { counted } from "../../../fleet/counted";
import { Button } from "../../../ui/Button";
import css from "./many.module.css";
import type { Named } from "./writes";

const page = 200; // names that are listed, until more are asked for

type Listed = Named & { why?: string };

/** Which devices, behind a line that says how many; with why, where each has its own reason. */
export const DeviceNames = ({ title, items, open }: { title: string; items: readonly Listed[]; open?: boolean }) => {
  const [shown, setShown] = useState(page);
  if (items.length === 0) return null;
  return (
    <details className={css.names} open={open}>
      <summary>{title}</summary>
      <ul>
        {items.slice(0, shown).map((item) => (
          <DeviceName key={item.id} item={item} />
        ))}
      </ul>
      {items.length > shown && (
        <Button size="s" onClick={() => setShown(shown + page)}>
          Show more of {counted(items.length)}
        </Button>
      )}
    </details>
  );
};

/** One of them. It stays as it is while others come. */
const DeviceName = memo(({ item }: { item: Listed }) => (
  <li>
    <Link to="/devices/$id" params={{ id: item.id }} target="_blank" preload={false}>
      {item.name || item.mac}
    </Link>{" "}
    {item.name && <code>{item.mac}</code>}
    {item.why && <p>{item.why}</p>}
  </li>
));
DeviceName.displayName = "DeviceName";
