import { closeBrackets, closeBracketsKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentLess, indentMore } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { bracketMatching, codeFolding, foldGutter, foldKeymap, indentOnInput, indentUnit } from "@codemirror/language";
import { type Diagnostic, lintGutter } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { EditorState, type Extension, type StateCommand } from "@codemirror/state";
import {
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { nonce } from "../app/nonce";
import type { Problem } from "./checks";
import { theme } from "./theme";

const softTab: StateCommand = ({ state, dispatch }) => {
  if (state.selection.ranges.some((r) => !r.empty)) return indentMore({ state, dispatch });
  dispatch(state.update(state.replaceSelection("  "), { scrollIntoView: true, userEvent: "input" }));
  return true;
};

const phrases = {
  next: "Next",
  previous: "Previous",
  all: "Select all",
  "match case": "Match case",
  regexp: "Regular expression",
  "by word": "Whole words",
  replace: "Replace",
  "replace all": "Replace all",
  close: "Close the search",
};

// Where text is put in place of a selection, or has several lines, the browser would write styles into the page to keep how the
// text looked, which the policy of the page forbids; so it is not left to the browser.
const replacing = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { data, inputType } = event;
    const { from, to, empty } = view.state.selection.main;
    if (inputType !== "insertText" || !data || view.composing || view.state.readOnly) return false;
    if (empty && !data.includes("\n")) return false;
    event.preventDefault();
    const insert = () =>
      view.state.update(view.state.replaceSelection(view.state.toText(data)), {
        userEvent: "input.type",
        scrollIntoView: true,
      });
    for (const handler of view.state.facet(EditorView.inputHandler))
      if (handler(view, from, to, data, insert)) return true;
    view.dispatch(insert());
    return true;
  },
});

/** What an editor is, as long as it is there. */
export interface Has {
  label: string;
  /** The element that says how it is used. */
  about: string;
  readOnly: boolean;
  /** Tab writes; otherwise it goes on to what is next on the page. */
  tab: boolean;
}

/** What the editor can do, but for what its component listens to. */
export const setup = (o: Has): Extension => [
  EditorView.cspNonce.of(nonce),
  lintGutter(),
  lineNumbers(),
  codeFolding({ placeholderText: "…" }),
  foldGutter({ openText: "▾", closedText: "▸" }),
  highlightActiveLineGutter(),
  highlightActiveLine(),
  highlightSpecialChars(),
  history(),
  indentUnit.of("  "),
  EditorState.tabSize.of(2),
  indentOnInput(),
  bracketMatching(),
  closeBrackets(),
  highlightSelectionMatches({ minSelectionLength: 2 }),
  search({ top: true }),
  EditorView.lineWrapping,
  json(),
  theme,
  replacing,
  EditorState.phrases.of(phrases),
  EditorState.readOnly.of(o.readOnly),
  EditorView.contentAttributes.of({
    "aria-label": o.label,
    ...(o.tab ? { "aria-describedby": o.about } : {}),
    spellcheck: "false",
    tabindex: "0",
  }),
  keymap.of([
    ...closeBracketsKeymap,
    ...defaultKeymap,
    ...searchKeymap,
    ...historyKeymap,
    ...foldKeymap,
    ...(o.tab ? [{ key: "Tab", run: softTab, shift: indentLess }] : []),
  ]),
];

/** A problem as the editor marks it. */
export const diagnosticOf = (problem: Problem, length: number): Diagnostic => ({
  from: Math.min(problem.from, length),
  to: Math.min(problem.to, length),
  severity: problem.source === "device" ? "info" : problem.severity,
  message: problem.message,
});
