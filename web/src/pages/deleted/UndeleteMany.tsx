import { useState } from "react";
import { undelete } from "../../api/write";
import { devices } from "../../fleet/counted";
import { called } from "../actions/device";
import { MessageField } from "../actions/MessageField";
import { DeviceNames } from "../actions/many/DeviceNames";
import { ManyDialog } from "../actions/many/ManyDialog";
import type { Named } from "../actions/many/writes";

interface Props {
  /** As they were chosen; others that come and go meanwhile change nothing. */
  chosen: readonly Named[];
  close(): void;
  /** Hears of those that are back. */
  onBack(back: readonly Named[]): void;
}

/** Brings back several configurations that were deleted, and tells what became of each. */
export const UndeleteMany = ({ chosen, close, onBack }: Props) => {
  const [items] = useState(chosen);
  const [message, setMessage] = useState("");
  return (
    <ManyDialog
      items={items}
      title={items.length === 1 ? `Undelete ${called(items[0]!)}?` : `Undelete ${devices(items.length)}?`}
      description="Each is as it was before, as a new revision, and its device is told."
      words={{ doing: "Undeleting", did: "brought back", failed: "Could not be brought back", left: "Still deleted" }}
      submit={{ label: "Undelete", kind: "primary" }}
      work={async (item, attempt) => (await undelete(item.id, { message, attempt })).revision}
      onDone={onBack}
      close={close}
    >
      <DeviceNames title="Which devices" items={items} open={items.length <= 5} />
      <MessageField value={message} onChange={setMessage} example="Such as: deleted by mistake" />
    </ManyDialog>
  );
};
