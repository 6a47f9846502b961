import { createHashHistory, createRootRoute, createRoute, createRouter, redirect } from "@tanstack/react-router";
import { FleetPage } from "../pages/fleet/FleetPage";
import { fleetSearch, rememberedFleetSearch } from "../pages/fleet/search";
import { lazyPage } from "./lazyPage";
import { NotFound, PageFailed } from "./NotFound";
import { Shell } from "./Shell";

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });

const id = {
  params: {
    parse: (p: { id: string }) => ({ id: wholeNumber(p.id) }),
    stringify: (p: { id: number }) => ({ id: String(p.id) }),
  },
};

const wholeNumber = (text: string): number => {
  const n = Number(text);
  if (!Number.isSafeInteger(n) || n < 1) throw redirect({ to: "/", search: rememberedFleetSearch() });
  return n;
};

/** A number of a search that may be missing. */
const optionalNumber = (value: unknown): number | undefined => {
  const n = Number(value);
  return value !== undefined && Number.isSafeInteger(n) && n > 0 ? n : undefined;
};

const fleetRoute = createRoute({
  getParentRoute: () => root,
  path: "/",
  component: FleetPage,
  staticData: { title: "Fleet" },
  validateSearch: fleetSearch,
});

const deviceRoute = createRoute({
  getParentRoute: () => root,
  path: "/devices/$id",
  component: lazyPage(() => import("../pages/device/DevicePage"), "DevicePage"),
  ...id,
});
const documentRoute = createRoute({
  getParentRoute: () => deviceRoute,
  path: "/",
  component: lazyPage(() => import("../pages/device/DocumentTab"), "DocumentTab"),
  staticData: { part: "Document" },
});
const timelineRoute = createRoute({
  getParentRoute: () => deviceRoute,
  path: "/timeline",
  component: lazyPage(() => import("../pages/device/TimelineTab"), "TimelineTab"),
  staticData: { part: "Timeline" },
});
const historyRoute = createRoute({
  getParentRoute: () => deviceRoute,
  path: "/history",
  component: lazyPage(() => import("../pages/device/HistoryTab"), "HistoryTab"),
  staticData: { part: "History" },
  validateSearch: (s: Record<string, unknown>): { from?: number; to?: number } => {
    const from = optionalNumber(s.from);
    const to = optionalNumber(s.to);
    return { ...(from ? { from } : {}), ...(to ? { to } : {}) };
  },
});
const blameRoute = createRoute({
  getParentRoute: () => deviceRoute,
  path: "/blame",
  component: lazyPage(() => import("../pages/device/BlameTab"), "BlameTab"),
  staticData: { part: "Blame" },
});

const newRoute = createRoute({
  getParentRoute: () => root,
  path: "/new",
  component: lazyPage(() => import("../pages/NewPage"), "NewPage"),
  staticData: { title: "New configuration" },
  validateSearch: (s: Record<string, unknown>): { from?: number } => {
    const from = optionalNumber(s.from);
    return from ? { from } : {};
  },
});
const importRoute = createRoute({
  getParentRoute: () => root,
  path: "/import",
  component: lazyPage(() => import("../pages/ImportPage"), "ImportPage"),
  staticData: { title: "Import" },
});
const deletedRoute = createRoute({
  getParentRoute: () => root,
  path: "/deleted",
  component: lazyPage(() => import("../pages/DeletedPage"), "DeletedPage"),
  staticData: { title: "Deleted configurations" },
});
const auditRoute = createRoute({
  getParentRoute: () => root,
  path: "/audit",
  component: lazyPage(() => import("../pages/AuditPage"), "AuditPage"),
  staticData: { title: "Audit" },
  validateSearch: (s: Record<string, unknown>): Record<string, string> =>
    Object.fromEntries(
      Object.entries(s)
        .filter(([, v]) => v !== "" && v !== undefined && v !== null)
        .map(([k, v]) => [k, String(v)]),
    ),
});
const serverRoute = createRoute({
  getParentRoute: () => root,
  path: "/server",
  component: lazyPage(() => import("../pages/ServerPage"), "ServerPage"),
  staticData: { title: "Server" },
});

export const router = createRouter({
  routeTree: root.addChildren([
    fleetRoute,
    deviceRoute.addChildren([documentRoute, timelineRoute, historyRoute, blameRoute]),
    newRoute,
    importRoute,
    deletedRoute,
    auditRoute,
    serverRoute,
  ]),
  history: createHashHistory(),
  defaultPreload: "intent",
  defaultErrorComponent: PageFailed,
  defaultNotFoundComponent: NotFound,
  scrollRestoration: false,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
  interface StaticDataRouteOption {
    /** What the tab of the browser calls a page while that has no heading. */
    title?: string;
    /** What it calls a part of a page, before the heading. */
    part?: string;
  }
}
