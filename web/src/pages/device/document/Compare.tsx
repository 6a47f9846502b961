import { Columns2, Rows2 } from "lucide-react";
import { useState } from "react";
import { LazyDiff } from "../../../editor/LazyDiff";
import { Button } from "../../../ui/Button";
import { Dialog } from "../../../ui/Dialog";
import { Failed, Skeleton } from "../../../ui/states";
import css from "./document.module.css";

type Mode = "split" | "inline";

/** Two texts compared; side by side where there is room for that, if it is wanted. */
export const Diff = ({
  before,
  after,
  label,
  first = "split",
}: {
  before: string;
  after: string;
  label: string;
  first?: Mode;
}) => {
  const [mode, setMode] = useState<Mode>(first);
  const next = mode === "split" ? "inline" : "split";
  return (
    <div>
      <div className={css.modes}>
        <span className={css.hint}>{label}</span>
        <Button size="s" kind="quiet" icon={next === "inline" ? <Rows2 /> : <Columns2 />} onClick={() => setMode(next)}>
          {next === "inline" ? "In one column" : "Side by side"}
        </Button>
      </div>
      <LazyDiff before={before} after={after} mode={mode} label={label} />
    </div>
  );
};

/** Two texts compared in a dialog; undefined: it is being read. `failed`: what could not be. */
export const CompareDialog = ({
  title,
  label,
  before,
  after,
  failed,
  close,
}: {
  title: string;
  label: string;
  before: string | undefined;
  after: string | undefined;
  failed?: { what: string; error: unknown; retry?: () => void } | null;
  close(): void;
}) => (
  <Dialog open onOpenChange={(open) => !open && close()} title={title} size="full">
    {failed ? (
      <Failed {...failed} />
    ) : before === undefined || after === undefined ? (
      <Skeleton lines={8} label="Reading the documents" />
    ) : (
      <Diff before={before} after={after} label={label} />
    )}
  </Dialog>
);
