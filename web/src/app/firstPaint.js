// Runs before anything is drawn, so that nobody sees the other theme for a moment. ui/theme.ts goes on from here: the name of
// the key and of the attribute are its.
(() => {
  let chosen = null;
  try {
    const base = new URL(".", window.location.href.split("#", 1)[0]);
    chosen = localStorage.getItem(`espalier:${base.pathname}:theme`);
  } catch {
    // The browser lets nothing be stored.
  }
  const dark = chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
