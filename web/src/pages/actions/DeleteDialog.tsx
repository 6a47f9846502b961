import { useNavigate, useRouterState } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { remove, undelete } from "../../api/write";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Field } from "../../ui/Field";
import { toast, toastFailure } from "../../ui/Toast";
import { rememberedFleetSearch } from "../fleet/search";
import { type ActionDevice, called } from "./device";

/** Asks before a configuration goes: what is lost by it, and what stays. */
export const DeleteDialog = ({ device, close }: { device: ActionDevice; close(): void }) => {
  const [message, setMessage] = useState("");
  const [busy, setBusy] = useState(false);
  const navigate = useNavigate();
  const here = useRouterState({ select: (s) => s.location.pathname.startsWith(`/devices/${device.id}`) });
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      await remove(device.id, { message, revision: device.revision });
      close();
      if (here) void navigate({ to: "/", search: rememberedFleetSearch() });
      toast({
        title: `${called(device)} deleted`,
        action: {
          label: "Undo",
          run: () => void undelete(device.id).catch((error) => toastFailure("It could not be brought back", error)),
        },
      });
    } catch (error) {
      setBusy(false);
      toastFailure("It could not be deleted", error);
    }
  };
  return (
    <Dialog
      open
      onOpenChange={close}
      title={`Delete ${called(device)}?`}
      footer={
        <>
          <Button onClick={close}>Cancel</Button>
          <Button kind="danger" type="submit" form="delete-device" busy={busy}>
            Delete
          </Button>
        </>
      }
    >
      <form id="delete-device" onSubmit={submit}>
        <p>The device gets 404 from now on. Its history stays, and it can be brought back.</p>
        <Field label="Message" value={message} onChange={(e) => setMessage(e.target.value)} />
      </form>
    </Dialog>
  );
};
