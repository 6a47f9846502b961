import { Download } from "lucide-react";
import { useState } from "react";
import { request } from "../../api/client";
import { Button } from "../../ui/Button";
import { toastFailure } from "../../ui/Toast";
import { dated, download } from "./download";

interface Props {
  /** Where the server has it. */
  path: string;
  /** What the file is called, before the day. */
  name: string;
  /** What is told where it fails. */
  failed: string;
  title?: string;
  children: string;
}

/** Has the browser keep what the server exports, a line for each. */
export const ExportButton = ({ path, name, failed, title, children }: Props) => {
  const [busy, setBusy] = useState(false);
  const run = async () => {
    setBusy(true);
    try {
      download(await (await request(path)).blob(), dated(name, "ndjson"));
    } catch (error) {
      toastFailure(failed, error);
    }
    setBusy(false);
  };
  return (
    <Button icon={<Download />} busy={busy} onClick={() => void run()} title={title}>
      {children}
    </Button>
  );
};
