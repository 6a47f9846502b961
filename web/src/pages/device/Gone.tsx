import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { FileX, Trash2, Undo2 } from "lucide-react";
import { useState } from "react";
import { deletedQuery, queries } from "../../api/queries";
import { Button } from "../../ui/Button";
import { Notice } from "../../ui/Notice";
import { Empty } from "../../ui/states";
import { Time } from "../../ui/Time";
import { bringBack } from "../actions/undelete";
import { byWhom, type Revision } from "./words";

/** Brings back a deleted configuration. */
export const Undelete = ({ id, name }: { id: number; name: string }) => {
  const [busy, setBusy] = useState(false);
  const run = async () => {
    setBusy(true);
    if (await bringBack(id, name)) await queries.refetchQueries({ queryKey: ["config", id] });
    setBusy(false);
  };
  return (
    <Button kind="primary" icon={<Undo2 />} busy={busy} onClick={() => void run()}>
      Undelete
    </Button>
  );
};

/** Says that a configuration is deleted, since when, by whom and why, and brings it back. */
export const DeletedNotice = ({ id, name, last }: { id: number; name: string; last: Revision | undefined }) => {
  const deleted = last?.source === "delete" ? last : undefined;
  const { data: list } = useQuery(deletedQuery);
  const restorable = list?.some((c) => c.id === id) ?? false;
  return (
    <Notice
      kind="danger"
      title="This configuration was deleted"
      action={
        <>
          {restorable && <Undelete id={id} name={name} />}
          <Link to="/">To the fleet</Link>
        </>
      }
    >
      <p>
        {deleted && (
          <>
            <Time at={deleted.created_at} /> {byWhom(deleted.principal)}
            {deleted.address && ` (${deleted.address})`}
            {deleted.message && `: “${deleted.message}”`}.{" "}
          </>
        )}
        The device gets no document any more.{" "}
        {restorable
          ? "It can be brought back as it was, with its history."
          : list &&
            "It cannot be brought back here: its MAC address has another configuration, or its history is not kept."}
      </p>
    </Notice>
  );
};

/** In place of a tab that a deleted configuration has nothing for. */
export const NothingThere = ({ id }: { id: number }) => (
  <Empty
    icon={<Trash2 aria-hidden />}
    title="There is no document now"
    action={
      <>
        <Link to="/devices/$id/history" params={{ id }}>
          Look at its history
        </Link>
        <Link to="/devices/$id/timeline" params={{ id }}>
          Look at its timeline
        </Link>
      </>
    }
  >
    <p>It was deleted. What it was is in its history.</p>
  </Empty>
);

/** There is no such configuration and, as far as is kept, never was. */
export const NeverWas = ({ id }: { id: number }) => (
  <Empty
    level={1}
    icon={<FileX aria-hidden />}
    title={`There is no configuration ${id}`}
    action={
      <>
        <Link to="/">To the fleet</Link>
        <Link to="/deleted">Deleted configurations</Link>
      </>
    }
  >
    <p>The address may be mistyped, or be of another server. What is kept of deleted ones is in their list.</p>
  </Empty>
);
