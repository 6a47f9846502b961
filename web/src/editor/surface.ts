import { redoDepth, undoDepth } from "@codemirror/commands";
import { setDiagnostics } from "@codemirror/lint";
import { diff } from "@codemirror/merge";
import { EditorState, Text, Transaction } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import { toast } from "../ui/Toast";
import { byteLength, checkDocument, type Problem } from "./checks";
import { intoEditor, type LineEnds, lineEndsOf, outOfEditor } from "./eol";
import { formatDocument } from "./format";
import { type Origin, originOf, toOrigin, withOrigin } from "./origin";
import type { Placed } from "./Problems";
import { pointerAt } from "./pointer";
import type { Span } from "./scan";
import { diagnosticOf, type Has, setup } from "./setup";

/** What whoever shows the editor wants of it now. */
export interface Wants {
  onChange(text: string, origin: unknown): void;
  whoSet?: ((pointer: string) => void) | undefined;
  more?: ((text: string) => Problem[]) | undefined;
  maxBytes?: number | undefined;
}

export interface Status {
  bytes: number;
  line: number;
  column: number;
  canUndo: boolean;
  canRedo: boolean;
}

const checkAfter = 150; // milliseconds without a key

interface Tell {
  problems(problems: readonly Placed[]): void;
  status(status: Status): void;
}

/** One editor on the page, from when it is shown until it goes. */
export class Surface {
  readonly view: EditorView;
  #problems: readonly Placed[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #bytes = 0;

  constructor(
    parent: HTMLElement,
    initial: string,
    origin: unknown,
    readonly has: Has,
    readonly wants: () => Wants,
    readonly tell: Tell,
  ) {
    this.view = new EditorView({ parent, state: this.#state(initial, { of: origin, ends: lineEndsOf(initial) }) });
    // A font that comes late has lines of another height.
    void document.fonts.ready.then(() => this.view.requestMeasure());
    this.check();
  }

  destroy() {
    clearTimeout(this.#timer);
    this.view.destroy();
  }

  get #ends(): LineEnds {
    return originOf(this.view.state).ends;
  }

  #state(text: string, origin: Origin): EditorState {
    return EditorState.create({
      doc: intoEditor(text, origin.ends),
      extensions: [
        withOrigin(origin),
        keymap.of([
          { key: "F8", run: () => this.next() },
          { key: "Shift-F8", run: () => this.next(undefined, -1) },
          { key: "Shift-Alt-f", run: () => this.format() },
          { key: "Shift-Alt-b", run: () => this.whoSet() },
        ]),
        setup(this.has),
        EditorView.updateListener.of((update) => {
          const { of, ends } = originOf(update.state);
          if (update.docChanged || originOf(update.startState) !== originOf(update.state))
            this.wants().onChange(outOfEditor(update.state.doc.toString(), ends), of);
          if (update.docChanged) {
            clearTimeout(this.#timer);
            this.#timer = setTimeout(() => this.check(), checkAfter);
          }
          if (update.docChanged || update.selectionSet) this.#status();
        }),
      ],
    });
  }

  #status() {
    const { state } = this.view;
    const { head } = state.selection.main;
    const line = state.doc.lineAt(head);
    this.tell.status({
      bytes: this.#bytes,
      line: line.number,
      column: head - line.from + 1,
      canUndo: undoDepth(state) > 0,
      canRedo: redoDepth(state) > 0,
    });
  }

  check() {
    clearTimeout(this.#timer);
    const { doc } = this.view.state;
    const text = doc.toString();
    const { more, maxBytes } = this.wants();
    const extraBytes = this.#ends === "\r\n" ? doc.lines - 1 : 0;
    const found = checkDocument(text, { ...(maxBytes ? { maxBytes } : {}), extraBytes });
    this.#problems = [...(more?.(text) ?? []), ...found]
      .sort((a, b) => a.from - b.from)
      .map((p) => ({ ...p, line: doc.lineAt(Math.min(p.from, doc.length)).number }));
    this.#bytes = byteLength(text) + extraBytes;
    this.view.dispatch(
      setDiagnostics(
        this.view.state,
        this.#problems.map((p) => diagnosticOf(p, doc.length)),
      ),
    );
    this.tell.problems(this.#problems);
    this.#status();
  }

  reveal(problem: Problem) {
    this.select(problem);
    this.view.dispatch({ effects: EditorView.announce.of(problem.message) });
  }

  select({ from, to }: Span) {
    const { length } = this.view.state.doc;
    this.view.dispatch({
      selection: { anchor: Math.min(from, length), head: Math.min(to, length) },
      effects: EditorView.scrollIntoView(Math.min(from, length), { y: "center" }),
    });
    this.view.focus();
  }

  /** Goes to the next problem behind the cursor, and round at the end. */
  next(which: (p: Problem) => boolean = () => true, step: 1 | -1 = 1): boolean {
    this.check();
    const list = this.#problems.filter(which);
    const { from, to } = this.view.state.selection.main;
    const after = (p: Problem) =>
      step === 1 ? p.from > from || (p.from === from && p.to > to) : p.from < from || (p.from === from && p.to < to);
    const found = step === 1 ? (list.find(after) ?? list[0]) : (list.findLast(after) ?? list.at(-1));
    if (found) this.reveal(found);
    return true;
  }

  format(): boolean {
    if (this.has.readOnly) return false;
    const text = this.view.state.doc.toString();
    const formatted = formatDocument(text);
    if (formatted === null) {
      toast({ title: "It is formatted once it is JSON", detail: "The cursor is at the first error.", bad: true });
      this.next((p) => p.severity === "error" && !p.source);
    } else if (formatted !== text) {
      this.#change(formatted, true);
      this.view.dispatch({ effects: EditorView.announce.of("Formatted") });
    }
    return true;
  }

  /** Asks who set the value that the cursor is at; answers whether there is anybody to ask. */
  whoSet(): boolean {
    const { whoSet } = this.wants();
    const { doc, selection } = this.view.state;
    whoSet?.(pointerAt(doc.toString(), selection.main.head));
    return whoSet !== undefined;
  }

  replace(text: string, edit: boolean, of: unknown) {
    const was = this.#ends;
    const same = text === outOfEditor(this.view.state.doc.toString(), was);
    const origin = { of, ends: same ? was : lineEndsOf(text) };
    // What was written before cannot be undone into a text in which returns are another thing than they were then.
    if (!edit && origin.ends !== was && (origin.ends === "mixed" || was === "mixed")) {
      this.view.setState(this.#state(text, origin));
      this.wants().onChange(text, of);
    } else {
      this.#change(intoEditor(text, origin.ends), edit, origin);
    }
    this.check();
  }

  /** Changes as little as makes the one text of the other, so that the cursor stays in what is equal. */
  #change(text: string, edit: boolean, origin = originOf(this.view.state)) {
    const before = this.view.state.doc.toString();
    const effects = toOrigin(this.view.state, origin);
    if (before === text && !effects.length) return;
    const changes = diff(before, text, { scanLimit: 500, timeout: 100 }).map((c) => ({
      from: c.fromA,
      to: c.toA,
      insert: Text.of(text.slice(c.fromB, c.toB).split("\n")),
    }));
    this.view.dispatch({
      changes,
      effects,
      annotations: [Transaction.addToHistory.of(edit), Transaction.userEvent.of("input.replace")],
    });
  }
}
