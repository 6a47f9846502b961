import type { Config } from "../../api/write";
import { SyncBadge } from "../../ui/SyncBadge";
import { Time } from "../../ui/Time";
import { useMedia } from "../../ui/useMedia";
import css from "./Standing.module.css";
import { type Device, duration } from "./words";

/** How a device stands to its document: what that means, since when, and what is known of it besides. */
export const Standing = ({ config, device }: { config: Config; device: Device | undefined }) => (
  <div className={css.standing}>
    <p className={css.says}>
      <SyncBadge sync={config.sync} overdue={config.overdue} />
      <span>{device ? <Says config={config} device={device} /> : "…"}</span>
    </p>
    {device && <About device={device} />}
  </div>
);

const Revision = ({ n }: { n: number }) => <strong>revision {n}</strong>;

const Says = ({ config, device }: { config: Config; device: Device }) => {
  const should = (
    <>
      <Revision n={config.revision} />, written <Time at={config.updated_at} />
    </>
  );
  const { has, reported } = device;
  switch (config.sync) {
    case "unknown":
      return <>This device was never seen. It should have {should}.</>;
    case "pending":
      return has ? (
        <>
          It has <Revision n={has.revision} /> since <Time at={has.at} />, and should have {should}.
        </>
      ) : (
        <>It was seen, but has fetched no document yet. It should have {should}.</>
      );
    case "fetched":
      return (
        <>
          <Revision n={config.revision} /> was served to it <Time at={has?.at} />, as it should have. Whether it uses
          it, its firmware does not say.
        </>
      );
    case "held":
      return (
        <>
          It proved <Time at={has?.at} /> that it has <Revision n={config.revision} />, as it should.
        </>
      );
    case "applied":
      return (
        <>
          It reported <Time at={reported?.at ?? has?.at} /> that it runs <Revision n={config.revision} />, as it should.
        </>
      );
    case "error":
      return (
        <>
          It reported <Time at={reported?.at ?? has?.at} /> that it cannot use <Revision n={config.revision} />
          {reported?.message ? `: ${reported.message}` : reported?.code ? `: ${reported.code}` : ""}
          {reported?.path && (
            <>
              {" "}
              (at <code>{reported.path}</code>)
            </>
          )}
        </>
      );
  }
};

const About = ({ device }: { device: Device }) => {
  const seen = (
    <>
      <dt>Last seen</dt>
      <dd>
        <Time at={device.last_seen} />
      </dd>
    </>
  );
  if (!useMedia("(max-width: 48rem)"))
    return (
      <dl className={css.about}>
        <div>{seen}</div>
        <Details device={device} />
      </dl>
    );
  return (
    <details className={css.more}>
      <summary>
        Last seen <Time at={device.last_seen} />
      </summary>
      <dl className={css.about}>
        <Details device={device} />
      </dl>
    </details>
  );
};

const Details = ({ device }: { device: Device }) => (
  <>
    <div>
      <dt>Connection</dt>
      <dd>
        {device.online === null ? (
          "not known"
        ) : (
          <>
            {device.online ? "online" : "offline"} since <Time at={device.online_since} />
          </>
        )}
      </dd>
    </div>
    <div>
      <dt>Rhythm</dt>
      <dd>{device.rhythm_seconds ? `every ${duration(device.rhythm_seconds)}` : "none shown yet"}</dd>
    </div>
    {device.overdue_at && (
      <div>
        <dt>{device.overdue ? "Overdue since" : "Overdue from"}</dt>
        <dd>
          <Time at={device.overdue_at} />
        </dd>
      </div>
    )}
    {device.address && (
      <div>
        <dt>Address</dt>
        <dd className="mono">{device.address}</dd>
      </div>
    )}
    {device.reported?.firmware && (
      <div>
        <dt>Firmware</dt>
        <dd className="mono">{device.reported.firmware}</dd>
      </div>
    )}
  </>
);
