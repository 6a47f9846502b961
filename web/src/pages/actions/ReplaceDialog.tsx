import { ArrowRight, Check } from "lucide-react";
import { type FormEvent, useState } from "react";
import { queries } from "../../api/queries";
import { useAttempt } from "../../api/useAttempt";
import { useSending } from "../../api/useSending";
import { replaceDevice } from "../../api/write";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { toast } from "../../ui/Toast";
import { type ActionDevice, called } from "./device";
import css from "./dialog.module.css";
import { MacField, useFreeMac } from "./MacField";
import { MessageField } from "./MessageField";
import { Refused } from "./Refused";

interface Props {
  device: ActionDevice;
  close(): void;
  returnTo: HTMLElement | null;
}

/** Moves a configuration and its history to the device that takes the place of another. */
export const ReplaceDialog = ({ device, close, returnTo }: Props) => {
  const [text, setText] = useState("");
  const [message, setMessage] = useState("");
  const { busy, failure, forget, send } = useSending();
  const attempt = useAttempt();
  const { mac, free } = useFreeMac(text);
  const run = async (revision: number) => {
    if (!mac || !free) return;
    const failed = await send(async () => {
      await attempt(`${mac} at ${revision}`, { message, revision }, (at) => replaceDevice(device.id, mac, at));
      close();
      toast({ title: `${device.name ? `${device.name} is` : "It is"} ${mac} now`, detail: `${device.mac} gets 404.` });
    });
    if (failed?.code === "RECORD_EXISTS") void queries.invalidateQueries({ queryKey: ["holder"] });
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(device.revision);
  };
  return (
    <Dialog
      open
      onOpenChange={() => !busy && close()}
      returnTo={returnTo}
      title={`Replace the hardware of ${called(device)}`}
      description="For a board that broke or was exchanged: the new one gets the document of the old one."
      footer={
        <>
          <Button onClick={close} disabled={busy}>
            Cancel
          </Button>
          <Button kind="primary" type="submit" form="replace-device" busy={busy} disabled={!free}>
            Replace
          </Button>
        </>
      }
    >
      <form id="replace-device" className={css.form} onSubmit={submit}>
        {failure && (
          <Refused
            what="The hardware was not replaced"
            failure={failure}
            device={device}
            close={close}
            anyway={(revision) => void run(revision)}
          />
        )}
        <MacField
          label="MAC address of the new device"
          value={text}
          onChange={(next) => {
            forget();
            setText(next);
          }}
          hint="It is on the module's label, and esptool prints it"
          onLeave={() => !busy && close()}
          autoFocus
        />
        <ul className={`${css.facts} ${css.stays}`}>
          <li>
            <Check aria-hidden />
            <span>
              The document, its id and its history move to <code>{mac ?? "the new device"}</code>, which is told of it.
            </span>
          </li>
          <li>
            <ArrowRight aria-hidden />
            <span>
              <code>{device.mac}</code> gets 404 from then on, and the message that the broker keeps for it goes.
            </span>
          </li>
        </ul>
        <MessageField value={message} onChange={setMessage} example="Such as: board broken by lightning" />
      </form>
    </Dialog>
  );
};
