import { invertedEffects } from "@codemirror/commands";
import { Compartment, EditorState, type Extension, StateEffect, StateField } from "@codemirror/state";
import type { LineEnds } from "./eol";

/** What the text of an editor was made from: what whoever shows the editor says of that, and how it ends its lines. */
export interface Origin {
  of: unknown;
  ends: LineEnds;
}

const setOrigin = StateEffect.define<Origin>();

const field = StateField.define<Origin>({
  create: () => ({ of: undefined, ends: "\n" }),
  update: (value, { effects }) => effects.findLast((effect) => effect.is(setOrigin))?.value ?? value,
});

// Whoever undoes the step that put another text there has the old one held against what it was made from.
const undone = invertedEffects.of(({ effects, startState }) =>
  effects.some((effect) => effect.is(setOrigin)) ? [setOrigin.of(startState.field(field))] : [],
);

// Of mixed ends the returns are characters of the text, and what is written ends a line by a newline alone.
const separator = new Compartment();
const separatorOf = (ends: LineEnds): Extension => (ends === "mixed" ? EditorState.lineSeparator.of("\n") : []);
const separated = EditorState.transactionExtender.of(({ effects, startState }) => {
  const next = effects.findLast((effect) => effect.is(setOrigin))?.value;
  if (!next || (next.ends === "mixed") === (startState.field(field).ends === "mixed")) return null;
  return { effects: separator.reconfigure(separatorOf(next.ends)) };
});

/** Has an editor know the origin of its text and end lines as that does, and have the old one again where a step is undone. */
export const withOrigin = (origin: Origin): Extension => [
  field.init(() => origin),
  undone,
  separator.of(separatorOf(origin.ends)),
  separated,
];

export const originOf = (state: EditorState): Origin => state.field(field);

/** The effects that give the text another origin; none where it is the same. */
export const toOrigin = (state: EditorState, next: Origin): StateEffect<Origin>[] => {
  const { of, ends } = originOf(state);
  return of === next.of && ends === next.ends ? [] : [setOrigin.of(next)];
};
