import { type RefObject, useCallback, useLayoutEffect, useState } from "react";
import { flushSync } from "react-dom";

const beyond = 10; // rows that are there above and below what is seen
const step = 5; // the slice moves by so many rows at once
const rest = 200; // ms without scrolling after which it has ended

interface Slice {
  first: number;
  /** Behind the last row. */
  end: number;
}

/**
 * Which of `count` rows, each `size` pixels high, are seen in `scroll`, and some around them. Wherever that is, it is the same
 * number of rows if there are so many.
 */
export const sliceOf = (from: number, height: number, count: number, size: number): Slice => {
  const many = Math.ceil((height / size + 2 * beyond) / step) * step + step;
  const first = Math.floor((from / size - beyond) / step) * step;
  const most = Math.max(0, Math.ceil((count - many) / step) * step);
  const at = Math.min(Math.max(0, first), most);
  return { first: at, end: Math.min(count, at + many) };
};

/**
 * Has only those rows of `list` in the page that are seen in `scroll`. `moving` says that somebody scrolls. `reveal` scrolls
 * as far as it takes to have a row seen between what sticks to the top and to the bottom.
 */
export const useSlice = (o: {
  scroll: RefObject<HTMLElement | null>;
  list: RefObject<HTMLElement | null>;
  count: number;
  size: number;
  /** Pixels that are covered at the top and the bottom of what is seen. */
  covered: () => [top: number, bottom: number];
  /** Told whether rows were scrolled out above. */
  onScrolled(away: boolean): void;
}) => {
  const { scroll, list, count, size, covered, onScrolled } = o;
  const [slice, setSlice] = useState<Slice>({ first: 0, end: 40 });
  const [moving, setMoving] = useState(false);
  useLayoutEffect(() => {
    let ended: ReturnType<typeof setTimeout> | undefined;
    const box = scroll.current!;
    const look = () => {
      const from = box.scrollTop - list.current!.offsetTop;
      const next = sliceOf(from, box.clientHeight, count, size);
      onScrolled(from + covered()[0] > size);
      setSlice((now) => (now.first === next.first && now.end === next.end ? now : next));
    };
    // In the same frame: a later one would show a gap.
    const scrolled = () => {
      clearTimeout(ended);
      ended = setTimeout(() => setMoving(false), rest);
      flushSync(() => {
        setMoving(true);
        look();
      });
    };
    look();
    box.addEventListener("scroll", scrolled, { passive: true });
    const sizes = new ResizeObserver(look);
    sizes.observe(box);
    for (const part of box.children) if (!part.contains(list.current)) sizes.observe(part);
    return () => {
      clearTimeout(ended);
      setMoving(false);
      box.removeEventListener("scroll", scrolled);
      sizes.disconnect();
    };
  }, [scroll, list, count, size, covered, onScrolled]);
  const reveal = useCallback(
    (index: number) => {
      const box = scroll.current!;
      const [top, bottom] = covered();
      const start = list.current!.offsetTop + index * size;
      if (start - top < box.scrollTop) box.scrollTop = start - top;
      else if (start + size + bottom > box.scrollTop + box.clientHeight)
        box.scrollTop = start + size + bottom - box.clientHeight;
    },
    [scroll, list, size, covered],
  );
  return { first: Math.min(slice.first, count), end: Math.min(slice.end, count), moving, reveal };
};
