import { Link } from "@tanstack/react-router";
import { type MouseEvent, useState } from "react";
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

/** The configuration was deleted while its document was edited; `by` whom, where that is known. */
export const Gone = ({ by, busy, back, discard }: { by: string; busy: boolean; back(): void; discard(): void }) => (
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
      {by && `Deleted by ${by}. `}The device gets no document any more. Bringing it back restores the document as it
      was; then you see what your text changes in it, and can save that.
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

/** What is written is nowhere but on this page. */
export const Unkept = () => (
  <div role="status">
    <Notice kind="warn" title="What you write cannot be kept in this browser">
      <p>Save it before you close this page, or it is lost. The browser forbids it, or has no room for it.</p>
    </Notice>
  </div>
);

/** A draft of an earlier visit; `stranger`: it was written for another device, of another database. */
export const DraftFound = ({
  draft,
  stranger,
  base,
  restore,
  discard,
}: {
  draft: Draft;
  stranger: boolean;
  base: Based;
  restore(): void;
  discard(event: MouseEvent): void;
}) => {
  const [open, setOpen] = useState(false);
  return (
    <Notice
      title={
        stranger ? (
          <>
            A draft for another device, <code>{draft.mac}</code>, was found
          </>
        ) : (
          <>
            A draft from <Time at={draft.at / 1000} /> on revision {draft.revision} was found
          </>
        )
      }
      action={
        <>
          {!stranger && (
            <Button size="s" kind="primary" onClick={restore}>
              Restore
            </Button>
          )}
          <Button size="s" onClick={() => setOpen(true)}>
            Compare
          </Button>
          <Button size="s" kind="danger" onClick={discard}>
            Discard
          </Button>
        </>
      }
    >
      <p>
        It was written in this browser and not saved
        {stranger && (
          <>
            {" "}
            (<Time at={draft.at / 1000} />
            ), when this configuration was that of the other device: the server had another database then
          </>
        )}
        .
      </p>
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
