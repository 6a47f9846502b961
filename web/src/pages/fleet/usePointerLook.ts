import { type RefObject, useEffect, useRef } from "react";

type Box = RefObject<HTMLElement | null>;

/**
 * Tells whether a mouse is at the rows of a table. While rows wait to be put in order, what stands above them counts too, for who
 * comes from the rows: what puts them in order is there, and would be gone before one reaches it.
 */
export const usePointerLook = (o: { list: Box; above: readonly Box[]; waits: boolean; tell(looks: boolean): void }) => {
  const now = useRef(o);
  now.current = o;
  const { length } = o.above;
  // biome-ignore lint/correctness/useExhaustiveDependencies: others stand above the rows when they are more or fewer
  useEffect(() => {
    const { list, above } = now.current;
    const enter = (event: PointerEvent) => event.pointerType === "mouse" && now.current.tell(true);
    const leave = ({ relatedTarget }: PointerEvent) => {
      const { waits, tell } = now.current;
      const to = relatedTarget instanceof Node ? relatedTarget : null;
      if (waits && [list, ...above].some((box) => box.current?.contains(to))) return;
      tell(false);
    };
    const boxes = [list, ...above].flatMap(({ current }) => current ?? []);
    list.current!.addEventListener("pointerenter", enter);
    for (const box of boxes) box.addEventListener("pointerleave", leave);
    return () => {
      boxes[0]!.removeEventListener("pointerenter", enter);
      for (const box of boxes) box.removeEventListener("pointerleave", leave);
    };
  }, [length]);
};
