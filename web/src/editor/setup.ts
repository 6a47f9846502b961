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
import type { LineEnds } from "./eol";
import { theme } from "./theme";

const softTab: StateCommand = ({ state, dispatch }) => {
  if (state.selection.ranges.some((r) => !r.empty)) return indentMore({ state, dispatch });
  dispatch(state.update(state.replaceSelection("  "), { scrollIntoView: true, userEvent: "input" }));
  return true;
};

/** What the editor can do, but for what its component listens to. */
export const setup = (o: { label: string; about: string; ends: LineEnds; readOnly: boolean }): Extension => [
  EditorView.cspNonce.of(nonce),
  o.ends === "mixed" ? EditorState.lineSeparator.of("\n") : [],
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
  EditorState.readOnly.of(o.readOnly),
  EditorView.contentAttributes.of({ "aria-label": o.label, "aria-describedby": o.about, spellcheck: "false" }),
  keymap.of([
    ...closeBracketsKeymap,
    ...defaultKeymap,
    ...searchKeymap,
    ...historyKeymap,
    ...foldKeymap,
    ...(o.readOnly ? [] : [{ key: "Tab", run: softTab, shift: indentLess }]),
  ]),
];

/** A problem as the editor marks it. */
export const diagnosticOf = (problem: Problem, length: number): Diagnostic => ({
  from: Math.min(problem.from, length),
  to: Math.min(problem.to, length),
  severity: problem.source === "device" ? "info" : problem.severity,
  message: problem.message,
});
