import { FileText, FolderOpen } from "lucide-react";
import { type ChangeEvent, type DragEvent, useEffect, useRef, useState } from "react";
import { Button } from "../../ui/Button";
import css from "./DropZone.module.css";
import { foundInDrop, foundInInput } from "./drop";
import type { Found } from "./intake";

const accept = ".json,.ndjson,.jsonl";

/** Where a folder or files are dropped, or chosen by keyboard. What is dropped beside it is taken too. */
export const DropZone = ({ onFound, title }: { onFound(found: Promise<Found[]>): void; title: string }) => {
  const [over, setOver] = useState(false);
  const folder = useRef<HTMLInputElement>(null);
  const files = useRef<HTMLInputElement>(null);
  const found = useRef(onFound);
  found.current = onFound;
  useEffect(() => {
    // A browser shows a file that is dropped where nobody takes it, in place of the page.
    const drag = (event: globalThis.DragEvent) => event.preventDefault();
    const drop = (event: globalThis.DragEvent) => {
      if (event.defaultPrevented) return;
      event.preventDefault();
      if (event.dataTransfer?.files.length) found.current(foundInDrop(event.dataTransfer));
    };
    window.addEventListener("dragover", drag);
    window.addEventListener("drop", drop);
    return () => {
      window.removeEventListener("dragover", drag);
      window.removeEventListener("drop", drop);
    };
  }, []);
  const dropped = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    if (event.dataTransfer.items.length) onFound(foundInDrop(event.dataTransfer));
  };
  const chosen = (event: ChangeEvent<HTMLInputElement>) => {
    if (event.target.files?.length) onFound(Promise.resolve(foundInInput(event.target.files)));
    event.target.value = "";
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: what can be dropped here can be chosen with the buttons
    <div
      className={css.zone}
      data-over={over || undefined}
      onDragEnter={() => setOver(true)}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(false);
      }}
      onDrop={dropped}
    >
      <FolderOpen className={css.icon} aria-hidden />
      <p className={css.title}>{title}</p>
      <p className={css.says}>
        A file for each device, named by its MAC address: <code>aa-bb-cc-dd-ee-ff.json</code>, or an export. You see
        first what would happen to each.
      </p>
      <div className={css.buttons}>
        <Button kind="primary" icon={<FolderOpen />} onClick={() => folder.current?.click()}>
          Choose a folder
        </Button>
        <Button icon={<FileText />} onClick={() => files.current?.click()}>
          Choose files
        </Button>
      </div>
      <input
        ref={folder}
        type="file"
        className={css.input}
        tabIndex={-1}
        aria-label="Folder to import"
        multiple
        {...{ webkitdirectory: "" }}
        onChange={chosen}
      />
      <input
        ref={files}
        type="file"
        className={css.input}
        tabIndex={-1}
        aria-label="Files to import"
        multiple
        accept={accept}
        onChange={chosen}
      />
    </div>
  );
};
