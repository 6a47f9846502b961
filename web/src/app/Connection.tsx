import { useQuery } from "@tanstack/react-query";
import { CloudOff, RefreshCw } from "lucide-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { live, useLiveState } from "../api/live";
import { queries, serverQuery } from "../api/queries";
import { fleet } from "../fleet/store";
import { Button } from "../ui/Button";
import css from "./Connection.module.css";

const says = {
  live: "Live",
  connecting: "Connecting",
  paused: "Paused",
  lost: "Connection lost",
  refused: "Not let in",
};
const means = {
  live: "Changes are shown as they happen",
  connecting: "The page connects to the server",
  paused: "Nothing is followed while the page is not looked at",
  lost: "The connection to the server is lost; it is tried again",
  refused: "The server lets this page follow nothing",
};

/** Whether what is shown is as it is: in the bar, at every moment. */
export const LiveSign = () => {
  const state = useLiveState();
  return (
    <span className={css.live} data-state={state} role="status" title={means[state]}>
      <span className={css.dot} aria-hidden />
      <span className={css.word}>{says[state]}</span>
    </span>
  );
};

/** Says above the page what its connection has come to, and what to do; keeps what was read as it is when it is back. */
export const Connection = () => {
  const state = useLiveState();
  const version = useQuery({ ...serverQuery, enabled: false }).data?.version;
  const opened = useRef(version);
  opened.current ??= version;
  useReturn(state);
  const lost = useLasting(state === "lost", 1500);
  if (lost)
    return (
      <Strip
        icon={<CloudOff aria-hidden />}
        action={
          <Button size="s" onClick={() => live.retry()}>
            Try now
          </Button>
        }
      >
        The server cannot be reached. What is shown may be old; it is tried again by itself.
      </Strip>
    );
  if (version !== undefined && version !== opened.current)
    return (
      <Strip
        icon={<RefreshCw aria-hidden />}
        action={
          <Button size="s" onClick={() => window.location.reload()}>
            Load the page again
          </Button>
        }
      >
        The server was updated to {version}; this page is of {opened.current}.
      </Strip>
    );
  return null;
};

const Strip = ({ icon, action, children }: { icon: ReactNode; action: ReactNode; children: ReactNode }) => (
  <div className={css.strip} role="status">
    {icon}
    <p>{children}</p>
    {action}
  </div>
);

/** Whether something is so for a while: what comes and goes need not be told. */
const useLasting = (is: boolean, milliseconds: number): boolean => {
  const [lasting, setLasting] = useState(false);
  useEffect(() => {
    if (!is) {
      setLasting(false);
      return;
    }
    const timer = setTimeout(() => setLasting(true), milliseconds);
    return () => clearTimeout(timer);
  }, [is, milliseconds]);
  return lasting;
};

// What failed while the server was away is read anew; what is still as it was comes by the events that were missed.
const useReturn = (state: string) => {
  const before = useRef(state);
  useEffect(() => {
    const was = before.current;
    before.current = state;
    if (state === "refused") void queries.invalidateQueries(serverQuery);
    if (state !== "live" || was === "live") return;
    void queries.invalidateQueries(serverQuery);
    void queries.refetchQueries({ predicate: (query) => query.state.status === "error" });
    if (fleet.state === "failed") fleet.ensure();
  }, [state]);
};
