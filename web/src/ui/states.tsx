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

/** Says that there is nothing, why, and what to do next. */
export const Empty = ({
  icon,
  title,
  children,
  action,
}: {
  icon?: ReactNode;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}) => (
  <div className={css.empty}>
    {icon}
    <h2>{title}</h2>
    {children && <div className={css.says}>{children}</div>}
    {action && <div className={css.actions}>{action}</div>}
  </div>
);

/** Says what did not work, why, and what to do. */
export const Failed = ({
  what,
  error,
  retry,
  children,
}: {
  what: string;
  error: unknown;
  retry?: () => void;
  children?: ReactNode;
}) => {
  const failure = asFailure(error);
  return (
    <div className={css.failed} role="alert">
      <CircleAlert aria-hidden />
      <div>
        <h2>{what}</h2>
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
            Try again
          </Button>
        )}
      </div>
    </div>
  );
};
