import { CircleAlert, RotateCw } from "lucide-react";
import type { ReactNode } from "react";
import { asFailure } from "../api/client";
import { Button } from "./Button";
import css from "./states.module.css";

/** Stands in for lines that are being read. */
export const Skeleton = ({ lines = 4, label = "Loading" }: { lines?: number; label?: string }) => (
  <div className={css.skeleton} role="status" aria-label={label}>
    {Array.from({ length: lines }, (_, i) => (
      // biome-ignore lint/suspicious/noArrayIndexKey: they are all the same
      <span key={i} className={css.bar} />
    ))}
  </div>
);

const Heading = ({ level, children }: { level: 1 | 2; children: ReactNode }) =>
  level === 1 ? <h1 className={css.heading}>{children}</h1> : <h2>{children}</h2>;

/** Says that there is nothing, why, and what to do next. */
export const Empty = ({
  level = 2,
  icon,
  title,
  children,
  action,
}: {
  /** Of the heading: 1 where it is all that the page shows. */
  level?: 1 | 2;
  icon?: ReactNode;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}) => (
  <div className={css.empty}>
    {icon}
    <Heading level={level}>{title}</Heading>
    {children && <div className={css.says}>{children}</div>}
    {action && <div className={css.actions}>{action}</div>}
  </div>
);

/** Says what did not work, why, and what to do. */
export const Failed = ({
  level = 2,
  what,
  error,
  retry,
  again = "Try again",
  children,
}: {
  /** Of the heading: 1 where it is all that the page shows. */
  level?: 1 | 2;
  what: string;
  error: unknown;
  retry?: () => void;
  /** What the button that calls `retry` says. */
  again?: string;
  children?: ReactNode;
}) => {
  const failure = asFailure(error);
  return (
    <div className={css.failed} role="alert">
      <CircleAlert aria-hidden />
      <div>
        <Heading level={level}>{what}</Heading>
        <p>
          {failure.message}
          {failure.detail ? `. ${failure.detail}` : ""}
        </p>
        {failure.correlationId && (
          <p className={css.id}>
            The server's log has it as <code>{failure.correlationId}</code>
          </p>
        )}
        {children}
        {retry && (
          <Button onClick={retry} icon={<RotateCw />}>
            {again}
          </Button>
        )}
      </div>
    </div>
  );
};
