import { type FunctionComponent, Suspense, use } from "react";
import { Failure } from "../api/client";
import { Skeleton } from "../ui/states";

/** A part of the page could not be loaded: the server is away, or is of another version by now. */
export class PartMissing extends Failure {
  constructor(
    /** Has it loaded anew when it is shown next. */
    readonly forget: () => void,
  ) {
    super(0, "PART_MISSING", "The server is away, or was updated while this page was open");
  }
}

/**
 * A component of a page that is loaded when somebody goes there. Where that fails, what is on the screen stays, and it
 * can be tried again; the page is never loaded anew by itself, which may lose what was written in it.
 */
export const lazyPage = <N extends string>(
  load: () => Promise<Record<N, FunctionComponent>>,
  name: N,
): FunctionComponent & { preload(): Promise<void> } => {
  let Page: FunctionComponent | undefined;
  let loading: Promise<void> | undefined;
  let missing: PartMissing | undefined;
  const forget = () => {
    missing = undefined;
    loading = undefined;
  };
  const once = () => {
    loading ??= load().then(
      (part) => {
        Page = part[name];
      },
      () => {
        missing = new PartMissing(forget);
      },
    );
    return loading;
  };
  const Shown = () => {
    if (missing) throw missing;
    if (!Page) use(once());
    return Page ? <Page /> : null;
  };
  const Lazy = () => (
    <Suspense fallback={<Skeleton lines={8} label="Loading the page" />}>
      <Shown />
    </Suspense>
  );
  return Object.assign(Lazy, {
    preload: () => {
      if (missing) forget();
      return once();
    },
  });
};
