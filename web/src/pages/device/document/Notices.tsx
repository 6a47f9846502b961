import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { Button } from "../../../ui/Button";
import { Notice } from "../../../ui/Notice";
import { Time } from "../../../ui/Time";
import { type Device, type Revision, whoSays } from "../words";
import { CompareDialog } from "./Compare";
import type { Draft } from "./drafts";
import type { Based } from "./useEditing";

/** By whom a revision was saved, from where and why, as a part of a sentence. */
export const savedBy = (r: Revision | undefined): string =>
  r
    ? whoSays(r.principal).replace(/^The /, "the ") +
      (r.address ? ` (${r.address})` : "") +
      (r.message ? `: “${r.message}”` : "")
    : "";

/** Somebody else saved while this was edited. */
export const Overtaken = ({
  theirs,
  by,
  at,
  look,
}: {
  theirs: Based;
  by: string;
  at: string | undefined;
  look(): void;
}) => (
  <div role="alert">
    <Notice
      kind="warn"
      title={
        <>
          Revision {theirs.revision} was saved {by ? `by ${by.replace(/: “.*$/s, "")}` : "by somebody else"} while you
          edit
        </>
      }
      action={
        <Button size="s" onClick={look}>
          Look at both
        </Button>
      }
    >
      <p>
        {at && (
          <>
            <Time at={at} />.{" "}
          </>
        )}
        Your changes are kept; before you save, you choose what is to be.
      </p>
    </Notice>
  </div>
);

/** The configuration was deleted while its document was edited. */
export const Gone = ({ busy, back, discard }: { busy: boolean; back(): void; discard(): void }) => (
  <Notice
    kind="danger"
    title="It was deleted while you edit"
    action={
      <>
        <Button size="s" kind="primary" busy={busy} onClick={back}>
          Bring it back with my text
        </Button>
        <Button size="s" kind="danger" onClick={discard}>
          Discard my text
        </Button>
      </>
    }
  >
    <p>
      Bringing it back restores the document as it was; then you see what your text changes in it, and can save that.
    </p>
  </Notice>
);

/** The device reported an error in a revision that is not the one that is shown. */
export const ReportedElsewhere = ({ id, reported }: { id: number; reported: NonNullable<Device["reported"]> }) => (
  <Notice
    kind="warn"
    title={`The device reported an error in revision ${reported.revision}`}
    action={
      <Link to="/devices/$id/history" params={{ id }} search={{ to: reported.revision }}>
        Show revision {reported.revision}
      </Link>
    }
  >
    <p>
      {[reported.code, reported.message].filter(Boolean).join(": ") || "It said no more than that."}
      {reported.path && (
        <>
          {" "}
          (at <code>{reported.path}</code>)
        </>
      )}{" "}
      <Time at={reported.at} />
    </p>
  </Notice>
);

/** A draft of an earlier visit. */
export const DraftFound = ({
  draft,
  base,
  restore,
  discard,
}: {
  draft: Draft;
  base: Based;
  restore(): void;
  discard(): void;
}) => {
  const [open, setOpen] = useState(false);
  return (
    <Notice
      title={
        <>
          A draft from <Time at={draft.at / 1000} /> on revision {draft.revision} was found
        </>
      }
      action={
        <>
          <Button size="s" kind="primary" onClick={restore}>
            Restore
          </Button>
          <Button size="s" onClick={() => setOpen(true)}>
            Compare
          </Button>
          <Button size="s" kind="danger" onClick={discard}>
            Discard
          </Button>
        </>
      }
    >
      <p>It was written in this browser and not saved.</p>
      {open && (
        <CompareDialog
          title="The draft, against the document"
          label={`Revision ${base.revision} and the draft`}
          before={base.text}
          after={draft.text}
          close={() => setOpen(false)}
        />
      )}
    </Notice>
  );
};
