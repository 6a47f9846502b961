import { useRouter } from "@tanstack/react-router";
import { useEffect, useState } from "react";

/** The page of an address: the tabs of a device are one. */
const pageOf = (path: string): string => /^\/devices\/[^/]+/.exec(path)?.[0] ?? path;

/** The title of the tab: of what is shown, from the particular to the general. */
const titleOf = (...parts: (string | null | undefined)[]): string =>
  [...new Set(parts.map((part) => part?.trim()).filter(Boolean)), "Espalier"].join(" · ");

const heading = () => document.querySelector<HTMLElement>("main h1");

let goal: string | null = null;

/** Has the next page that is gone to take the focus to what a selector finds, in place of its heading. */
export const focusNext = (selector: string) => {
  goal = selector;
};

/** Takes the focus to an element as soon as it is there; unless somebody does something meanwhile. */
const focusWhenThere = (find: () => HTMLElement | null): (() => void) => {
  const stop = () => {
    watcher.disconnect();
    for (const kind of ["keydown", "pointerdown"]) window.removeEventListener(kind, stop, true);
  };
  const look = () => {
    const element = find();
    if (!element) return;
    stop();
    element.focus();
  };
  const watcher = new MutationObserver(look);
  watcher.observe(document.body, { childList: true, subtree: true });
  for (const kind of ["keydown", "pointerdown"]) window.addEventListener(kind, stop, true);
  look();
  return stop;
};

const focusable = () => {
  const found = heading();
  if (found) found.tabIndex = -1;
  return found;
};

/** Takes the focus to the heading of the page, and answers whether there is one. */
export const focusHeading = (): boolean => {
  const found = focusable();
  found?.focus();
  return found !== null;
};

// A page that put the focus somewhere itself, such as into its first field, is left at that.
const taken = () => {
  const main = document.querySelector("main");
  return main?.contains(document.activeElement) && document.activeElement !== main;
};

/**
 * Keeps the title of the tab that of the page, takes the focus to the heading of each page that is gone to, and answers
 * what is to be said to those who see neither: where one is, when only a part of a page has changed.
 */
export const useArrival = (): string => {
  const router = useRouter();
  const [said, say] = useState("");
  useEffect(() => {
    let of: { title?: string; part?: string } = {};
    let shown: string | undefined;
    let stop = () => {};
    const name = () => {
      const title = titleOf(of.part, heading()?.textContent || of.title);
      if (document.title !== title) document.title = title;
    };
    const arrive = () => {
      of = router.state.matches.at(-1)?.staticData ?? {};
      const page = pageOf(router.state.location.pathname);
      const before = shown;
      shown = page;
      name();
      if (before === undefined) return;
      if (before === page) {
        say((last) => (goal ? last : document.title));
      } else {
        document.querySelector("main")?.scrollTo(0, 0);
        stop();
        if (!goal && !taken()) stop = focusWhenThere(focusable);
      }
      if (goal) {
        const selector = goal;
        goal = null;
        stop();
        stop = focusWhenThere(() => document.querySelector<HTMLElement>(selector));
      }
    };
    let due = false;
    const watcher = new MutationObserver(() => {
      if (due) return;
      due = true;
      requestAnimationFrame(() => {
        due = false;
        name();
      });
    });
    watcher.observe(document.body, { childList: true, subtree: true, characterData: true });
    const leave = router.subscribe("onRendered", arrive);
    arrive();
    return () => {
      leave();
      stop();
      watcher.disconnect();
    };
  }, [router]);
  return said;
};
