import { json } from "@codemirror/lang-json";
import { Chunk, goToNextChunk, goToPreviousChunk, MergeView, unifiedMergeView } from "@codemirror/merge";
import { EditorState, type Extension, type StateCommand, Text } from "@codemirror/state";
import { EditorView, lineNumbers } from "@codemirror/view";
import { ArrowDown, ArrowUp, Equal, Space, UnfoldVertical } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { nonce } from "../app/nonce";
import { Button, IconButton } from "../ui/Button";
import { useMedia } from "../ui/useMedia";
import css from "./DiffView.module.css";
import { formatDocument } from "./format";
import { isDense, onlyLayoutDiffers } from "./layout";
import { paper } from "./paper";

export type DiffMode = "split" | "inline";

interface Props {
  before: string;
  after: string;
  /** Side by side, or one below the other; a narrow window has the latter always. */
  mode: DiffMode;
  /** What is compared with what, for who cannot see it. */
  label: string;
}

/** Two texts of JSON compared. What is equal in both is folded; nothing can be changed in it. */
export const DiffView = ({ before, after, mode, label }: Props) => {
  const host = useRef<HTMLDivElement>(null);
  const shown = useRef<EditorView | null>(null);
  const wide = useMedia("(min-width: 720px)");
  const split = mode === "split" && wide;
  const [whole, setWhole] = useState(false);
  const layoutOnly = useMemo(() => onlyLayoutDiffers(before, after), [before, after]);
  const dense = useMemo(() => isDense(before) || isDense(after), [before, after]);
  const [chosen, setChosen] = useState<boolean | null>(null);
  const ignoreLayout = chosen ?? (dense && !layoutOnly);
  const [a, b] = useMemo(
    () => (ignoreLayout ? [laidOut(before), laidOut(after)] : [before, after]),
    [before, after, ignoreLayout],
  );
  const lines = useMemo(() => countLines(a, b), [a, b]);

  useEffect(() => {
    if (!lines.chunks) return;
    const made = split ? sideBySide(host.current!, a, b, whole) : inOne(host.current!, a, b, whole);
    shown.current = made.view;
    return () => {
      shown.current = null;
      made.destroy();
    };
  }, [a, b, split, whole, lines.chunks]);

  const go = (command: StateCommand) => {
    const view = shown.current;
    if (!view) return;
    command(view);
    view.dispatch({ effects: EditorView.scrollIntoView(view.state.selection.main.head, { y: "center" }) });
  };

  if (before === after)
    return (
      <p className={css.same}>
        <Equal aria-hidden /> No differences
      </p>
    );
  return (
    <section className={css.diff} aria-label={label}>
      <div className={css.bar}>
        <p className={css.sum}>
          {lines.chunks > 0 && (
            <>
              <span className={css.plus}>+{lines.added}</span>
              <span className={css.minus}>−{lines.removed}</span>
              <span>{lines.added + lines.removed === 1 ? "line" : "lines"}</span>
            </>
          )}
          {layoutOnly && <span className={css.note}>Only spaces and line breaks differ: every value is the same</span>}
        </p>
        <span className={css.tools}>
          <IconButton size="s" label="Previous change" icon={<ArrowUp />} onClick={() => go(goToPreviousChunk)} />
          <IconButton size="s" label="Next change" icon={<ArrowDown />} onClick={() => go(goToNextChunk)} />
          <Button
            size="s"
            kind="quiet"
            icon={<Space />}
            aria-pressed={ignoreLayout}
            onClick={() => setChosen(!ignoreLayout)}
          >
            Ignore layout
          </Button>
          <Button size="s" kind="quiet" icon={<UnfoldVertical />} aria-pressed={whole} onClick={() => setWhole(!whole)}>
            All lines
          </Button>
        </span>
      </div>
      {lines.chunks > 0 ? (
        <div ref={host} className={css.host} />
      ) : (
        <p className={css.same}>
          <Equal aria-hidden /> {ignoreLayout ? "No differences but in layout" : "Only the ends of lines differ"}
        </p>
      )}
    </section>
  );
};

// Whether there is a line break at the end is layout too.
const laidOut = (text: string) => formatDocument(text)?.trimEnd() ?? text;

const diffConfig = { scanLimit: 1000, timeout: 300 };

const countLines = (before: string, after: string) => {
  const a = textOf(before);
  const b = textOf(after);
  const chunks = Chunk.build(a, b, diffConfig);
  const span = (text: Text, from: number, to: number, end: number) =>
    from === to ? 0 : text.lineAt(Math.min(end, text.length)).number - text.lineAt(from).number + 1;
  let added = 0;
  let removed = 0;
  for (const chunk of chunks) {
    removed += span(a, chunk.fromA, chunk.toA, chunk.endA);
    added += span(b, chunk.fromB, chunk.toB, chunk.endB);
  }
  return { chunks: chunks.length, added, removed };
};

const textOf = (text: string) => Text.of(text.split(/\r\n?|\n/));

const theme = EditorView.theme({
  "&.cm-focused": { outline: "2px solid var(--focus)", outlineOffset: "-2px" },
  ".cm-lineNumbers .cm-gutterElement": { padding: "0 0.5rem 0 0.75rem" },
  "&.cm-merge-a .cm-changedLine, & .cm-deletedChunk": { backgroundColor: "var(--removed)" },
  "&.cm-merge-b .cm-changedLine": { backgroundColor: "var(--added)" },
  "&.cm-merge-a .cm-changedText, & .cm-deletedChunk .cm-deletedText, &.cm-merge-b .cm-deletedText": {
    background: "none",
    textDecoration: "underline 2px var(--removed-ink)",
    textUnderlineOffset: "0.25em",
  },
  "&.cm-merge-b .cm-changedText": {
    background: "none",
    textDecoration: "underline 2px var(--added-ink)",
    textUnderlineOffset: "0.25em",
  },
  "& .cm-deletedChunk": { paddingLeft: "6px" },
  "& .cm-collapsedLines": {
    background: "var(--sunken)",
    color: "var(--ink-soft)",
    fontFamily: "var(--font)",
    fontSize: "var(--text-xs)",
    "&:before, &:after": { content: '"⋯"' },
  },
  "&.cm-merge-a .cm-changedLineGutter, & .cm-deletedLineGutter": { background: "var(--removed-ink)" },
  "&.cm-merge-b .cm-changedLineGutter": { background: "var(--added-ink)" },
});

const extensions = (label: string): Extension => [
  EditorView.cspNonce.of(nonce),
  EditorState.readOnly.of(true),
  EditorView.editable.of(false),
  EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0", role: "textbox", "aria-readonly": "true" }),
  EditorView.lineWrapping,
  lineNumbers(),
  json(),
  paper,
  theme,
];

const folds = (whole: boolean) => (whole ? {} : { collapseUnchanged: { margin: 3, minSize: 4 } });

const sideBySide = (parent: HTMLElement, before: string, after: string, whole: boolean) => {
  const view = new MergeView({
    parent,
    a: { doc: textOf(before), extensions: extensions("Before") },
    b: { doc: textOf(after), extensions: extensions("After") },
    diffConfig,
    ...folds(whole),
  });
  return { view: view.b, destroy: () => view.destroy() };
};

const inOne = (parent: HTMLElement, before: string, after: string, whole: boolean) => {
  const view = new EditorView({
    parent,
    doc: textOf(after),
    extensions: [
      extensions("Before and after"),
      unifiedMergeView({ original: textOf(before), mergeControls: false, diffConfig, ...folds(whole) }),
    ],
  });
  return { view, destroy: () => view.destroy() };
};
