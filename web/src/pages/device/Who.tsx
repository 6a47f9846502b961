import css from "./Who.module.css";
import { whoSays } from "./words";

/** As whom something was written, and from where. */
export const Who = ({ principal, address }: { principal: string | null; address: string | null }) => (
  <span className={css.who}>
    {whoSays(principal)}
    {address && <code>{address}</code>}
  </span>
);
