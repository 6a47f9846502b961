import { ChevronDown, ChevronRight } from "lucide-react";
import { type FormEvent, useEffect, useId, useState } from "react";
import { Button } from "../../ui/Button";
import { Field } from "../../ui/Field";
import { Select } from "../../ui/Select";
import { macProblem, parseMac } from "../actions/mac";
import css from "./Filters.module.css";
import { type AuditSearch, isoTime, localTime } from "./search";
import { actions, principals, results } from "./words";

const any = ["", "Any"] as const;

/** An input that is taken when it is left or Enter is pressed, and only if it is right. */
const useTyped = (value: string, take: (text: string) => void, wrong: (text: string) => string) => {
  const [text, setText] = useState(value);
  const [left, setLeft] = useState(false);
  useEffect(() => setText(value), [value]);
  const problem = wrong(text);
  const commit = () => {
    setLeft(true);
    if (!problem && text.trim() !== value) take(text.trim());
  };
  return {
    commit,
    props: {
      value: text,
      error: left ? problem : "",
      onChange: (event: { target: { value: string } }) => {
        setLeft(false);
        setText(event.target.value);
      },
      onBlur: commit,
    },
  };
};

const addressProblem = (text: string): string =>
  !text.trim() || /^[0-9a-f.:]+$/i.test(text.trim()) ? "" : "An IP address such as 192.168.1.20";

/** What of the audit is shown. */
export const Filters = ({ search, onChange }: { search: AuditSearch; onChange(next: AuditSearch): void }) => {
  const set = (part: AuditSearch) => onChange({ ...search, ...part });
  const mac = useTyped(search.mac ?? "", (text) => set({ mac: parseMac(text) ?? "" }), macProblem);
  const address = useTyped(search.address ?? "", (text) => set({ address: text }), addressProblem);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    mac.commit();
    address.commit();
  };
  const count = Object.values(search).filter(Boolean).length;
  const [open, setOpen] = useState(false);
  const id = useId();
  return (
    <div className={css.box} data-open={open || undefined}>
      <Button
        className={css.unfold!}
        icon={open ? <ChevronDown /> : <ChevronRight />}
        aria-expanded={open}
        aria-controls={id}
        onClick={() => setOpen(!open)}
      >
        Filters{count > 0 && `: ${count} set`}
      </Button>
      <form id={id} className={css.filters} onSubmit={submit} aria-label="Filters">
        <Field label="MAC address" placeholder="Any" autoComplete="off" spellCheck={false} {...mac.props} />
        <Select
          label="Action"
          value={search.action ?? ""}
          options={[any, ...actions]}
          onChange={(action) => set({ action })}
        />
        <Select
          label="Result"
          value={search.result ?? ""}
          options={[any, ...results]}
          onChange={(result) => set({ result })}
        />
        <Select
          label="Who"
          value={search.principal ?? ""}
          options={[any, ...principals]}
          onChange={(principal) => set({ principal })}
        />
        <Field label="From address" placeholder="Any" autoComplete="off" spellCheck={false} {...address.props} />
        <Field
          label="Since"
          type="datetime-local"
          value={localTime(search.since)}
          onChange={(event) => set({ since: isoTime(event.target.value) })}
        />
        <Field
          label="Before"
          type="datetime-local"
          value={localTime(search.until)}
          onChange={(event) => set({ until: isoTime(event.target.value) })}
        />
        <button type="submit" hidden>
          Apply
        </button>
        {count > 0 && (
          <Button kind="quiet" className={css.clear!} onClick={() => onChange({})}>
            Clear filters
          </Button>
        )}
        {search.request && (
          <p className={css.request}>
            Only request <code>{search.request}</code>
          </p>
        )}
      </form>
    </div>
  );
};
