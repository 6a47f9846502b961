import { type ReactNode, useEffect, useState } from "react";
import { createPortal } from "react-dom";

/** Puts the buttons of a step at the end of the dialog that has it. */
export const Foot = ({ id, children }: { id: string; children: ReactNode }) => {
  const [place, setPlace] = useState<HTMLElement | null>(null);
  useEffect(() => setPlace(document.getElementById(id)), [id]);
  return place && createPortal(children, place);
};
