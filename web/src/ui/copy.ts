import { toast } from "./Toast";

/** Puts text in the clipboard; also where the page came over plain HTTP, which browsers let no clipboard have. */
export const copy = async (text: string, what: string) => {
  if (await toClipboard(text)) toast({ title: `${what} copied` });
  else
    toast({ title: `${what} could not be copied`, detail: "This browser does not let the page do that.", bad: true });
};

const toClipboard = async (text: string): Promise<boolean> => {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const focused = document.activeElement;
    const area = document.createElement("textarea");
    area.value = text;
    area.setAttribute("readonly", "");
    area.className = "visually-hidden";
    (document.querySelector('[role="dialog"]') ?? document.body).append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (focused instanceof HTMLElement) focused.focus();
    return done;
  }
};
