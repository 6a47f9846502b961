import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { BookOpen, ChartLine, CircleAlert, CircleCheck, CirclePause, Lock } from "lucide-react";
import { type ReactNode, useState } from "react";
import { serverQuery } from "../api/queries";
import type { components } from "../api/schema.gen";
import { base } from "../api/session";
import { Field } from "../ui/Field";
import { Notice } from "../ui/Notice";
import { Card, Page } from "../ui/Page";
import { Failed, Skeleton } from "../ui/states";
import { Time } from "../ui/Time";
import css from "./ServerPage.module.css";
import { Reach } from "./server/Reach";
import { bytes, type Health, healthOf, principalSays } from "./server/words";

type Server = components["schemas"]["Server"];

const every = 5000;

/** What the server is, how it does, and with which settings it runs. */
export const ServerPage = () => {
  // A page that is not looked at does not ask: the query stops by itself while the tab is hidden.
  const server = useQuery({ ...serverQuery, refetchInterval: every, refetchOnWindowFocus: true });
  return (
    <Page
      title="Server"
      intro="How the server does, where devices find it, and the settings that it runs with."
      actions={
        <>
          <a className={css.link} href={new URL("api/docs", base).href} target="_blank" rel="noreferrer">
            <BookOpen aria-hidden />
            API documentation
          </a>
          <a className={css.link} href={new URL("metrics", base).href} target="_blank" rel="noreferrer">
            <ChartLine aria-hidden />
            Metrics
          </a>
        </>
      }
    >
      {server.isError && server.data && (
        <Notice kind="danger" title="The server does not answer">
          <p>
            What is shown is from <Time at={server.dataUpdatedAt / 1000} />. It is asked again by itself.
          </p>
        </Notice>
      )}
      {server.data ? (
        <Shown server={server.data} />
      ) : server.isError ? (
        <Failed what="The server does not answer" error={server.error} retry={() => void server.refetch()} />
      ) : (
        <Skeleton lines={8} label="Asking the server" />
      )}
    </Page>
  );
};

const Shown = ({ server }: { server: Server }) => {
  const parts = healthOf(server);
  const broken = parts.filter((part) => part.state === "bad");
  return (
    <>
      <div role="status">
        {broken.length === 0 ? (
          <p className="visually-hidden">Everything works</p>
        ) : (
          broken.map((part) => (
            <Notice key={part.name} kind="danger" title={part.broken}>
              <p>{part.todo}</p>
            </Notice>
          ))
        )}
      </div>
      <ul className={css.parts}>
        {parts.map((part) => (
          <Part key={part.name} part={part} />
        ))}
      </ul>
      <Card title="This server">
        <dl className={css.facts}>
          <Fact name="Version">{server.version}</Fact>
          <Fact name="Started">
            <Time at={server.started_at} />
          </Fact>
          <Fact name="You are let in">{principalSays(server)}</Fact>
          <Fact name="Pages and programs that follow live">{server.event_subscribers.toLocaleString()}</Fact>
          <Fact name="Largest document">{bytes(server.max_content_bytes)}</Fact>
          <Fact name="Who did what">
            <Link to="/audit">Audit</Link>
          </Fact>
        </dl>
      </Card>
      <Card title="Where devices reach it">
        <Reach server={server} />
      </Card>
      <Settings settings={server.settings} />
    </>
  );
};

const icons = { good: CircleCheck, bad: CircleAlert, off: CirclePause };

const Part = ({ part }: { part: Health }) => {
  const Icon = icons[part.state];
  return (
    <li className={css.part} data-state={part.state}>
      <Icon aria-hidden />
      <div>
        <h2>{part.name}</h2>
        <p className={css.state}>{part.says}</p>
        {part.detail && <p className={css.detail}>{part.detail}</p>}
      </div>
    </li>
  );
};

const Fact = ({ name, children }: { name: string; children: ReactNode }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

const Settings = ({ settings }: { settings: Server["settings"] }) => {
  const [text, setText] = useState("");
  const q = text.trim().toLowerCase();
  const found = settings.filter((s) => `${s.name} ${s.secret ? "" : s.value} ${s.source}`.toLowerCase().includes(q));
  return (
    <Card title="Settings">
      <p className={css.about}>
        By variables of the environment, a <code>.env</code> file or flags of <code>espalier serve</code>; a change
        needs a restart. Secrets are masked.
      </p>
      <div className={css.search}>
        <Field
          label="Search settings"
          type="search"
          placeholder="Name, value or source"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      </div>
      <p className="visually-hidden" role="status">
        {q ? `${found.length} settings` : ""}
      </p>
      {found.length === 0 ? (
        <p>No setting has “{text.trim()}” in it.</p>
      ) : (
        <table className={css.table}>
          <caption className="visually-hidden">Settings of the server</caption>
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Value</th>
              <th scope="col">From</th>
            </tr>
          </thead>
          <tbody>
            {found.map((setting) => (
              <tr key={setting.name}>
                <th scope="row">
                  <code>{setting.name}</code>
                </th>
                <td>
                  {setting.secret && setting.value && (
                    <Lock className={css.lock} role="img" aria-label="Secret, masked" />
                  )}
                  {setting.value ? <code>{setting.value}</code> : <span className={css.none}>not set</span>}
                </td>
                <td data-set={setting.source !== "default" || undefined}>{setting.source}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Card>
  );
};
