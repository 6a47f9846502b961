import type { Extension } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { paper } from "./paper";

const field = {
  minHeight: "1.75rem",
  margin: "0",
  padding: "0 0.5rem",
  border: "1px solid var(--line-strong)",
  borderRadius: "var(--radius-s)",
  backgroundColor: "var(--surface)",
  backgroundImage: "none",
  color: "var(--ink)",
  fontFamily: "var(--font)",
  fontSize: "var(--text-s)",
};

const look = EditorView.theme({
  "&": { height: "100%" },
  "&.cm-focused": { outline: "none" }, // it is around all of the editor
  ".cm-content": { padding: "0.5rem 0 2rem", caretColor: "var(--ink)" },
  ".cm-cursor": { borderLeft: "2px solid var(--ink)" },
  ".cm-lineNumbers .cm-gutterElement": { padding: "0 0.25rem 0 0.5rem", minWidth: "2rem" },
  ".cm-foldGutter .cm-gutterElement": { padding: "0 0.15rem", cursor: "pointer", minWidth: "1.1rem" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "transparent" },
  "&.cm-focused .cm-activeLine, &.cm-focused .cm-activeLineGutter": { backgroundColor: "var(--sunken)" },
  "&.cm-focused .cm-activeLineGutter": { color: "var(--ink)" },
  // Behind the text there may be the line of the cursor: what is selected is seen through it.
  "&.cm-focused .cm-content ::selection, .cm-content ::selection": { backgroundColor: "var(--accent-soft)" },
  "&.cm-focused .cm-matchingBracket": {
    backgroundColor: "var(--accent-soft)",
    outline: "1px solid var(--accent)",
    borderRadius: "2px",
  },
  "&.cm-focused .cm-nonmatchingBracket": { backgroundColor: "var(--danger-soft)", outline: "1px solid var(--danger)" },
  ".cm-selectionMatch": { backgroundColor: "var(--accent-soft)" },
  ".cm-searchMatch": { backgroundColor: "var(--warn-soft)", outline: "1px solid var(--warn)" },
  ".cm-searchMatch.cm-searchMatch-selected": { backgroundColor: "var(--warn-soft)", outline: "2px solid var(--focus)" },
  ".cm-foldPlaceholder": {
    margin: "0 0.2rem",
    padding: "0 0.4rem",
    border: "1px solid var(--line-strong)",
    backgroundColor: "var(--sunken)",
    color: "var(--ink-soft)",
  },
  ".cm-specialChar": { color: "var(--danger)" },

  ".cm-lintRange": { backgroundImage: "none", textDecorationLine: "underline", textUnderlineOffset: "0.25em" },
  ".cm-lintRange-error": { textDecorationStyle: "wavy", textDecorationColor: "var(--danger)" },
  ".cm-lintRange-warning": { textDecorationStyle: "wavy", textDecorationColor: "var(--warn)" },
  ".cm-lintRange-info": {
    textDecorationStyle: "double",
    textDecorationColor: "var(--sync-error)",
    backgroundColor: "var(--danger-soft)",
  },
  ".cm-lintRange-active": { backgroundColor: "var(--warn-soft)" },
  ".cm-lintPoint::after": { borderBottomColor: "var(--danger)" },
  ".cm-gutter-lint": { width: "1.1rem" },
  ".cm-gutter-lint .cm-gutterElement": { padding: "0.2rem 0 0 0.2rem" },
  ".cm-lint-marker": { width: "0.8rem", height: "0.8rem", content: "none" },
  ".cm-lint-marker::before": { display: "block", fontSize: "0.8rem", lineHeight: "1", fontWeight: "700" },
  ".cm-lint-marker-error::before": { content: '"✕"', color: "var(--danger)" },
  ".cm-lint-marker-warning::before": { content: '"▲"', color: "var(--warn)" },
  ".cm-lint-marker-info::before": { content: '"⬣"', color: "var(--sync-error)" },
  ".cm-tooltip": {
    maxWidth: "min(32rem, 90vw)",
    border: "1px solid var(--line)",
    borderRadius: "var(--radius-s)",
    backgroundColor: "var(--raised)",
    color: "var(--ink)",
    boxShadow: "var(--shadow)",
  },
  ".cm-diagnostic": { padding: "0.4rem 0.7rem", borderLeft: "3px solid var(--danger)", fontFamily: "var(--font)" },
  ".cm-diagnostic-warning": { borderLeftColor: "var(--warn)" },
  ".cm-diagnostic-info": { borderLeftColor: "var(--sync-error)" },

  ".cm-panels": { backgroundColor: "var(--raised)", color: "var(--ink)" },
  ".cm-panels.cm-panels-top": { borderBottom: "1px solid var(--line)" },
  ".cm-panel.cm-search": {
    display: "flex",
    flexWrap: "wrap",
    alignItems: "center",
    gap: "0.35rem",
    padding: "0.5rem 2.5rem 0.5rem 0.5rem",
    fontFamily: "var(--font)",
  },
  ".cm-panel.cm-search br": { flexBasis: "100%", width: "0", height: "0", content: '""' },
  ".cm-panel.cm-search .cm-textfield": { ...field, flex: "1 1 10rem", minWidth: "8rem", maxWidth: "20rem" },
  ".cm-panel.cm-search .cm-button": { ...field, cursor: "pointer" },
  ".cm-panel.cm-search .cm-button:hover": { backgroundColor: "var(--sunken)" },
  ".cm-panel.cm-search label": {
    display: "inline-flex",
    alignItems: "center",
    gap: "0.3rem",
    minHeight: "1.75rem",
    margin: "0 0.25rem",
    fontSize: "var(--text-s)",
  },
  ".cm-panel.cm-search input[type=checkbox]": {
    width: "1rem",
    height: "1rem",
    margin: "0",
    accentColor: "var(--accent)",
  },
  ".cm-panel.cm-search [name=close]": {
    top: "0.5rem",
    right: "0.5rem",
    width: "1.75rem",
    height: "1.75rem",
    borderRadius: "var(--radius-s)",
    color: "var(--ink)",
    fontSize: "1.1rem",
    cursor: "pointer",
  },
  ".cm-panel.cm-gotoLine": { padding: "0.5rem" },
});

/** How the editor looks. */
export const theme: Extension = [paper, look];
