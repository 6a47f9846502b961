import { Download, Eraser, PencilLine, Trash2, X } from "lucide-react";
import { lazy, type RefObject, Suspense, useState } from "react";
import { asFailure } from "../../api/client";
import { counted, devices } from "../../fleet/counted";
import type { Row } from "../../fleet/row";
import type { FleetStore } from "../../fleet/store";
import { Button, IconButton } from "../../ui/Button";
import { toast, toastFailure } from "../../ui/Toast";
import css from "./SelectionBar.module.css";
import type { Selection } from "./selection";

const ValueDialog = lazy(() => import("./bulk/ValueDialog").then((m) => ({ default: m.ValueDialog })));
const DeleteMany = lazy(() => import("./bulk/DeleteMany").then((m) => ({ default: m.DeleteMany })));

interface Props {
  footRef: RefObject<HTMLDivElement | null>;
  fleet: FleetStore;
  rows: readonly Row[];
  selection: Selection;
}

/** What can be done to all that are selected. */
export const SelectionBar = ({ footRef, fleet, rows, selection }: Props) => {
  const [open, setOpen] = useState<{ what: "set" | "remove" | "delete"; rows: readonly Row[] } | null>(null);
  const [exporting, setExporting] = useState<AbortController | null>(null);
  const count = selection.ids.size;
  const hidden = count === 0 ? 0 : count - rows.reduce((n, row) => n + (selection.ids.has(row.id) ? 1 : 0), 0);
  const chosen = () => {
    const found: Row[] = [];
    for (const id of selection.ids) {
      const row = fleet.rows.get(id);
      if (row) found.push(row);
    }
    return found.sort((a, b) => (a.mac < b.mac ? -1 : 1));
  };
  const exportChosen = async () => {
    const stop = new AbortController();
    setExporting(stop);
    try {
      const { exportRows } = await import("./bulk/exportRows");
      toast({ title: `${devices(await exportRows(chosen(), stop.signal))} exported` });
    } catch (error) {
      if (!stop.signal.aborted) toastFailure("The documents could not be exported", asFailure(error));
    }
    setExporting(null);
  };
  return (
    <>
      <div ref={footRef} className={css.foot}>
        {count > 0 && (
          <section className={css.bar} aria-label="Selected devices">
            <p className={css.count} role="status">
              <strong>{counted(count)}</strong> selected
              {hidden > 0 && <span className={css.hidden}> ({counted(hidden)} not shown)</span>}
            </p>
            <div className={css.actions}>
              <Button size="s" icon={<PencilLine />} onClick={() => setOpen({ what: "set", rows: chosen() })}>
                Set a value
              </Button>
              <Button size="s" icon={<Eraser />} onClick={() => setOpen({ what: "remove", rows: chosen() })}>
                Remove a value
              </Button>
              {exporting ? (
                <Button size="s" icon={<X />} onClick={() => exporting.abort()}>
                  Stop export
                </Button>
              ) : (
                <Button size="s" icon={<Download />} onClick={() => void exportChosen()}>
                  Export
                </Button>
              )}
              <Button
                size="s"
                kind="danger"
                icon={<Trash2 />}
                onClick={() => setOpen({ what: "delete", rows: chosen() })}
              >
                Delete
              </Button>
              <IconButton size="s" label="Clear the selection" icon={<X />} onClick={() => selection.clear()} />
            </div>
          </section>
        )}
      </div>
      <Suspense>
        {open?.what === "delete" && <DeleteMany rows={open.rows} close={() => setOpen(null)} />}
        {(open?.what === "set" || open?.what === "remove") && (
          <ValueDialog mode={open.what} rows={open.rows} close={() => setOpen(null)} />
        )}
      </Suspense>
    </>
  );
};
