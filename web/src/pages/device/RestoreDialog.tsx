import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { documentQuery, refreshConfig } from "../../api/queries";
import { useAttempt } from "../../api/useAttempt";
import { useSending } from "../../api/useSending";
import { type Config, restore } from "../../api/write";
import { LazyDiff } from "../../editor/LazyDiff";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Field } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { Failed, Skeleton } from "../../ui/states";
import { toast, toastFailure } from "../../ui/Toast";
import { mostMessage } from "../actions/message";
import type { Revision } from "./words";

interface Props {
  id: number;
  revision: Revision;
  /** What is in force now. */
  config: Config;
  open: boolean;
  onOpenChange(open: boolean): void;
}

/** Shows what restoring a revision would change, and does it. */
export const RestoreDialog = ({ id, revision, config, open, onOpenChange }: Props) => {
  const [message, setMessage] = useState("");
  const { busy, failure, forget, send } = useSending();
  const attempt = useAttempt();
  const now = useQuery({ ...documentQuery(id, config.revision), enabled: open });
  const then = useQuery({ ...documentQuery(id, revision.revision), enabled: open });
  const failed = now.error ? now : then.error ? then : null;

  const run = async () => {
    const refused = await send(async () => {
      const { made, before } = await attempt("", { message, revision: config.revision }, async (at) => ({
        made: await restore(id, revision.revision, at),
        before: at.revision!,
      }));
      onOpenChange(false);
      setMessage("");
      toast({
        title: `Revision ${revision.revision} is restored, as revision ${made.revision}`,
        action: { label: "Undo", run: () => void undo(id, before, made.revision) },
      });
    });
    if (refused?.code === "PRECONDITION_FAILED") void refreshConfig(id);
  };

  const close = () => {
    if (busy) return;
    forget();
    onOpenChange(false);
  };
  return (
    <Dialog
      open={open}
      onOpenChange={(is) => !is && close()}
      size="l"
      title={`Restore revision ${revision.revision}`}
      description={`It becomes revision ${config.revision + 1}, byte for byte, and the device is told. Nothing of the history is lost.`}
      footer={
        <>
          <Button onClick={close} disabled={busy}>
            Cancel
          </Button>
          <Button kind="primary" busy={busy} disabled={!now.isSuccess || !then.isSuccess} onClick={() => void run()}>
            Restore revision {revision.revision}
          </Button>
        </>
      }
    >
      {failure !== null &&
        (failure.code === "PRECONDITION_FAILED" ? (
          <Notice kind="danger" title="Somebody saved meanwhile: nothing was restored">
            <p>What is compared below is the newest revision now. Look at it, and restore then.</p>
          </Notice>
        ) : (
          <Failed what="It was not restored" error={failure} />
        ))}
      <Field
        label="Message"
        value={message}
        maxLength={mostMessage}
        autoFocus
        placeholder="Why? It is kept in the history."
        onChange={(e) => setMessage(e.target.value)}
        onKeyDown={(e) => e.key === "Enter" && !busy && now.isSuccess && then.isSuccess && void run()}
      />
      {failed ? (
        <Failed what="The documents could not be read" error={failed.error} retry={() => void failed.refetch()} />
      ) : now.data === undefined || then.data === undefined ? (
        <Skeleton lines={6} label="Reading both documents" />
      ) : (
        <LazyDiff
          before={now.data}
          after={then.data}
          mode="inline"
          label={`What restoring revision ${revision.revision} changes`}
        />
      )}
    </Dialog>
  );
};

const undo = async (id: number, before: number, made: number) => {
  try {
    const back = await restore(id, before, { message: `Undo: back to revision ${before}`, revision: made });
    toast({ title: `Taken back: it is as it was, as revision ${back.revision}` });
  } catch (error) {
    toastFailure("It could not be taken back", error);
  }
};
