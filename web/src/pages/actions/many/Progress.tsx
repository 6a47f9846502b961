import { useId } from "react";
import { counted } from "../../../fleet/counted";
import css from "./many.module.css";

/** How far something is with many devices. */
export const Progress = ({ label, done, of }: { label: string; done: number; of: number }) => {
  const id = useId();
  return (
    <div className={css.progress}>
      <p id={id}>
        {label}: {counted(done)} of {counted(of)}
      </p>
      <progress aria-labelledby={id} value={done} max={of} />
    </div>
  );
};
