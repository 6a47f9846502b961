import { type ComponentProps, lazy, Suspense } from "react";
import { Skeleton } from "../ui/states";

const load = () => import("./DiffView");
const DiffView = lazy(() => load().then((m) => ({ default: m.DiffView })));

/** Has the comparison come while what it compares does. What fails here is tried again where it is shown. */
export const preloadDiff = () => void load().catch(() => {});

/** A DiffView, which is loaded when it is wanted. */
export const LazyDiff = (props: ComponentProps<typeof DiffView>) => (
  <Suspense fallback={<Skeleton lines={8} label="Loading the comparison" />}>
    <DiffView {...props} />
  </Suspense>
);
