import { Link } from "@tanstack/react-router";
import { CircleAlert, CircleCheck, Copy, Equal } from "lucide-react";
import { IconButton } from "../../ui/Button";
import { copy } from "../../ui/copy";
import { Time } from "../../ui/Time";
import { whoSays } from "../device/words";
import css from "./Entry.module.css";
import { type AuditEntry, attemptSays } from "./words";

const icons = { applied: CircleCheck, unchanged: Equal, refused: CircleAlert };

/** One attempt, in words. */
export const Entry = ({ entry: e }: { entry: AuditEntry }) => {
  const says = attemptSays(e);
  const Icon = icons[e.result];
  return (
    <li className={css.entry} data-result={e.result}>
      <Icon aria-hidden className={css.icon} />
      <div className={css.text}>
        <p className={css.says}>
          {e.result === "refused" && <strong className={css.refused}>Refused </strong>}
          <strong>{whoSays(e.principal)}</strong> {says.did}{" "}
          {e.config_id !== null && says.to ? (
            <Link to="/devices/$id/history" params={{ id: e.config_id }} className={css.mono}>
              {says.to}
            </Link>
          ) : (
            says.to && <code>{says.to}</code>
          )}
          {says.rest}
          {e.result === "applied" && e.revision !== null && e.config_id !== null && (
            <>
              {", "}
              <Link
                to="/devices/$id/history"
                params={{ id: e.config_id }}
                search={{ to: e.revision, ...(e.revision > 1 ? { from: e.revision - 1 } : {}) }}
              >
                revision {e.revision}
              </Link>
            </>
          )}
          {e.times > 1 && <span className={css.times}> {e.times.toLocaleString()} times</span>}
        </p>
        {e.message && <p className={css.message}>“{e.message}”</p>}
        <p className={css.about}>
          <Time at={e.at} />
          {e.address && <span>from {e.address}</span>}
          {e.correlation_id && (
            <span className={css.request}>
              request{" "}
              <Link to="/audit" search={{ request: e.correlation_id }} title="Only what this request did">
                <code>{e.correlation_id}</code>
              </Link>
              <IconButton
                size="s"
                label={`Copy the correlation id ${e.correlation_id}`}
                icon={<Copy />}
                onClick={() => void copy(e.correlation_id!, "Correlation id")}
              />
            </span>
          )}
        </p>
      </div>
    </li>
  );
};
