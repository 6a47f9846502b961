import { useRef } from "react";

// What has the focus when something opens over it. What a menu opened was opened by the button of the menu, which stays.
const opener = (): HTMLElement | null => {
  const at = document.activeElement;
  const menu = at?.closest('[role="menu"]')?.getAttribute("aria-labelledby");
  const found = menu ? document.getElementById(menu) : at;
  return found instanceof HTMLElement && found !== document.body ? found : null;
};

/**
 * Takes the focus back to where it was when what lies over the page closes: give both to its content. `returnTo`: to there
 * instead.
 */
export const useFocusBack = (returnTo?: HTMLElement | null) => {
  const before = useRef<HTMLElement | null>(null);
  return {
    onOpenAutoFocus: () => {
      before.current = opener();
    },
    onCloseAutoFocus: (event: Event) => {
      event.preventDefault();
      const to = [returnTo, before.current].find((element) => element?.isConnected);
      (to ?? document.querySelector<HTMLElement>("main h1, main"))?.focus();
    },
  };
};
