import { CircleAlert, CircleCheck, Cpu, TriangleAlert } from "lucide-react";
import { useEffect, useState } from "react";
import type { Problem } from "./checks";
import css from "./Problems.module.css";

/** A problem, and the line that it is on, from 1. */
export type Placed = Problem & { line: number };

const many = (n: number, what: string) => (n ? `${n} ${what}${n === 1 ? "" : "s"}` : "");

const summary = (problems: readonly Placed[]): string => {
  const device = problems.filter((p) => p.source === "device").length;
  const errors = problems.filter((p) => p.severity === "error" && p.source !== "device").length;
  const warnings = problems.length - device - errors;
  return (
    [many(errors, "error"), many(warnings, "warning"), device ? "reported by the device" : ""]
      .filter(Boolean)
      .join(", ") || "No problems"
  );
};

const iconOf = (p: Placed) => {
  if (p.source === "device") return <Cpu className={css.device} aria-label="Device:" />;
  return p.severity === "error" ? (
    <CircleAlert className={css.error} aria-label="Error:" />
  ) : (
    <TriangleAlert className={css.warning} aria-label="Warning:" />
  );
};

/** What is wrong with a document, by line. A press goes there. What changes is told politely, once it is still. */
export const Problems = ({ problems, go }: { problems: readonly Placed[]; go(problem: Placed): void }) => {
  const says = summary(problems);
  const [told, setTold] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => setTold(says), 800);
    return () => clearTimeout(timer);
  }, [says]);
  return (
    <section className={css.problems} aria-label="Problems">
      <p className={css.sum}>
        {problems.length === 0 && <CircleCheck className={css.good} aria-hidden />}
        <span>{says}</span>
        {problems.length > 0 && (
          <span className={css.hint}>
            <kbd>F8</kbd> goes to the next
          </span>
        )}
      </p>
      <span role="status" className="visually-hidden">
        {told}
      </span>
      {problems.length > 0 && (
        <ul className={css.list}>
          {problems.map((p) => (
            <li key={`${p.from} ${p.message}`}>
              <button type="button" className={css.problem} onClick={() => go(p)}>
                {iconOf(p)}
                <span className={css.line}>Line {p.line}</span>
                <span className={css.text}>{p.message}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
};
