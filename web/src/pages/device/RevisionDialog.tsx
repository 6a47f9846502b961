import { useQuery } from "@tanstack/react-query";
import { Copy, Download } from "lucide-react";
import { request } from "../../api/client";
import { documentQuery } from "../../api/queries";
import { Button } from "../../ui/Button";
import { copy } from "../../ui/copy";
import { Dialog } from "../../ui/Dialog";
import { Failed, Skeleton } from "../../ui/states";
import { exactTime } from "../../ui/Time";
import { toastFailure } from "../../ui/Toast";
import { download } from "../actions/download";
import { dashedMac } from "../actions/mac";
import { Code } from "./Code";
import css from "./RevisionDialog.module.css";
import { bytes, type Revision } from "./words";

/** The document of a revision, as it was written; to copy and to keep as a file. */
export const RevisionDialog = ({
  id,
  revision: r,
  open,
  onOpenChange,
}: {
  id: number;
  revision: Revision;
  open: boolean;
  onOpenChange(open: boolean): void;
}) => {
  const text = useQuery({ ...documentQuery(id, r.revision), enabled: open });
  const keep = async () => {
    try {
      const response = await request(`api/configs/${id}/revisions/${r.revision}/document`);
      download(await response.blob(), `${dashedMac(r.mac_address)}-r${r.revision}.json`);
    } catch (error) {
      toastFailure("The document could not be downloaded", error);
    }
  };
  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      size="l"
      title={`Document of revision ${r.revision}`}
      description={`As it was written ${exactTime(Date.parse(r.created_at))}: ${bytes(r.size)}`}
      footer={
        <>
          <Button
            icon={<Copy />}
            disabled={!text.isSuccess}
            onClick={() => void copy(text.data ?? "", `Revision ${r.revision}`)}
          >
            Copy
          </Button>
          <Button icon={<Download />} onClick={() => void keep()}>
            Download
          </Button>
        </>
      }
    >
      {text.isError ? (
        <Failed what="The document could not be read" error={text.error} retry={() => void text.refetch()} />
      ) : text.data === undefined ? (
        <Skeleton lines={8} label="Reading the document" />
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
        <section className={css.text} tabIndex={0} aria-label={`Document of revision ${r.revision}`}>
          <pre>
            <Code text={text.data} />
          </pre>
        </section>
      )}
    </Dialog>
  );
};
