import { CircleAlert, Info, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import css from "./Notice.module.css";

const icons = { danger: CircleAlert, warn: TriangleAlert, info: Info };

/** A note among other things: what went wrong (told at once), what to beware of, or what is good to know. */
export const Notice = ({
  kind = "info",
  title,
  children,
  action,
}: {
  kind?: "danger" | "warn" | "info";
  title?: ReactNode;
  children?: ReactNode;
  action?: ReactNode;
}) => {
  const Icon = icons[kind];
  return (
    <div className={`${css.notice} ${css[kind]}`} role={kind === "danger" ? "alert" : undefined}>
      <Icon aria-hidden />
      <div className={css.text}>
        {title && <p className={css.title}>{title}</p>}
        {children}
        {action && <div className={css.actions}>{action}</div>}
      </div>
    </div>
  );
};
