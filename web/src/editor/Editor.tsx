import { redo, undo } from "@codemirror/commands";
import { openSearchPanel } from "@codemirror/search";
import { AlignLeft, Redo2, Search, Undo2, UserRoundSearch } from "lucide-react";
import {
  type ReactNode,
  type Ref,
  useEffect,
  useId,
  useImperativeHandle,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { useShortcuts } from "../app/shortcuts";
import { IconButton } from "../ui/Button";
import { defaultMaxBytes, type Problem } from "./checks";
import css from "./Editor.module.css";
import { type Placed, Problems } from "./Problems";
import { locate } from "./pointer";
import { type Status, Surface } from "./surface";

export interface EditorHandle {
  /** What has the focus when one writes. */
  readonly element: HTMLElement;
  focus(): void;
  /**
   * Puts another text, of another origin, in place of what is there; the cursor stays where it was in what is equal. If it is an
   * edit, it can be undone, and text and origin are as they were.
   */
  replace(text: string, edit: boolean, origin?: unknown): void;
  /** Goes to the next problem that keeps the document from being saved. */
  showError(): void;
  /** Goes to where a JSON Pointer leads. */
  showPath(pointer: string): void;
  /** Asks who set the value at the cursor. */
  whoSet(): void;
}

interface Props {
  /** The text at first; what is typed later is told by onChange alone. */
  initial: string;
  /** What the text was made from; it is told with each text, and undone with it. */
  origin?: unknown;
  /** Each text that is typed, with the ends of lines that it came with. */
  onChange(text: string, origin: unknown): void;
  label: string;
  /** Problems besides those of checkDocument, such as the server's. It gets the text in which their places count. */
  more?: (text: string) => Problem[];
  /** The bytes that the server takes. */
  maxBytes?: number;
  readOnly?: boolean;
  /** Tells who set the value that a JSON Pointer leads to; it is asked for where the cursor is. */
  whoSet?: (pointer: string) => void;
  /** What stands at the right of the tools. */
  actions?: ReactNode;
  /** As high as its text, no toolbar, and Tab goes on: where the editor is a part of a form. */
  small?: boolean;
  ref?: Ref<EditorHandle | null>;
}

/** An editor of a JSON document: marks what is wrong with it, and lists that below. */
export const Editor = ({ initial, origin, label, readOnly = false, actions, small = false, ref, ...wanted }: Props) => {
  const { more, maxBytes, whoSet } = wanted;
  const host = useRef<HTMLDivElement>(null);
  const [editor, setEditor] = useState<Surface | null>(null);
  const [problems, setProblems] = useState<readonly Placed[]>([]);
  const [status, setStatus] = useState<Status>({ bytes: 0, line: 1, column: 1, canUndo: false, canRedo: false });
  const about = useId();
  // In a form Tab goes through it; in a dialog, Escape is not the editor's.
  const tab = !readOnly && !small;
  const wants = useRef(wanted);
  wants.current = wanted;

  // In the same step as it is rendered: a text that came between would be kept, and not shown.
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is typed must not make another editor
  useLayoutEffect(() => {
    const made = new Surface(host.current!, initial, origin, { label, about, readOnly, tab }, () => wants.current, {
      problems: setProblems,
      status: setStatus,
    });
    setEditor(made);
    return () => made.destroy();
  }, [label, readOnly, tab]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: others say more, or another limit holds
  useEffect(() => editor?.check(), [editor, more, maxBytes]);
  useImperativeHandle<EditorHandle | null, EditorHandle | null>(
    ref,
    () =>
      editor && {
        element: editor.view.contentDOM,
        focus: () => editor.view.focus(),
        replace: (text, edit, of) => editor.replace(text, edit, of),
        whoSet: () => void editor.whoSet(),
        showError: () => void editor.next((p) => p.severity === "error" && !p.source),
        showPath: (pointer) => {
          const place = locate(editor.view.state.doc.toString(), pointer);
          if (place) editor.select(place);
        },
      },
    [editor],
  );
  useShortcuts(
    small
      ? {}
      : {
          "mod+f": () => editor && openSearchPanel(editor.view),
          "shift+alt+f": () => editor?.format(),
          ...(whoSet ? { "shift+alt+b": () => editor?.whoSet() } : {}),
          F8: () => editor?.next(),
        },
  );

  return (
    <div className={`${css.editor} ${small ? css.small : ""}`}>
      {!small && (
        <div className={css.bar}>
          {!readOnly && (
            <div className={css.tools}>
              <IconButton
                size="s"
                label="Undo"
                icon={<Undo2 />}
                disabled={!status.canUndo}
                onClick={() => editor && undo(editor.view)}
              />
              <IconButton
                size="s"
                label="Redo"
                icon={<Redo2 />}
                disabled={!status.canRedo}
                onClick={() => editor && redo(editor.view)}
              />
              <IconButton size="s" label="Format (Shift+Alt+F)" icon={<AlignLeft />} onClick={() => editor?.format()} />
              <IconButton
                size="s"
                label="Search (Ctrl+F)"
                icon={<Search />}
                onClick={() => editor && openSearchPanel(editor.view)}
              />
              {whoSet && (
                <IconButton
                  size="s"
                  label="Who set the value at the cursor (Shift+Alt+B)"
                  icon={<UserRoundSearch />}
                  onClick={() => editor?.whoSet()}
                />
              )}
            </div>
          )}
          <div className={css.actions}>{actions}</div>
        </div>
      )}
      <div ref={host} className={css.host} />
      <Problems problems={problems} go={(p) => editor?.reveal(p)} />
      <p className={css.status}>
        <span>
          Line {status.line}, column {status.column}
        </span>
        <span>
          {status.bytes.toLocaleString("en-GB")} of {(maxBytes ?? defaultMaxBytes).toLocaleString("en-GB")} bytes
        </span>
        {tab && (
          <span id={about}>
            Tab indents; <kbd>Esc</kbd>, then <kbd>Tab</kbd> leaves the editor
          </span>
        )}
      </p>
    </div>
  );
};
