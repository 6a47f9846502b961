import { useQueries } from "@tanstack/react-query";
import { TriangleAlert } from "lucide-react";
import { type FormEvent, useId, useMemo, useState } from "react";
import { documentQuery } from "../../../api/queries";
import { pathOf, pathsIn, pointerOf, sameButCase, typedValue } from "../../../fleet/change";
import type { Row } from "../../../fleet/row";
import { Button } from "../../../ui/Button";
import { Field } from "../../../ui/Field";
import { called } from "../../actions/device";
import { MessageField } from "../../actions/MessageField";
import many from "../../actions/many/many.module.css";
import css from "./bulk.module.css";
import { Foot } from "./Foot";
import type { Mode, Wish } from "./ValueDialog";

const looked = 3; // documents that suggestions are taken from
const listed = new Intl.ListFormat("en");

interface Props {
  mode: Mode;
  rows: readonly Row[];
  wish: Wish;
  foot: string;
  onWish(wish: Wish): void;
  onCancel(): void;
  onNext(): void;
}

/** Which value, and what it is to be. */
export const ValueForm = ({ mode, rows, wish, foot, onWish, onCancel, onNext }: Props) => {
  const { known, read } = useKnownPaths(rows);
  const [tried, setTried] = useState(false);
  const list = useId();
  const form = useId();
  const at = pathOf(wish.at);
  const wrong = "wrong" in at || (mode === "set" && "wrong" in typedValue(wish.value));
  const next = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (!wrong) onNext();
  };
  const pointer = "path" in at ? pointerOf(at.path) : "";
  const similar = pointer && known.size ? sameButCase(pointer, known.keys()) : null;
  const there = known.get(pointer);
  return (
    <form id={form} onSubmit={next} className={css.form} noValidate>
      <p className={many.lead}>Nothing is changed yet: every difference is shown first.</p>
      <Field
        label="Which value"
        list={list}
        autoComplete="off"
        spellCheck={false}
        autoCapitalize="off"
        value={wish.at}
        onChange={(event) => onWish({ ...wish, at: event.target.value })}
        error={(tried || wish.at !== "") && "wrong" in at ? at.wrong : null}
        hint={
          there
            ? `In the document of ${called(there.of)} this is ${there.kind}`
            : "A JSON Pointer such as /wifi/ssid, or names with dots such as wifi.ssid"
        }
      />
      <datalist id={list}>
        {[...known].map(([path, { kind }]) => (
          <option key={path} value={path}>
            {kind}
          </option>
        ))}
      </datalist>
      {similar && (
        <Warning>
          The documents have <code>{similar}</code>, which differs in case. Most firmware takes names without regard to
          case.{" "}
          <Button size="s" onClick={() => onWish({ ...wish, at: similar })}>
            Use {similar}
          </Button>
        </Warning>
      )}
      {mode === "set" && pointer && read.length > 0 && !there && !similar && (
        <p className={css.note}>
          {read.length === 1
            ? `The document of ${called(read[0]!)} has no such value`
            : `None of the documents of ${listed.format(read.map(called))} has such a value`}
          : it would be added.
        </p>
      )}
      {mode === "set" && (
        <NewValue text={wish.value} tried={tried} onText={(text) => onWish({ ...wish, value: text })} />
      )}
      <MessageField
        value={wish.message}
        onChange={(message) => onWish({ ...wish, message })}
        example="Such as: moved to the new broker"
      />
      <Foot id={foot}>
        <Button onClick={onCancel}>Cancel</Button>
        <Button kind="primary" type="submit" form={form}>
          Show the differences
        </Button>
      </Foot>
    </form>
  );
};

/** What the value is to be, and what it was understood as. */
const NewValue = ({ text, tried, onText }: { text: string; tried: boolean; onText(text: string): void }) => {
  const value = typedValue(text);
  return (
    <>
      <Field
        label="New value"
        autoComplete="off"
        spellCheck={false}
        autoCapitalize="off"
        value={text}
        onChange={(event) => onText(event.target.value)}
        error={(tried || text !== "") && "wrong" in value ? value.wrong : null}
        hint={'As JSON: 30, true, "text", ["a", "b"]. Text may be typed without quotes'}
      />
      {"says" in value && (
        <p className={css.note} role="status">
          Sets: <strong>{value.says}</strong>
        </p>
      )}
      {"warns" in value && value.warns && <Warning>{value.warns}</Warning>}
    </>
  );
};

export const Warning = ({ children }: { children: React.ReactNode }) => (
  <div className={css.warning}>
    <TriangleAlert aria-hidden />
    <div>{children}</div>
  </div>
);

interface Known {
  /** What kind of value is at a path, and the first document that has it. */
  known: ReadonlyMap<string, { kind: string; of: Row }>;
  /** Whose documents were read. */
  read: readonly Row[];
}

/** The values that the first few documents have. */
const useKnownPaths = (rows: readonly Row[]): Known => {
  const texts = useQueries({
    queries: rows.slice(0, looked).map((row) => documentQuery(row.id, row.revision)),
    combine: (results) => results.map((result) => result.data ?? "").join("\n\0"),
  });
  return useMemo(() => {
    const known = new Map<string, { kind: string; of: Row }>();
    const read: Row[] = [];
    for (const [i, text] of texts.split("\n\0").entries()) {
      const of = rows[i]!;
      try {
        for (const [path, kind] of pathsIn(JSON.parse(text))) if (!known.has(path)) known.set(path, { kind, of });
        read.push(of);
      } catch {
        // One that is not read yet, or no JSON, suggests nothing.
      }
    }
    return { known, read };
  }, [texts, rows]);
};
