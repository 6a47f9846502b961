import { type ErrorComponentProps, Link } from "@tanstack/react-router";
import { Compass } from "lucide-react";
import { useEffect, useRef } from "react";
import { Failure } from "../api/client";
import { live, useLiveState } from "../api/live";
import { Empty, Failed } from "../ui/states";
import { PartMissing } from "./lazyPage";

/** There is no page of this address. */
export const NotFound = () => (
  <Empty
    level={1}
    icon={<Compass aria-hidden />}
    title="There is no such page"
    action={<Link to="/">To the fleet</Link>}
  >
    <p>The address may be of an older version, or be mistyped.</p>
  </Empty>
);

/** A page failed in itself, or could not be loaded; what is around it still works. */
export const PageFailed = ({ error, reset }: ErrorComponentProps) =>
  error instanceof PartMissing ? (
    <MissingPart part={error} reset={reset} />
  ) : (
    <Failed
      level={1}
      what={unloaded.test(String(error)) ? "A part of the page could not be loaded" : "This page failed"}
      error={
        error instanceof Failure
          ? error
          : new Failure(0, "PAGE", messageOf(error), "What you wrote and did not save is kept in this browser.")
      }
      retry={() => window.location.reload()}
      again="Load the page again"
    />
  );

// What the browsers say of a part of a page that did not come.
const unloaded = /dynamically imported module|module script|preload CSS/i;

const messageOf = (error: unknown) =>
  error instanceof Error && error.message ? error.message : "It is a mistake of ours";

const MissingPart = ({ part, reset }: { part: PartMissing; reset(): void }) => {
  const state = useLiveState();
  const failedWhile = useRef(state);
  const again = () => {
    part.forget();
    reset();
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the server is back
  useEffect(() => {
    if (state === "live" && failedWhile.current !== "live") again();
  }, [state]);
  return (
    <Failed
      level={1}
      what="A part of the page could not be loaded"
      error={part}
      retry={live.state === "live" ? () => window.location.reload() : again}
      again={state === "live" ? "Load the page again" : "Try again"}
    />
  );
};
