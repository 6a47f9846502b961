/**
 * Keeps what is typed from the page while something is on its way that is to have the keyboard. `end` gives the keys back, and
 * answers the text; null where Escape has put an end to the waiting.
 */
export const typeAhead = (): { end(): string | null } => {
  let text: string | null = "";
  const take = (event: KeyboardEvent) => {
    const { key } = event;
    const shortcut = (event.ctrlKey || event.metaKey) && !event.getModifierState("AltGraph");
    if (text === null || shortcut || key === "Tab") return;
    event.preventDefault();
    event.stopPropagation();
    if (key === "Escape") text = null;
    else if (key === "Backspace") text = [...text].slice(0, -1).join("");
    else if ([...key].length === 1) text += key;
  };
  window.addEventListener("keydown", take, true);
  return {
    end: () => {
      window.removeEventListener("keydown", take, true);
      return text;
    },
  };
};
