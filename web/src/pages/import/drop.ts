import type { Found } from "./intake";

/** What was dropped, with everything in dropped folders. Call it in the drop event itself: the browser forgets it afterwards. */
export const foundInDrop = (transfer: DataTransfer): Promise<Found[]> => {
  const entries = [...transfer.items].filter((item) => item.kind === "file").map((item) => item.webkitGetAsEntry());
  const files = [...transfer.files];
  return (async () => {
    const found: Found[] = [];
    let plain = 0;
    for (const entry of entries) {
      if (entry) await walk(entry, found);
      else if (files[plain]) found.push({ path: files[plain]!.name, file: files[plain]! });
      plain++;
    }
    return found;
  })();
};

/** What is in a folder, in whatever order. */
const walk = async (entry: FileSystemEntry, found: Found[]): Promise<void> => {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    found.push({ path: entry.fullPath.replace(/^\//, ""), file });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  // A reader hands over a hundred or so at a time, until it hands over none.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return;
    await Promise.all(some.map((inner) => walk(inner, found)));
  }
};

/** What an input of files has. */
export const foundInInput = (files: FileList): Found[] =>
  [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));

let handed: Promise<Found[]> | null = null;

/** Hands what was dropped elsewhere over to the page that imports. */
export const hand = (found: Promise<Found[]>) => {
  handed = found;
};

/** What was handed over, once. */
export const takeHanded = (): Promise<Found[]> | null => {
  const found = handed;
  handed = null;
  return found;
};
