import { Link } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { CircleAlert, CirclePlus, Equal, FileQuestionMark, Pencil } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { Button } from "../../ui/Button";
import css from "./PlanList.module.css";
import { countFates, type Fate, fates, type Planned } from "./plan";

const icons = { create: CirclePlus, update: Pencil, same: Equal, refused: CircleAlert, other: FileQuestionMark };

/** How each fate is called: before an import, and after it. */
const words: Record<Fate, { tab: string; before: string; after: string }> = {
  create: { tab: "New", before: "Will be created", after: "Created" },
  update: { tab: "Different", before: "Will be updated", after: "Updated" },
  same: { tab: "Same", before: "Is there already", after: "Was there already" },
  refused: { tab: "Refused", before: "Refused", after: "Refused" },
  other: { tab: "Other files", before: "No configuration", after: "No configuration" },
};

interface Props {
  plan: readonly Planned[];
  onConflict: "update" | "skip";
  /** Whether it was done: undefined before. */
  applied?: boolean | undefined;
  onCompare(planned: Planned): void;
}

/** What becomes of each file, by its fate. Only what is on the screen is in the page, however many there are. */
export const PlanList = ({ plan, onConflict, applied, onCompare }: Props) => {
  const counts = useMemo(() => countFates(plan), [plan]);
  const [only, setOnly] = useState<Fate | null>(null);
  const shown = useMemo(() => (only ? plan.filter((each) => each.fate === only) : plan), [plan, only]);
  const scroll = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: shown.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => 44,
    overscan: 10,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: another choice begins at its top
  useEffect(() => {
    scroll.current?.scrollTo({ top: 0 });
  }, [only]);
  const says = (fate: Fate): string => {
    const skipped = fate === "update" && onConflict === "skip";
    if (applied === undefined) return skipped ? "Will be skipped" : words[fate].before;
    if (!applied && (fate === "create" || fate === "update")) return "Not imported";
    return skipped ? "Skipped" : words[fate].after;
  };
  return (
    <div className={css.plan}>
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset would want a legend that is seen */}
      <div className={css.tabs} role="group" aria-label="Show only">
        <button type="button" aria-pressed={only === null} onClick={() => setOnly(null)}>
          All <span>{plan.length.toLocaleString()}</span>
        </button>
        {fates
          .filter((fate) => counts[fate] > 0)
          .map((fate) => (
            <button
              key={fate}
              type="button"
              aria-pressed={only === fate}
              data-fate={fate}
              onClick={() => setOnly(fate)}
            >
              {words[fate].tab} <span>{counts[fate].toLocaleString()}</span>
            </button>
          ))}
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, also by keyboard */}
      <section ref={scroll} className={css.scroll} aria-label="Files" tabIndex={0}>
        <ul className={css.list} style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const each = shown[item.index]!;
            const Icon = icons[each.fate];
            return (
              <li
                key={item.key}
                ref={virtual.measureElement}
                data-index={item.index}
                data-fate={each.fate}
                aria-posinset={item.index + 1}
                aria-setsize={shown.length}
                style={{ transform: `translateY(${item.start}px)` }}
              >
                <Icon aria-hidden />
                <div className={css.file}>
                  <span className={css.path}>{each.path}</span>
                  {each.reason && <span className={css.reason}>{each.reason}</span>}
                </div>
                <span className={css.fate} data-fate={each.fate}>
                  {says(each.fate)}
                </span>
                <span className={css.more}>
                  {each.fate === "update" && applied === undefined && (
                    <Button size="s" kind="quiet" onClick={() => onCompare(each)} aria-label={`Compare ${each.path}`}>
                      Compare
                    </Button>
                  )}
                  {each.id !== null && (each.fate === "same" || applied) && (
                    <Link to="/devices/$id" params={{ id: each.id }} aria-label={`Open ${each.mac}`}>
                      Open
                    </Link>
                  )}
                </span>
              </li>
            );
          })}
        </ul>
      </section>
    </div>
  );
};
