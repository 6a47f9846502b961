import { Link } from "@tanstack/react-router";
import { Compass } from "lucide-react";
import { Empty, Failed } from "../ui/states";

/** There is no page of this address. */
export const NotFound = () => (
  <Empty icon={<Compass aria-hidden />} title="There is no such page" action={<Link to="/">To the fleet</Link>}>
    <p>The address may be of an older version, or be mistyped.</p>
  </Empty>
);

/** A page failed in itself. A part that is not there any more is one of a newer version of the server. */
export const PageFailed = ({ error }: { error: unknown }) => {
  const missing = /dynamically imported module|module script/i.test(String(error));
  return (
    <Failed
      what={missing ? "A part of this page could not be loaded" : "This page failed"}
      error={
        error instanceof Error && !missing
          ? Object.assign(error, { detail: "Load it again. What was not saved is kept in this browser." })
          : error
      }
      retry={() => window.location.reload()}
    />
  );
};
