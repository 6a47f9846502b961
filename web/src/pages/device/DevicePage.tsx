import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useChildMatches, useNavigate, useParams } from "@tanstack/react-router";
import { ChevronLeft, ChevronRight, Copy } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { asFailure } from "../../api/client";
import { configQuery, deletedQuery, deviceQuery } from "../../api/queries";
import type { Config } from "../../api/write";
import { useShortcuts } from "../../app/shortcuts";
import { syncSays } from "../../fleet/row";
import { IconButton } from "../../ui/Button";
import { copy } from "../../ui/copy";
import { Failed, Skeleton } from "../../ui/states";
import { DeviceMenu } from "../actions/DeviceMenu";
import css from "./DevicePage.module.css";
import { DeletedNotice, NeverWas, NothingThere } from "./Gone";
import { revisionsHead } from "./log";
import { useNeighbours } from "./neighbours";
import { Reach } from "./Reach";
import { Standing } from "./Standing";
import { UnsavedContext } from "./unsaved";
import { nameOf, type Revision } from "./words";

const missing = (error: unknown) => error !== null && asFailure(error).status === 404;

/** One device: who it is and how it stands, above the tabs of its document, timeline, history and blame. */
export const DevicePage = () => {
  const { id } = useParams({ from: "/devices/$id" });
  // A page of its own for each device: nothing of one is shown of another.
  return <Device key={id} id={id} />;
};

const Device = ({ id }: { id: number }) => {
  const config = useQuery(configQuery(id));
  const gone = missing(config.error);
  const wasGone = useRef(false);
  useEffect(() => {
    if (!config.isPending) wasGone.current = gone;
  }, [config.isPending, gone]);
  // What was shown stays when it is deleted by somebody else meanwhile: there may be unsaved work in it.
  if (config.data) return <There config={config.data} gone={gone} />;
  // While it is looked for again, what is kept of it stays.
  if (gone || (config.isPending && wasGone.current)) return <Deleted id={id} />;
  if (config.isError)
    return (
      <Failed
        level={1}
        what="The configuration could not be read"
        error={config.error}
        retry={() => void config.refetch()}
      />
    );
  return <Skeleton lines={8} label="Reading the configuration" />;
};

const There = ({ config: c, gone }: { config: Config; gone: boolean }) => {
  const device = useQuery(deviceQuery(c.id));
  const revisions = useQuery({ ...revisionsHead(c.id), enabled: gone });
  const [unsaved, setUnsaved] = useState(false);
  return (
    <div className={css.page} data-tab={useTab()}>
      <header className={css.header}>
        <Name id={c.id} title={nameOf(c)} entity={c.device_entity_id} mac={c.mac_address}>
          {!gone && (
            <>
              <Reach mac={c.mac_address} />
              <DeviceMenu id={c.id} mac={c.mac_address} name={c.device_name} revision={c.revision} />
            </>
          )}
        </Name>
        {gone ? (
          !unsaved && <DeletedNotice id={c.id} name={nameOf(c)} last={revisions.data?.items[0]} />
        ) : (
          <Standing config={c} device={device.data && "sync" in device.data ? device.data : undefined} />
        )}
        <Told config={c} />
      </header>
      <Tabs id={c.id} />
      <div className={css.tab}>
        <UnsavedContext value={setUnsaved}>
          <Outlet />
        </UnsavedContext>
      </div>
    </div>
  );
};

/** A configuration that is not there: what is kept of it is its history. */
const Deleted = ({ id }: { id: number }) => {
  const revisions = useQuery(revisionsHead(id));
  const deleted = useQuery(deletedQuery);
  const tab = useTab();
  if (revisions.isPending || deleted.isPending)
    return <Skeleton lines={8} label="Looking for what is kept of this configuration" />;
  if (revisions.isError && !missing(revisions.error))
    return (
      <Failed
        level={1}
        what="The configuration could not be read"
        error={revisions.error}
        retry={() => void revisions.refetch()}
      />
    );
  const last: Revision | undefined = revisions.data?.items[0];
  if (!last) return <NeverWas id={id} />;
  const was = deleted.data?.find((c) => c.id === id);
  const name = was ? nameOf(was) : last.mac_address;
  return (
    <div className={css.page} data-tab={tab}>
      <header className={css.header}>
        <Name id={id} title={name} entity={was?.device_entity_id ?? null} mac={last.mac_address} />
        <DeletedNotice id={id} name={name} last={last} />
      </header>
      <Tabs id={id} />
      <div className={css.tab}>{tab === "timeline" || tab === "history" ? <Outlet /> : <NothingThere id={id} />}</div>
    </div>
  );
};

const useTab = (): string =>
  useChildMatches({ select: (matches) => matches.at(-1)?.pathname.split("/")[3] || "document" });

const Name = ({
  id,
  title,
  entity,
  mac,
  children,
}: {
  id: number;
  title: string;
  entity: string | null;
  mac: string;
  children?: React.ReactNode;
}) => (
  <div className={css.name}>
    <div className={css.who}>
      <h1>{title}</h1>
      <p className={css.ids}>
        {entity && entity !== title && <code>{entity}</code>}
        <span className={css.mac}>
          <code>{mac}</code>
          <IconButton
            size="s"
            label="Copy the MAC address"
            icon={<Copy />}
            onClick={() => void copy(mac, "MAC address")}
          />
        </span>
      </p>
    </div>
    <div className={css.actions}>
      <Neighbours id={id} />
      {children}
    </div>
  </div>
);

/** The way to the devices before and behind this one, as the table of the fleet has them. */
const Neighbours = ({ id }: { id: number }) => {
  const { previous, next, known, filtered } = useNeighbours(id);
  const navigate = useNavigate();
  const go = (to: number | null) => to !== null && void navigate({ to: "/devices/$id", params: { id: to } });
  useShortcuts({ "shift+j": () => go(next), "shift+k": () => go(previous) });
  if (!known) return null;
  const where = filtered ? "in the fleet, as it is filtered" : "in the fleet";
  return (
    <span className={css.neighbours}>
      <IconButton
        label={`Previous device ${where}`}
        icon={<ChevronLeft />}
        disabled={previous === null}
        onClick={() => go(previous)}
      />
      <IconButton
        label={`Next device ${where}`}
        icon={<ChevronRight />}
        disabled={next === null}
        onClick={() => go(next)}
      />
    </span>
  );
};

/** Tells those who cannot see it when the state has changed. */
const Told = ({ config }: { config: Config }) => {
  const [says, setSays] = useState("");
  const before = useRef(config);
  useEffect(() => {
    const was = before.current;
    before.current = config;
    if (was.sync !== config.sync) setSays(`${syncSays[config.sync].label}: ${syncSays[config.sync].says}`);
    else if (was.revision !== config.revision) setSays(`There is a new revision: ${config.revision}`);
    else if (was.overdue !== config.overdue) setSays(config.overdue ? "It is overdue" : "It is not overdue any more");
  }, [config]);
  return (
    <p className="visually-hidden" role="status">
      {says}
    </p>
  );
};

const Tabs = ({ id }: { id: number }) => {
  const navigate = useNavigate();
  const params = { id };
  useShortcuts({
    "t d": () => void navigate({ to: "/devices/$id", params }),
    "t t": () => void navigate({ to: "/devices/$id/timeline", params }),
    "t h": () => void navigate({ to: "/devices/$id/history", params }),
    "t b": () => void navigate({ to: "/devices/$id/blame", params }),
  });
  return (
    <nav className={css.tabs} aria-label="Of this device">
      <Link to="/devices/$id" params={params} activeOptions={{ exact: true }}>
        Document
      </Link>
      <Link to="/devices/$id/timeline" params={params}>
        Timeline
      </Link>
      <Link to="/devices/$id/history" params={params} activeOptions={{ includeSearch: false }}>
        History
      </Link>
      <Link to="/devices/$id/blame" params={params}>
        Blame
      </Link>
    </nav>
  );
};
