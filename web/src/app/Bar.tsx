import { Link, useNavigate, useRouter } from "@tanstack/react-router";
import {
  BookOpen,
  CircleQuestionMark,
  Ellipsis,
  FileClock,
  LogOut,
  Monitor,
  Moon,
  Plus,
  Rows3,
  Search,
  Server,
  Sun,
  Trash2,
  Upload,
} from "lucide-react";
import { useState } from "react";
import { base, useToken } from "../api/session";
import { rememberedFleetSearch } from "../pages/fleet/search";
import { Button, IconButton } from "../ui/Button";
import { Menu, MenuChoice, MenuItem, MenuLine } from "../ui/Menu";
import { chooseTheme, type Theme, useTheme } from "../ui/theme";
import { focusHeading, focusNext } from "./arrival";
import css from "./Bar.module.css";
import { LiveSign } from "./Connection";
import { Logo } from "./Logo";
import { loadPalette, overlay } from "./overlay";
import { SignOut } from "./SignOut";
import { covered, mod, useShortcuts } from "./shortcuts";

const pages = [
  { to: "/", label: "Fleet", icon: Rows3 },
  { to: "/import", label: "Import", icon: Upload },
  { to: "/deleted", label: "Deleted", icon: Trash2 },
  { to: "/audit", label: "Audit", icon: FileClock },
  { to: "/server", label: "Server", icon: Server },
] as const;

// A link to #main would be an address of the router's.
const skip = () => focusHeading() || document.getElementById("main")?.focus();

/** Where one can go, and what can be done everywhere. */
export const Bar = () => {
  useEverywhere();
  const navigate = useNavigate();
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
          <Link
            key={page.to}
            to={page.to}
            search={page.to === "/" ? rememberedFleetSearch : {}}
            activeOptions={{ exact: page.to === "/", includeSearch: false }}
          >
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
          onClick={() => void overlay.show("palette")}
          onPointerEnter={() => void loadPalette().catch(() => {})}
          aria-keyshortcuts="Control+K"
        >
          <span className={css.goto}>
            Go to…<span className="visually-hidden"> a device or a command</span>
          </span>
          <kbd aria-hidden>{mod}K</kbd>
        </Button>
        <IconButton
          label="New configuration"
          aria-keyshortcuts="n"
          icon={<Plus />}
          onClick={() => void navigate({ to: "/new" })}
        />
        <ThemeMenu />
        <More />
      </div>
    </header>
  );
};

const searchField = 'main input[type="search"]';

const useEverywhere = () => {
  const router = useRouter();
  const navigate = useNavigate();
  const search = () => {
    const there = document.querySelector<HTMLInputElement>(searchField);
    if (there && router.state.location.pathname === "/") {
      there.focus();
      there.select();
      return;
    }
    focusNext(searchField);
    void navigate({ to: "/", search: rememberedFleetSearch() });
  };
  useShortcuts(
    {
      "/": search,
      "g f": () => void navigate({ to: "/", search: rememberedFleetSearch() }),
      "g a": () => void navigate({ to: "/audit" }),
      "g s": () => void navigate({ to: "/server" }),
      "g i": () => void navigate({ to: "/import" }),
      "g d": () => void navigate({ to: "/deleted" }),
      n: () => void navigate({ to: "/new" }),
      "?": () => void overlay.show("shortcuts"),
      "mod+k": () => !covered() && void overlay.show("palette"),
    },
    { below: true },
  );
};

const More = () => {
  const navigate = useNavigate();
  const token = useToken();
  const [leaving, setLeaving] = useState(false);
  return (
    <>
      <Menu trigger={<IconButton label="More" icon={<Ellipsis />} />}>
        <div className={css.small}>
          {pages.map((page) => (
            <MenuItem key={page.to} icon={<page.icon />} onSelect={() => void navigate({ to: page.to })}>
              {page.label}
            </MenuItem>
          ))}
          <MenuLine />
        </div>
        <MenuItem icon={<CircleQuestionMark />} hint="?" onSelect={() => void overlay.show("shortcuts")}>
          Keyboard shortcuts
        </MenuItem>
        <MenuItem icon={<BookOpen />} onSelect={() => window.open(new URL("api/docs", base), "_blank", "noopener")}>
          API documentation
        </MenuItem>
        {token && (
          <MenuItem icon={<LogOut />} onSelect={() => setLeaving(true)}>
            Sign out
          </MenuItem>
        )}
      </Menu>
      <SignOut asked={leaving} close={() => setLeaving(false)} />
    </>
  );
};

const themes: { theme: Theme; label: string; icon: typeof Sun }[] = [
  { theme: "system", label: "As the system", icon: Monitor },
  { theme: "light", label: "Light", icon: Sun },
  { theme: "dark", label: "Dark", icon: Moon },
];

const ThemeMenu = () => {
  const chosen = useTheme();
  const { icon: Icon } = themes.find(({ theme }) => theme === chosen)!;
  return (
    <Menu trigger={<IconButton label="Theme" icon={<Icon />} />}>
      <MenuChoice
        value={chosen}
        onChange={(theme) => chooseTheme(theme as Theme)}
        choices={themes.map(({ theme, label, icon: Of }) => ({ value: theme, label, icon: <Of /> }))}
      />
    </Menu>
  );
};
