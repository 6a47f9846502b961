import { json } from "@codemirror/lang-json";
import { EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { useEffect, useRef } from "react";
import { nonce } from "../app/nonce";

interface Props {
  /** The text at first; what is typed later is told by onChange alone. */
  initial: string;
  onChange(text: string): void;
  label: string;
}

/** An editor of a JSON document. */
export const Editor = ({ initial, onChange, label }: Props) => {
  const host = useRef<HTMLDivElement>(null);
  const changed = useRef(onChange);
  changed.current = onChange;
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is typed must not make another editor
  useEffect(() => {
    const view = new EditorView({
      parent: host.current!,
      state: EditorState.create({
        doc: initial,
        extensions: [
          EditorView.cspNonce.of(nonce),
          json(),
          EditorView.contentAttributes.of({ "aria-label": label }),
          EditorView.updateListener.of((update) => update.docChanged && changed.current(update.state.doc.toString())),
        ],
      }),
    });
    return () => view.destroy();
  }, []);
  return <div ref={host} />;
};
