import { Link } from "@tanstack/react-router";
import { FileDown, RotateCw } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { Failure } from "../api/client";
import { isLost } from "../api/useAttempt";
import { devices } from "../fleet/counted";
import { Button } from "../ui/Button";
import { Notice } from "../ui/Notice";
import { Card, Page } from "../ui/Page";
import { Failed, Skeleton } from "../ui/states";
import { dated, download } from "./actions/download";
import { ExportButton } from "./actions/ExportButton";
import css from "./ImportPage.module.css";
import { CompareDialog } from "./import/CompareDialog";
import { Confirm } from "./import/Confirm";
import { DropZone } from "./import/DropZone";
import { takeHanded } from "./import/drop";
import { PlanList } from "./import/PlanList";
import { type Planned, reportCsv } from "./import/plan";
import { importedSays } from "./import/told";
import { type Choices, type Phase, useImport } from "./import/useImport";

/** Documents in from files, with a report for each before anything is done; and everything out. */
export const ImportPage = () => {
  const { phase, choose, recheck, send, reset } = useImport();
  const [choices, setChoices] = useState<Choices>({ onConflict: "update", keepGoing: false, message: "" });
  const [compared, setCompared] = useState<Planned | null>(null);
  useEffect(() => {
    const handed = takeHanded();
    if (handed) void choose(handed);
  }, [choose]);
  return (
    <Page
      title="Import"
      intro="Documents come in from files, and nothing is changed before you have seen what would be."
      actions={
        <ExportButton
          path="api/export"
          name="espalier"
          failed="The fleet could not be exported"
          title="All documents, with the passwords in them"
        >
          Export everything
        </ExportButton>
      }
    >
      <p className="visually-hidden" role="status">
        {progressSays(phase)}
      </p>
      {phase.at === "choose" && (
        <DropZone title="Drop a folder or files here" onFound={(found) => void choose(found)} />
      )}
      {(phase.at === "reading" || phase.at === "checking") && (
        <Card>
          <p>{progressSays(phase)}</p>
          {phase.at === "reading" && phase.total > 0 && (
            <progress className={css.progress} value={phase.read} max={phase.total} aria-label="Files read" />
          )}
          <Skeleton lines={5} label="Working" />
          <Button onClick={reset}>Cancel</Button>
        </Card>
      )}
      {(phase.at === "plan" || phase.at === "importing") && (
        <Review
          plan={phase.plan}
          choices={choices}
          onChoose={setChoices}
          onCompare={setCompared}
          onSend={() => phase.at === "plan" && void send(phase.plan, choices)}
          onReset={reset}
          busy={phase.at === "importing"}
        />
      )}
      {phase.at === "done" && <Result phase={phase} onReset={reset} onRecheck={() => void recheck()} />}
      {phase.at === "failed" && (
        <Failed
          what={phase.plan ? "The import failed" : "The files could not be checked"}
          error={readable(phase.error)}
        >
          {phase.plan && isLost(phase.error) && (
            <p>It may have been done all the same. Check again: what is there already is told apart.</p>
          )}
          <div className={css.buttons}>
            <Button icon={<RotateCw />} onClick={() => void recheck()}>
              Check again
            </Button>
            <Button onClick={reset}>Choose other files</Button>
          </div>
        </Failed>
      )}
      {compared && <CompareDialog planned={compared} close={() => setCompared(null)} />}
    </Page>
  );
};

/** What the browser throws where a file is gone, or may not be read. */
const readable = (error: unknown): unknown =>
  error instanceof DOMException
    ? new Failure(0, "FILE", "A file could not be read", "It was moved, or this browser may not read it")
    : error;

const progressSays = (phase: Phase): string => {
  switch (phase.at) {
    case "reading":
      return phase.total
        ? `Read ${phase.read.toLocaleString()} of ${phase.total.toLocaleString()} files`
        : "Looking for files";
    case "checking":
      return `The server looks at ${phase.files.toLocaleString()} files`;
    case "importing":
      return "Importing";
    case "plan":
      return `${phase.plan.length.toLocaleString()} files were checked. Nothing is changed yet.`;
    default:
      return "";
  }
};

interface ReviewProps {
  plan: Planned[];
  choices: Choices;
  onChoose(choices: Choices): void;
  onCompare(planned: Planned): void;
  onSend(): void;
  onReset(): void;
  busy: boolean;
}

const Review = ({ plan, choices, onChoose, onCompare, onSend, onReset, busy }: ReviewProps) => {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  if (!plan.length)
    return (
      <Notice
        kind="warn"
        title="There are no files in it"
        action={<Button onClick={onReset}>Choose another folder</Button>}
      >
        <p>A folder to import has a file for each device, named by its MAC address.</p>
      </Notice>
    );
  return (
    <>
      <h2 ref={heading} tabIndex={-1} className={css.heading}>
        What will happen
      </h2>
      <PlanList plan={plan} onConflict={choices.onConflict} onCompare={onCompare} />
      <Confirm plan={plan} choices={choices} onChoose={onChoose} onSend={onSend} onReset={onReset} busy={busy} />
    </>
  );
};

const Result = ({
  phase: { plan, report, onConflict },
  onReset,
  onRecheck,
}: {
  phase: Extract<Phase, { at: "done" }>;
  onReset(): void;
  onRecheck(): void;
}) => {
  const changed = plan.filter((each) => each.changed).length;
  const again = (
    <Button icon={<RotateCw />} onClick={onRecheck}>
      Check again
    </Button>
  );
  return (
    <>
      {report.applied ? (
        <Notice title={importedSays(plan, report)}>
          <p>Devices are told now, and fetch. The fleet shows who has the new document.</p>
        </Notice>
      ) : (
        <Notice kind="danger" title="Nothing was imported" action={again}>
          <p>
            {changed
              ? `${devices(changed)} ${changed === 1 ? "was" : "were"} changed since the check, and nothing is written over that you have not seen. Check again, and see what the files would change now.`
              : "Something was refused that was not when it was checked. See which, and why, below."}
          </p>
        </Notice>
      )}
      {report.applied && changed > 0 && (
        <Notice kind="warn" title={`Changed since the check, and left alone: ${devices(changed)}`} action={again}>
          <p>Check again, and see what these files would change now.</p>
        </Notice>
      )}
      <div className={css.buttons}>
        {report.applied && (
          <Link to="/" search={{ sort: "updated", desc: true }} className={css.primary}>
            To the fleet
          </Link>
        )}
        <Button
          icon={<FileDown />}
          onClick={() =>
            download(
              new Blob([reportCsv(plan, onConflict, report.applied)], { type: "text/csv" }),
              dated("espalier-import", "csv"),
            )
          }
        >
          Download the report
        </Button>
        <Button onClick={onReset}>Import more</Button>
      </div>
      <PlanList plan={plan} onConflict={onConflict} applied={report.applied} onCompare={() => {}} />
    </>
  );
};
