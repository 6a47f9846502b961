import { useState } from "react";
import { asFailure, Failure } from "./client";

/** Sends something to the server, and keeps why it failed until it is tried again. */
export const useSending = () => {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  /** `what` throws why it failed, or answers it. So does this answer it; null where it did not. */
  const send = async (what: () => Promise<unknown>): Promise<Failure | null> => {
    setBusy(true);
    setFailure(null);
    let failed: Failure | null = null;
    try {
      const said = await what();
      failed = said instanceof Failure ? said : null;
    } catch (error) {
      failed = asFailure(error);
    }
    setFailure(failed);
    setBusy(false);
    return failed;
  };
  /** Has nothing said of the failure any more. */
  const forget = () => setFailure(null);
  return { busy, failure, forget, send };
};
