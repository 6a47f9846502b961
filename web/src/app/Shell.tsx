import { useQuery } from "@tanstack/react-query";
import { Outlet, useRouterState } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { asFailure } from "../api/client";
import { live } from "../api/live";
import { queries, serverQuery } from "../api/queries";
import { useToken } from "../api/session";
import { fleet } from "../fleet/store";
import { DeviceDialogs } from "../pages/actions/DeviceDialogs";
import { SignIn } from "../pages/SignIn";
import { Failed, Skeleton } from "../ui/states";
import { useArrival } from "./arrival";
import { Bar } from "./Bar";
import { Connection } from "./Connection";
import { loadPalette, loadShortcutList, useOverlay } from "./overlay";
import { rememberDevice } from "./recent";
import css from "./Shell.module.css";

const Palette = lazy(() => loadPalette().then((m) => ({ default: m.Palette })));
const ShortcutList = lazy(() => loadShortcutList().then((m) => ({ default: m.ShortcutList })));

const again = 3000; // milliseconds until a server that was away at first is asked again

/** What is around every page: who is let in, where one can go, and what is the same everywhere. */
export const Shell = () => {
  useSession();
  const said = useArrival();
  const server = useQuery({
    ...serverQuery,
    refetchInterval: ({ state }) => (state.data === undefined && state.error && !refusal(state.error) ? again : false),
  });
  const known = server.data !== undefined;
  useEffect(() => {
    if (known) live.start();
  }, [known]);
  useRecent();

  // While it is tried again, what went wrong stays.
  const failure = useRef<unknown>(null);
  if (server.error || known) failure.current = server.error;

  if (server.error && refusal(server.error, known)) return <SignIn failure={asFailure(server.error)} />;
  return (
    <div className={css.shell}>
      <Bar />
      <Connection />
      <main id="main" className={css.main} tabIndex={-1}>
        {known ? (
          <Outlet />
        ) : failure.current ? (
          <Failed
            level={1}
            what="The server does not answer"
            error={failure.current}
            retry={() => void server.refetch()}
          />
        ) : (
          <Skeleton lines={8} label="Connecting to the server" />
        )}
      </main>
      <div className="visually-hidden" role="status">
        {said}
      </div>
      <Overlays />
      <DeviceDialogs />
    </div>
  );
};

// Too many wrong tokens of others from the same address (429) do not end what is under way here.
const refusal = (error: unknown, known = false) => {
  const { refused, status } = asFailure(error);
  return refused || (status === 429 && !known);
};

// Another token may be let in where this one is not.
const useSession = () => {
  const token = useToken();
  const before = useRef(token);
  useEffect(() => {
    if (before.current === token) return;
    before.current = token;
    live.stop("connecting");
    fleet.clear();
    void queries.resetQueries();
  }, [token]);
};

const useRecent = () => {
  const id = useRouterState({
    select: (state) => Number(/^\/devices\/(\d+)/.exec(state.location.pathname)?.[1] ?? 0),
  });
  useEffect(() => {
    if (id) rememberDevice(id);
  }, [id]);
};

// They are loaded when they are first asked for.
const Overlays = () => {
  const shown = useOverlay();
  const [asked, setAsked] = useState<ReadonlySet<string>>(new Set());
  if (shown && !asked.has(shown)) setAsked(new Set([...asked, shown]));
  return (
    <Suspense>
      {asked.has("palette") && <Palette />}
      {asked.has("shortcuts") && <ShortcutList />}
    </Suspense>
  );
};
