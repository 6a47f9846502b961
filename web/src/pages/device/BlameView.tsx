import { Link } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, ArrowUp, Search } from "lucide-react";
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from "react";
import { useShortcuts } from "../../app/shortcuts";
import { IconButton } from "../../ui/Button";
import { ago, exactTime } from "../../ui/Time";
import css from "./BlameView.module.css";
import { ages, type Blamed, type BlamedText, findLines, type Line, lineOf } from "./blame";
import { Code } from "./Code";
import { sourceSays, whoSays } from "./words";

interface Props {
  id: number;
  text: BlamedText;
  values: readonly Blamed[];
  /** Whether it was looked back as far as there is anything. */
  complete: boolean;
  /** The JSON Pointer of the value to begin at. */
  wanted: string | undefined;
}

const said = (b: Blamed): string =>
  b.revision === null
    ? "before what is kept"
    : [
        `revision ${b.revision} r${b.revision}`,
        b.source && sourceSays(b.source),
        whoSays(b.principal),
        b.message,
        b.created_at && exactTime(Date.parse(b.created_at)),
      ].join(" ");

/** A document by lines, each beside the revision that set its value. A line leads to what that revision changed. */
export const BlameView = ({ id, text, values, complete, wanted }: Props) => {
  const { lines } = text;
  const scroller = useRef<HTMLElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const going = useRef(false);
  const stops = useMemo(() => lines.flatMap((line, i) => (line.blamed ? [i] : [])), [lines]);
  const [at, setAt] = useState(() => {
    const i = wanted === undefined ? -1 : lineOf(lines, wanted);
    return i < 0 ? (stops[0] ?? 0) : i;
  });
  const [query, setQuery] = useState("");
  const found = useMemo(() => findLines(lines, query, said), [lines, query]);
  const [nth, setNth] = useState(0);
  const marked = useMemo(() => new Set(found), [found]);
  const age = useMemo(() => ages(values), [values]);
  const revisions = age.size - 1;
  const rows = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 24,
    overscan: 20,
    paddingEnd: 24,
  });

  const show = (i: number) => rows.scrollToIndex(i, { align: "center" });
  const take = (i: number) => {
    const row = scroller.current?.querySelector<HTMLElement>(`[data-line="${i}"] a`);
    going.current = !row;
    row?.focus();
  };
  const go = (i: number | undefined) => {
    if (i === undefined) return;
    setAt(i);
    rows.scrollToIndex(i, { align: "auto" });
    take(i);
  };
  // A line that was far away is there only after it was scrolled to.
  useEffect(() => {
    if (going.current) take(at);
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, for the value that was asked for
  useEffect(() => {
    if (wanted === undefined || !lines[at]) return;
    show(at);
    take(at);
  }, []);

  const step = (by: number) => {
    const inside = scroller.current?.contains(document.activeElement) ?? false;
    const here = stops.indexOf(at);
    go(stops[inside ? Math.max(0, Math.min(stops.length - 1, here + by)) : Math.max(0, here)]);
  };
  useShortcuts({
    j: () => step(1),
    k: () => step(-1),
    "mod+f": () => field.current?.select(),
  });
  const arrows = (event: KeyboardEvent) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) step(by);
    else if (event.key === "Home") go(stops[0]);
    else if (event.key === "End") go(stops.at(-1));
    else return;
    event.preventDefault();
  };
  const next = (by: number) => {
    if (!found.length) return;
    const n = (nth + by + found.length) % found.length;
    setNth(n);
    show(found[n]!);
  };
  const search = (value: string) => {
    setQuery(value);
    setNth(0);
    const first = findLines(lines, value, said)[0];
    if (first !== undefined) show(first);
  };

  return (
    <div className={css.blame}>
      <div className={css.bar}>
        <search className={css.search}>
          <Search aria-hidden />
          <input
            ref={field}
            type="search"
            aria-label="Search keys, values, who and why"
            placeholder="Search keys, values, who and why"
            value={query}
            onChange={(e) => search(e.target.value)}
            onKeyDown={(e) => {
              if (e.key === "Enter") next(e.shiftKey ? -1 : 1);
              else if (e.key === "ArrowDown") go(found[nth] ?? at);
              else return;
              e.preventDefault();
            }}
          />
          <span role="status" className={css.count}>
            {query.trim() && (found.length ? `${nth + 1} of ${found.length}` : "Not found")}
          </span>
          <IconButton
            size="s"
            label="Previous line found"
            icon={<ArrowUp />}
            disabled={!found.length}
            onClick={() => next(-1)}
          />
          <IconButton
            size="s"
            label="Next line found"
            icon={<ArrowDown />}
            disabled={!found.length}
            onClick={() => next(1)}
          />
        </search>
        <p className={css.about}>
          {values.length === 1 ? "1 value" : `${values.length} values`}, set by{" "}
          {revisions === 1 ? "1 revision" : `${revisions} revisions`}
          <span className={css.legend}>
            older <span className={css.scale} aria-hidden /> newer
          </span>
        </p>
        {text.laidOut && (
          <p className={css.note}>Shown with a line for each value: it is written with several in one line.</p>
        )}
        {!complete && (
          <p className={css.note}>
            It was not looked back to the beginning: what is not known was set by an older revision.
          </p>
        )}
      </div>
      <section ref={scroller} className={css.scroller} aria-label="The document, and who set each value">
        <ol className={css.lines} style={{ height: rows.getTotalSize() }} onKeyDown={arrows}>
          {rows.getVirtualItems().map((item) => {
            const line = lines[item.index]!;
            return (
              <li
                key={item.key}
                ref={rows.measureElement}
                data-index={item.index}
                data-line={item.index}
                data-found={marked.has(item.index) || undefined}
                data-current={(marked.has(item.index) && found[nth] === item.index) || undefined}
                className={css.line}
                style={{
                  transform: `translateY(${item.start}px)`,
                  ["--age" as string]: `${Math.round(12 + 88 * (age.get(line.run ?? null) ?? 0))}%`,
                }}
              >
                <Row
                  id={id}
                  line={line}
                  top={rows.range?.startIndex === item.index}
                  reached={at === item.index}
                  onFocus={() => setAt(item.index)}
                />
              </li>
            );
          })}
        </ol>
      </section>
    </div>
  );
};

const Row = ({
  id,
  line,
  top,
  reached,
  onFocus,
}: {
  id: number;
  line: Line;
  /** It is the first that is seen: it says who, though it is in the middle of a run. */
  top: boolean;
  reached: boolean;
  onFocus(): void;
}) => {
  const b = line.blamed;
  const code = (
    <>
      <span className={css.number} aria-hidden>
        {line.number}
      </span>
      <code className={css.code}>
        <Code text={line.text} />
      </code>
    </>
  );
  if (!b)
    return (
      <div className={css.row} data-run={line.run !== undefined || undefined}>
        <span className={css.who} />
        {code}
      </div>
    );
  const quiet = !line.first && !top;
  if (b.revision === null)
    return (
      <div className={css.row} data-run>
        <span className={css.who} data-quiet={quiet || undefined}>
          <span className={css.message}>Before what is kept</span>
        </span>
        {code}
      </div>
    );
  return (
    <Link
      to="/devices/$id/history"
      params={{ id }}
      search={{ to: b.revision }}
      className={css.row}
      data-run
      tabIndex={reached ? 0 : -1}
      onFocus={onFocus}
    >
      <Says b={b} quiet={quiet} />
      {code}
    </Link>
  );
};

const Says = ({ b, quiet }: { b: Blamed; quiet: boolean }) => {
  const at = b.created_at === null ? null : Date.parse(b.created_at);
  return (
    <span className={css.who} data-quiet={quiet || undefined} title={at === null ? undefined : exactTime(at)}>
      <span className={css.revision}>
        <span className="visually-hidden">Revision </span>
        {b.revision}
      </span>
      <span className={css.message}>{b.message || (b.source ? sourceSays(b.source) : "")}</span>
      <span className={css.principal}>{whoSays(b.principal)}</span>
      <span className={css.when}>{at !== null && ago(at)}</span>
    </span>
  );
};
