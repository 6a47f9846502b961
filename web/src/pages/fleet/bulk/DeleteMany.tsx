import { useState } from "react";
import { remove } from "../../../api/write";
import { devices } from "../../../fleet/counted";
import type { Row } from "../../../fleet/row";
import { Field } from "../../../ui/Field";
import { called } from "../../actions/device";
import { MessageField } from "../../actions/MessageField";
import { DeviceNames } from "../../actions/many/DeviceNames";
import { ManyDialog } from "../../actions/many/ManyDialog";
import { bringBackMany } from "../../actions/undelete";
import css from "./bulk.module.css";

const typedFrom = 10; // devices from which the number must be typed

/** Asks before many configurations go: which, what is lost, and what is not. */
export const DeleteMany = ({ rows, close }: { rows: readonly Row[]; close(): void }) => {
  const [message, setMessage] = useState("");
  const [typed, setTyped] = useState("");
  const sure = rows.length < typedFrom || typed.replaceAll(/\D/g, "") === String(rows.length);
  return (
    <ManyDialog
      items={rows}
      title={`Delete ${rows.length === 1 ? `the configuration of ${called(rows[0]!)}` : devices(rows.length)}?`}
      words={{ doing: "Deleting", did: "deleted", failed: "Not deleted" }}
      submit={{ label: `Delete ${devices(rows.length)}`, kind: "danger", disabled: !sure }}
      work={async (row, attempt) => {
        await remove(row.id, { revision: row.revision, message, attempt });
        return row.revision + 1;
      }}
      undo={(gone) => void bringBackMany(gone)}
      close={close}
    >
      <p>
        {rows.length === 1 ? "The device finds" : "These devices find"} no configuration here any more: most go on with
        what they have until they start anew, and then have none.
      </p>
      <p className={css.note}>
        Documents and their history are kept for a while, so this can be undone: here at once, and later under Deleted.
      </p>
      <DeviceNames title="Which devices" items={rows} open={rows.length <= 5} />
      <MessageField value={message} onChange={setMessage} example="Such as: taken out of service" />
      {rows.length >= typedFrom && (
        <Field
          label={`Type ${rows.length} to delete them`}
          inputMode="numeric"
          autoComplete="off"
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
      )}
    </ManyDialog>
  );
};
