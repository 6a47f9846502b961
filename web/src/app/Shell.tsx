import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useNavigate } from "@tanstack/react-router";
import { BookOpen, CircleQuestionMark, LogOut, Menu as MenuIcon, Monitor, Moon, Plus, Search, Sun } from "lucide-react";
import { useEffect } from "react";
import { asFailure } from "../api/client";
import { live, useLiveState } from "../api/live";
import { queries, serverQuery } from "../api/queries";
import { base, session, useToken } from "../api/session";
import { fleet } from "../fleet/store";
import { DeviceDialogs } from "../pages/actions/DeviceDialogs";
import { SignIn } from "../pages/SignIn";
import { Button, IconButton } from "../ui/Button";
import { Menu, MenuItem, MenuLine } from "../ui/Menu";
import { Failed, Skeleton } from "../ui/states";
import { chooseTheme, useTheme } from "../ui/theme";
import { Logo } from "./Logo";
import { overlay } from "./overlay";
import { Palette } from "./Palette";
import css from "./Shell.module.css";
import { ShortcutList } from "./ShortcutList";
import { useShortcuts } from "./shortcuts";

const pages = [
  { to: "/", label: "Fleet" },
  { to: "/import", label: "Import" },
  { to: "/deleted", label: "Deleted" },
  { to: "/audit", label: "Audit" },
  { to: "/server", label: "Server" },
] as const;

/** What is around every page: who is let in, where one can go, and what is the same everywhere. */
export const Shell = () => {
  const token = useToken();
  const server = useQuery(serverQuery);
  const refused = server.error && [401, 403, 421, 429].includes(asFailure(server.error).status);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another token may be let in where this one is not
  useEffect(() => {
    void queries.resetQueries();
    fleet.clear();
  }, [token]);
  useEffect(() => {
    if (server.isSuccess) live.start();
  }, [server.isSuccess]);

  if (refused) return <SignIn failure={asFailure(server.error)} />;
  return (
    <div className={css.shell}>
      <Bar />
      <main id="main" className={css.main} tabIndex={-1}>
        {server.isPending && <Skeleton lines={8} label="Connecting to the server" />}
        {server.isError && (
          <Failed what="The server does not answer" error={server.error} retry={() => void server.refetch()} />
        )}
        {server.isSuccess && <Outlet />}
      </main>
      <Palette />
      <DeviceDialogs />
      <ShortcutList />
    </div>
  );
};

const Bar = () => {
  const navigate = useNavigate();
  useShortcuts({
    "g f": () => void navigate({ to: "/" }),
    "g a": () => void navigate({ to: "/audit" }),
    "g s": () => void navigate({ to: "/server" }),
    "g i": () => void navigate({ to: "/import" }),
    "g d": () => void navigate({ to: "/deleted" }),
    n: () => void navigate({ to: "/new" }),
    "?": () => overlay.show("shortcuts"),
    "mod+k": () => overlay.show("palette"),
  });
  return (
    <header className={css.bar}>
      <button type="button" className={css.skip} onClick={skip}>
        Skip to the content
      </button>
      <Link to="/" className={css.brand} aria-label="Espalier, to the fleet">
        <Logo />
        <span>Espalier</span>
      </Link>
      <nav className={css.nav} aria-label="Pages">
        {pages.map((page) => (
          <Link key={page.to} to={page.to} activeOptions={{ exact: page.to === "/", includeSearch: false }}>
            {page.label}
          </Link>
        ))}
      </nav>
      <div className={css.tools}>
        <LiveSign />
        <Button
          kind="quiet"
          className={css.find!}
          icon={<Search />}
          onClick={() => overlay.show("palette")}
          aria-label="Go to… a device or a command"
        >
          <span>Go to…</span>
          <kbd>{mod}K</kbd>
        </Button>
        <IconButton label="New configuration" icon={<Plus />} onClick={() => void navigate({ to: "/new" })} />
        <ThemeMenu />
        <Menu trigger={<IconButton label="More" icon={<MenuIcon />} />}>
          {pages.map((page) => (
            <MenuItem key={page.to} onSelect={() => void navigate({ to: page.to })}>
              {page.label}
            </MenuItem>
          ))}
          <MenuLine />
          <MenuItem icon={<CircleQuestionMark />} hint="?" onSelect={() => overlay.show("shortcuts")}>
            Keyboard shortcuts
          </MenuItem>
          <MenuItem icon={<BookOpen />} onSelect={() => window.open(new URL("api/docs", base), "_blank", "noopener")}>
            API documentation
          </MenuItem>
          {session.token() && (
            <MenuItem icon={<LogOut />} onSelect={() => session.signOut()}>
              Sign out
            </MenuItem>
          )}
        </Menu>
      </div>
    </header>
  );
};

const mod = /Mac|iP/.test(navigator.platform) ? "⌘" : "Ctrl ";

// A link to #main would be an address of the router's.
const skip = () => document.getElementById("main")?.focus();

const says = {
  live: "Live",
  connecting: "Connecting",
  paused: "Paused",
  lost: "Connection lost, trying again",
  refused: "Not let in",
};

const LiveSign = () => {
  const state = useLiveState();
  return (
    <span
      className={css.live}
      data-state={state}
      role="status"
      title={state === "live" ? "Changes are shown as they happen" : undefined}
    >
      <span className={css.dot} aria-hidden />
      <span>{says[state]}</span>
    </span>
  );
};

const ThemeMenu = () => {
  const theme = useTheme();
  const Icon = { system: Monitor, light: Sun, dark: Moon }[theme];
  return (
    <Menu trigger={<IconButton label="Theme" icon={<Icon />} />}>
      <MenuItem icon={<Monitor />} onSelect={() => chooseTheme("system")}>
        As the system
      </MenuItem>
      <MenuItem icon={<Sun />} onSelect={() => chooseTheme("light")}>
        Light
      </MenuItem>
      <MenuItem icon={<Moon />} onSelect={() => chooseTheme("dark")}>
        Dark
      </MenuItem>
    </Menu>
  );
};
