import type { ReactNode } from "react";
import css from "./Page.module.css";

/** A page that reads from top to bottom: its heading, what it is for in a sentence, what can be done, and the rest. */
export const Page = ({
  title,
  intro,
  actions,
  narrow,
  children,
}: {
  title: string;
  intro?: ReactNode;
  actions?: ReactNode;
  /** No wider than what is written can be read. */
  narrow?: boolean;
  children: ReactNode;
}) => {
  return (
    <div className={`${css.page} ${narrow ? css.narrow : ""}`}>
      <header className={css.header}>
        <div>
          <h1>{title}</h1>
          {intro && <p className={css.intro}>{intro}</p>}
        </div>
        {actions && <div className={css.actions}>{actions}</div>}
      </header>
      {children}
    </div>
  );
};

/** A part of a page, on a surface of its own. */
export const Card = ({ title, actions, children }: { title?: ReactNode; actions?: ReactNode; children: ReactNode }) => (
  <section className={css.card}>
    {title && (
      <header className={css.cardHeader}>
        <h2>{title}</h2>
        {actions && <div className={css.actions}>{actions}</div>}
      </header>
    )}
    {children}
  </section>
);
