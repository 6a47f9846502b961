import { type FormEvent, useState } from "react";
import type { Failure } from "../api/client";
import { queries, serverQuery } from "../api/queries";
import { session, useToken } from "../api/session";
import { Logo } from "../app/Logo";
import { Button } from "../ui/Button";
import { Check, Field } from "../ui/Field";
import css from "./SignIn.module.css";

/** Asks for the admin token; or says why nobody is let in from here. */
export const SignIn = ({ failure }: { failure: Failure }) => {
  const token = useToken();
  const closed = failure.status === 403 || failure.status === 421;
  return (
    <main className={css.page}>
      <div className={css.card}>
        <Logo />
        <h1>{closed ? failure.message : "Sign in to Espalier"}</h1>
        {closed ? (
          <>
            <p>{failure.detail}.</p>
            <p>On the machine that the server runs on, the page is open without a token.</p>
            <Button onClick={() => void queries.resetQueries(serverQuery)}>Try again</Button>
          </>
        ) : (
          <TokenForm wrong={token !== null ? failure : null} />
        )}
      </div>
    </main>
  );
};

const TokenForm = ({ wrong }: { wrong: Failure | null }) => {
  const [token, setToken] = useState("");
  const [remember, setRemember] = useState(false);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (token === session.token()) void queries.resetQueries(serverQuery);
    else session.signIn(token.trim(), remember);
  };
  return (
    <form onSubmit={submit}>
      <Field
        label="Admin token"
        type="password"
        autoComplete="current-password"
        autoFocus
        required
        value={token}
        onChange={(e) => setToken(e.target.value)}
        hint="The server's ADMIN_TOKEN setting"
        error={wrong && (wrong.status === 429 ? `${wrong.message}. ${wrong.detail}` : "This token is not the server's")}
      />
      <Check
        label="Stay signed in on this computer"
        checked={remember}
        onChange={(e) => setRemember(e.target.checked)}
      />
      <Button kind="primary" type="submit" disabled={!token.trim()}>
        Sign in
      </Button>
    </form>
  );
};
