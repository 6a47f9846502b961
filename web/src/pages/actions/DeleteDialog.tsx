import { useNavigate, useRouterState } from "@tanstack/react-router";
import { Check, Minus } from "lucide-react";
import { type FormEvent, useState } from "react";
import { useAttempt } from "../../api/useAttempt";
import { useSending } from "../../api/useSending";
import { remove } from "../../api/write";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { toast } from "../../ui/Toast";
import { rememberedFleetSearch } from "../fleet/search";
import { type ActionDevice, called } from "./device";
import css from "./dialog.module.css";
import { MessageField } from "./MessageField";
import { Refused } from "./Refused";
import { bringBack } from "./undelete";

interface Props {
  device: ActionDevice;
  close(): void;
  returnTo: HTMLElement | null;
}

/** Asks before a configuration goes: what is lost by it, and what stays. */
export const DeleteDialog = ({ device, close, returnTo }: Props) => {
  const [message, setMessage] = useState("");
  const { busy, failure, send } = useSending();
  const attempt = useAttempt();
  const navigate = useNavigate();
  const here = useRouterState({ select: (s) => new RegExp(`^/devices/${device.id}(/|$)`).test(s.location.pathname) });
  const run = (revision: number) =>
    send(async () => {
      await attempt(`at ${revision}`, { message, revision }, (at) => remove(device.id, at));
      close();
      if (here) void navigate({ to: "/", search: rememberedFleetSearch() });
      toast({
        title: `${called(device)} was deleted`,
        detail: "Its history stays.",
        action: { label: "Undo", run: () => void bringBack(device.id, called(device)) },
      });
    });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(device.revision);
  };
  return (
    <Dialog
      open
      onOpenChange={() => !busy && close()}
      returnTo={returnTo}
      title={`Delete ${called(device)}?`}
      description={<code>{device.mac}</code>}
      footer={
        <>
          <Button onClick={close} disabled={busy}>
            Cancel
          </Button>
          <Button kind="danger" type="submit" form="delete-device" busy={busy}>
            Delete
          </Button>
        </>
      }
    >
      <form id="delete-device" className={css.form} onSubmit={submit}>
        {failure && (
          <Refused
            what="It was not deleted"
            failure={failure}
            device={device}
            close={close}
            anyway={(revision) => void run(revision)}
          />
        )}
        <div className={css.group}>
          <h3>What goes</h3>
          <ul className={`${css.facts} ${css.goes}`}>
            <li>
              <Minus aria-hidden />
              <span>The device gets 404 from now on when it asks for its document. It is not told before.</span>
            </li>
            <li>
              <Minus aria-hidden />
              <span>It is not in the fleet any more, and nobody is told when it is silent.</span>
            </li>
          </ul>
        </div>
        <div className={css.group}>
          <h3>What stays</h3>
          <ul className={`${css.facts} ${css.stays}`}>
            <li>
              <Check aria-hidden />
              <span>
                All {device.revision > 1 ? `${device.revision} revisions` : "of its history"} and what the device
                showed.
              </span>
            </li>
            <li>
              <Check aria-hidden />
              <span>You can undo it: at once, or later under Deleted, with the same id and document.</span>
            </li>
          </ul>
        </div>
        <MessageField value={message} onChange={setMessage} example="Such as: taken out of service" />
      </form>
    </Dialog>
  );
};
