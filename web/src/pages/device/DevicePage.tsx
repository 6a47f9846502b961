import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useParams } from "@tanstack/react-router";
import { configQuery } from "../../api/queries";
import { SyncBadge } from "../../ui/SyncBadge";
import { Failed, Skeleton } from "../../ui/states";
import css from "./DevicePage.module.css";

/** One device: who it is and how it stands, above the tabs of its document, timeline, history and blame. */
export const DevicePage = () => {
  const { id } = useParams({ from: "/devices/$id" });
  const config = useQuery(configQuery(id));
  if (config.isPending) return <Skeleton lines={8} label="Reading the configuration" />;
  if (config.isError)
    return (
      <Failed what="The configuration could not be read" error={config.error} retry={() => void config.refetch()} />
    );
  const c = config.data;
  return (
    <div className={css.page}>
      <header className={css.header}>
        <h1>{c.device_name ?? c.device_entity_id ?? c.mac_address}</h1>
        <code>{c.mac_address}</code>
        <SyncBadge sync={c.sync} overdue={c.overdue} />
      </header>
      <nav className={css.tabs} aria-label="Of this device">
        <Link to="/devices/$id" params={{ id }} activeOptions={{ exact: true }}>
          Document
        </Link>
        <Link to="/devices/$id/timeline" params={{ id }}>
          Timeline
        </Link>
        <Link to="/devices/$id/history" params={{ id }}>
          History
        </Link>
        <Link to="/devices/$id/blame" params={{ id }}>
          Blame
        </Link>
      </nav>
      <div className={css.tab}>
        <Outlet />
      </div>
    </div>
  );
};
