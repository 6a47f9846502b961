import { isLost } from "../../api/useAttempt";
import type { ImportReport } from "../../api/write";
import { counted } from "../../fleet/counted";
import { toast, toastFailure } from "../../ui/Toast";
import { whyNot } from "../actions/many/run";
import type { Planned } from "./plan";

/** What an import that was done has done, as a line: "Imported: 2 created, 1 unchanged". */
export const importedSays = (plan: readonly Planned[], report: ImportReport): string => {
  const parts = [
    [report.created, "created"],
    [report.updated, "updated"],
    [report.unchanged, "unchanged"],
    [report.skipped, "skipped"],
    [refusedIn(plan), "refused"],
  ] as const;
  const says = parts.filter(([n]) => n > 0).map(([n, word]) => `${counted(n)} ${word}`);
  return `Imported: ${says.join(", ") || "nothing"}`;
};

const refusedIn = (plan: readonly Planned[]): number => plan.filter((each) => each.fate === "refused").length;

/** Tells how an import ended, where nobody is on its page any more. */
export const tellImport = (plan: readonly Planned[], report: ImportReport) => {
  const refused = refusedIn(plan);
  if (report.applied) return toast({ title: importedSays(plan, report), bad: refused > 0 });
  const says = `${counted(refused)} ${refused === 1 ? "file was" : "files were"} refused`;
  toast({ title: "Nothing was imported", detail: `${says}. Choose the files again, and see which and why`, bad: true });
};

/** The same of one that failed. */
export const tellImportFailed = (error: unknown) => {
  if (!isLost(error)) return toastFailure("The import failed", error);
  const detail = `${whyNot(error)}. It may have been done all the same: choose the files again, and see`;
  toast({ title: "The import failed", detail, bad: true });
};
