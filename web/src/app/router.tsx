import {
  createHashHistory,
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from "@tanstack/react-router";
import { FleetPage } from "../pages/fleet/FleetPage";
import { fleetSearch, rememberedFleetSearch } from "../pages/fleet/search";
import { NotFound, PageFailed } from "./NotFound";
import { Shell } from "./Shell";

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound, errorComponent: PageFailed });

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
  validateSearch: fleetSearch,
});

const deviceRoute = createRoute({
  getParentRoute: () => root,
  path: "/devices/$id",
  component: lazyRouteComponent(() => import("../pages/device/DevicePage"), "DevicePage"),
  ...id,
});
const documentRoute = createRoute({
  getParentRoute: () => deviceRoute,
  path: "/",
  component: lazyRouteComponent(() => import("../pages/device/DocumentTab"), "DocumentTab"),
});
const standingRoute = createRoute({
  getParentRoute: () => deviceRoute,
  path: "/timeline",
  component: lazyRouteComponent(() => import("../pages/device/TimelineTab"), "TimelineTab"),
});
const historyRoute = createRoute({
  getParentRoute: () => deviceRoute,
  path: "/history",
  component: lazyRouteComponent(() => import("../pages/device/HistoryTab"), "HistoryTab"),
  validateSearch: (s: Record<string, unknown>): { from?: number; to?: number } => {
    const from = optionalNumber(s.from);
    const to = optionalNumber(s.to);
    return { ...(from ? { from } : {}), ...(to ? { to } : {}) };
  },
});
const blameRoute = createRoute({
  getParentRoute: () => deviceRoute,
  path: "/blame",
  component: lazyRouteComponent(() => import("../pages/device/BlameTab"), "BlameTab"),
});

const newRoute = createRoute({
  getParentRoute: () => root,
  path: "/new",
  component: lazyRouteComponent(() => import("../pages/NewPage"), "NewPage"),
  validateSearch: (s: Record<string, unknown>): { from?: number } => {
    const from = optionalNumber(s.from);
    return from ? { from } : {};
  },
});
const importRoute = createRoute({
  getParentRoute: () => root,
  path: "/import",
  component: lazyRouteComponent(() => import("../pages/ImportPage"), "ImportPage"),
});
const deletedRoute = createRoute({
  getParentRoute: () => root,
  path: "/deleted",
  component: lazyRouteComponent(() => import("../pages/DeletedPage"), "DeletedPage"),
});
const auditRoute = createRoute({
  getParentRoute: () => root,
  path: "/audit",
  component: lazyRouteComponent(() => import("../pages/AuditPage"), "AuditPage"),
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
  component: lazyRouteComponent(() => import("../pages/ServerPage"), "ServerPage"),
});

export const router = createRouter({
  routeTree: root.addChildren([
    fleetRoute,
    deviceRoute.addChildren([documentRoute, standingRoute, historyRoute, blameRoute]),
    newRoute,
    importRoute,
    deletedRoute,
    auditRoute,
    serverRoute,
  ]),
  history: createHashHistory(),
  defaultPreload: "intent",
  scrollRestoration: false,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
