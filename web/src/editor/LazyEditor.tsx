import { type ComponentProps, lazy, Suspense } from "react";
import { Skeleton } from "../ui/states";

const Editor = lazy(() => import("./Editor").then((m) => ({ default: m.Editor })));

/** An Editor, which is loaded when it is wanted. */
export const LazyEditor = (props: ComponentProps<typeof Editor>) => (
  <Suspense fallback={<Skeleton lines={8} label="Loading the editor" />}>
    <Editor {...props} />
  </Suspense>
);
