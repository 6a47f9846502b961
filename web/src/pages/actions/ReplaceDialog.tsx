import { type FormEvent, useState } from "react";
import { replaceDevice } from "../../api/write";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Field } from "../../ui/Field";
import { toast, toastFailure } from "../../ui/Toast";
import { type ActionDevice, called } from "./device";
import { macProblem, parseMac } from "./mac";

/** Moves a configuration to other hardware. */
export const ReplaceDialog = ({ device, close }: { device: ActionDevice; close(): void }) => {
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const mac = parseMac(text);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (!mac) return;
    setBusy(true);
    try {
      await replaceDevice(device.id, mac, { revision: device.revision });
      close();
      toast({ title: `${called(device)} is ${mac} now` });
    } catch (error) {
      setBusy(false);
      toastFailure("The hardware was not replaced", error);
    }
  };
  return (
    <Dialog
      open
      onOpenChange={close}
      title={`Replace the hardware of ${called(device)}`}
      footer={
        <>
          <Button onClick={close}>Cancel</Button>
          <Button kind="primary" type="submit" form="replace-device" busy={busy} disabled={!mac}>
            Replace
          </Button>
        </>
      }
    >
      <form id="replace-device" onSubmit={submit}>
        <Field
          label="MAC address of the new device"
          value={text}
          onChange={(e) => setText(e.target.value)}
          error={macProblem(text)}
        />
      </form>
    </Dialog>
  );
};
