import { type FormEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";
import { asFailure, type Failure, failureOf } from "../api/client";
import { queries, serverQuery } from "../api/queries";
import { base, session, stored, storedNames, urlOf } from "../api/session";
import { Logo } from "../app/Logo";
import { Button } from "../ui/Button";
import { Check, Field } from "../ui/Field";
import { Notice } from "../ui/Notice";
import css from "./SignIn.module.css";

/** Asks for the admin token; or says why nobody is let in from here, and what to do about that. */
export const SignIn = ({ failure }: { failure: Failure }) => (
  <main className={css.page}>
    <div className={css.card}>
      <Logo />
      {failure.status === 403 ? (
        <Closed failure={failure} />
      ) : failure.status === 421 ? (
        <Misdirected failure={failure} />
      ) : (
        <>
          <h1>Sign in to Espalier</h1>
          <TokenForm said={session.token() === null ? null : failure} />
        </>
      )}
      {storedNames("draft").length > 0 && (
        <p className={css.note}>Drafts that this browser keeps are there when you are back.</p>
      )}
    </div>
  </main>
);

const TryAgain = () => <Button onClick={() => void queries.resetQueries(serverQuery)}>Try again</Button>;

const Closed = ({ failure }: { failure: Failure }) => {
  const site = /another site/.test(failure.message);
  return (
    <>
      <h1>{site ? "This page may not use the server" : "Not open to the network"}</h1>
      <p>
        {failure.message}. {failure.detail}.
      </p>
      {!site && (
        <>
          <p>Whoever runs the server lets you in, in one of these ways:</p>
          <ul className={css.ways}>
            <li>
              Start it with an <code>ADMIN_TOKEN</code>: then this page asks for it.
            </li>
            <li>
              Open the page on the server's own machine, or through{" "}
              <code>{`ssh -L ${base.port || "80"}:localhost:${base.port || "80"} ${base.hostname}`}</code>
            </li>
          </ul>
        </>
      )}
      <TryAgain />
    </>
  );
};

const Misdirected = ({ failure }: { failure: Failure }) => (
  <>
    <h1>The server does not know this name</h1>
    <p>
      You came by <code>{base.host}</code>, and the server lets nobody in by a name that it does not know: another site
      could have led you here. {failure.detail}.
    </p>
    <TryAgain />
    <h2>Or sign in</h2>
    <TokenForm said={session.token() === null ? null : failure} />
  </>
);

/** Asks the server whether it takes a token; answers why not, and for how many seconds to stay away. */
const refusalOf = async (token: string): Promise<{ failure: Failure; wait: number } | null> => {
  try {
    const headers = { Authorization: `Bearer ${token}` };
    const response = await fetch(urlOf("api/server"), { headers, cache: "no-store" });
    if (response.ok) return null;
    const failure = failureOf(response.status, await response.json().catch(() => null));
    return { failure, wait: Number(response.headers.get("Retry-After")) || 0 };
  } catch (error) {
    return { failure: asFailure(error), wait: 0 };
  }
};

const says = (failure: Failure, kept: boolean): ReactNode => {
  switch (failure.status) {
    case 401:
      return kept ? "The token that this browser had is not the server's any more" : "This is not the server's token";
    case 429:
      return "Too many wrong tokens came from this address";
    case 403:
    case 421:
      return "The server has no admin token, so none is right";
    default:
      return [failure.message, failure.detail].filter(Boolean).join(". ");
  }
};

/** Counts down seconds, and answers how many are left. */
const useCountdown = (): [number, (seconds: number) => void] => {
  const [left, setLeft] = useState(0);
  useEffect(() => {
    if (left <= 0) return;
    const timer = setTimeout(() => setLeft(left - 1), 1000);
    return () => clearTimeout(timer);
  }, [left]);
  return [left, setLeft];
};

/** `said`: what the server said to the token that this browser had. */
const TokenForm = ({ said }: { said: Failure | null }) => {
  const form = useRef<HTMLFormElement>(null);
  const [token, setToken] = useState("");
  const [remember, setRemember] = useState(() => stored.read("token") !== null);
  const [shown, setShown] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ReactNode>(said && says(said, true));
  const [wait, setWait] = useCountdown();
  const about = useId();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const given = token.trim();
    if (!given || busy || wait) return;
    if (!/^[\x21-\x7e]+$/.test(given)) {
      setError("A token has no spaces, and only plain letters, digits and signs");
      return;
    }
    setBusy(true);
    const refusal = await refusalOf(given);
    setBusy(false);
    if (!refusal) {
      // The same token again is no change of the session, and would ask nobody.
      if (given === session.token()) void queries.resetQueries(serverQuery);
      session.signIn(given, remember);
      return;
    }
    setError(says(refusal.failure, false));
    setWait(refusal.failure.status === 429 ? refusal.wait : 0);
    form.current?.querySelector<HTMLInputElement>("input")?.select();
  };
  return (
    <form ref={form} onSubmit={(event) => void submit(event)} aria-describedby={about}>
      <Field
        label="Admin token"
        type={shown ? "text" : "password"}
        autoComplete="current-password"
        autoCapitalize="off"
        spellCheck={false}
        autoFocus
        value={token}
        onChange={(event) => {
          setError(null);
          setToken(event.target.value);
        }}
        hint="The server's ADMIN_TOKEN setting"
        error={error}
      />
      <div role="alert" id={about}>
        {error && <span className="visually-hidden">{error}</span>}
        {wait > 0 && (
          <Notice kind="warn">
            <p>
              Wait <Seconds left={wait} />, and check the token.
            </p>
          </Notice>
        )}
      </div>
      <Check label="Show the token" checked={shown} onChange={(event) => setShown(event.target.checked)} />
      <Check
        label="Stay signed in on this computer"
        checked={remember}
        onChange={(event) => setRemember(event.target.checked)}
      />
      <p className={css.note}>
        {remember
          ? "The token is kept in this browser until you sign out."
          : "The token is kept until this tab is closed."}
      </p>
      <Button kind="primary" type="submit" busy={busy} disabled={!token.trim() || wait > 0}>
        Sign in
      </Button>
    </form>
  );
};

const Seconds = ({ left }: { left: number }) => (
  <span aria-live="off">
    {left} {left === 1 ? "second" : "seconds"}
  </span>
);
