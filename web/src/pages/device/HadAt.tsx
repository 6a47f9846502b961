import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { History } from "lucide-react";
import { useState } from "react";
import { client, read } from "../../api/client";
import { Button } from "../../ui/Button";
import { Field } from "../../ui/Field";
import { Failed } from "../../ui/states";
import { exactTime } from "../../ui/Time";
import css from "./HadAt.module.css";

const levels = {
  fetched: "it was served to it",
  held: "it proved that it had it",
  applied: "it reported that it ran it",
  error: "it reported that it could not use it",
};

const local = (at: Date): string => {
  const two = (n: number) => String(n).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
};

// Where there is little room it must not push down what the page is for.
const wide = window.matchMedia("(min-width: 60rem)").matches;

/** Asks what the device had at a time. */
export const HadAt = ({ id, newest }: { id: number; newest: number | undefined }) => {
  const [given, setGiven] = useState(() => local(new Date(Date.now() - 3_600_000)));
  const [asked, setAsked] = useState("");
  const then = useQuery({
    queryKey: ["config", id, "then", asked],
    queryFn: async ({ signal }) => {
      const answer = await read(
        client.GET("/api/configs/{id}/device", { params: { path: { id }, query: { at: asked } }, signal }),
      );
      if (!("known" in answer)) throw new Error("the server answered for another time");
      return answer;
    },
    enabled: asked !== "",
  });
  const ask = (event: React.FormEvent) => {
    event.preventDefault();
    const at = new Date(given);
    if (!Number.isNaN(at.getTime())) setAsked(at.toISOString());
  };
  const t = then.data;
  return (
    <details className={css.card} open={wide}>
      <summary>What did it have at another time?</summary>
      <form onSubmit={ask} className={css.form}>
        <Field
          label="At this time"
          type="datetime-local"
          value={given}
          max={local(new Date())}
          required
          onChange={(e) => setGiven(e.target.value)}
        />
        <Button type="submit" icon={<History />} busy={then.isFetching}>
          Look
        </Button>
      </form>
      <div role="status" className={css.answer}>
        {t && (
          <>
            <p>
              <time dateTime={t.at}>{exactTime(Date.parse(t.at))}</time>
            </p>
            {t.known && t.revision !== null ? (
              <p>
                It had <strong>revision {t.revision}</strong>
                {t.level && `: ${levels[t.level]}`}
                {t.fact_at && (
                  <>
                    , known since <time dateTime={t.fact_at}>{exactTime(Date.parse(t.fact_at))}</time>
                  </>
                )}
                .{" "}
                <Link
                  to="/devices/$id/history"
                  params={{ id }}
                  search={
                    newest !== undefined && newest !== t.revision
                      ? { from: t.revision, to: newest }
                      : { to: t.revision }
                  }
                >
                  {newest !== undefined && newest !== t.revision ? "What has changed since" : "Look at it"}
                </Link>
              </p>
            ) : (
              <p>It is not known what it had: nothing that it showed until then is kept.</p>
            )}
          </>
        )}
      </div>
      {then.isError && (
        <Failed what="That could not be looked up" error={then.error} retry={() => void then.refetch()} />
      )}
    </details>
  );
};
