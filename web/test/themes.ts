import type { Page } from "@playwright/test";
import { expect, expectAccessible } from "./fixtures";

/** Asserts that axe finds nothing on what is shown in either theme, each as it is when its colours have come to rest. */
export const expectAccessibleInBothThemes = async (page: Page) => {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    await expect(page.locator(`html[data-theme="${colorScheme}"]`)).toBeAttached();
    await page.waitForFunction(() => document.getAnimations().every((a) => !(a instanceof CSSTransition)));
    await expectAccessible(page);
  }
};
