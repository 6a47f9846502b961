import { undelete } from "../../api/write";
import { router } from "../../app/router";
import { devices } from "../../fleet/counted";
import { toast, toastFailure } from "../../ui/Toast";
import { type Named, namesOf, nothingYet, writeMany } from "./many/writes";

/** Brings back a configuration that was deleted, and tells how that went. Answers whether it worked. */
export const bringBack = async (id: number, name: string): Promise<boolean> => {
  try {
    const { revision } = await undelete(id);
    const there = new RegExp(`^/devices/${id}(/|$)`).test(router.state.location.pathname);
    const open = { label: "Open", run: () => void router.navigate({ to: "/devices/$id", params: { id } }) };
    toast({ title: `${name} is back, as revision ${revision}`, ...(there ? {} : { action: open }) });
    return true;
  } catch (error) {
    toastFailure(`${name} could not be brought back`, error);
    return false;
  }
};

/** Brings back many where there is no place to show how it goes, and tells of those that it did not work with. */
export const bringBackMany = async (items: readonly Named[]) => {
  const { became } = await writeMany<Named>(
    items.map(({ id, mac, name }) => ({ id, mac, name })),
    async (item, attempt) => (await undelete(item.id, { attempt })).revision,
    nothingYet(),
  );
  const { done, meanwhile, failed, unknown, left } = became;
  const action = { label: "See Deleted", run: () => void router.navigate({ to: "/deleted" }) };
  const not = [...failed, ...meanwhile, ...left];
  if (not.length) {
    const detail = [`${namesOf(not)} stay deleted.`, failed[0]?.why].filter(Boolean).join(" ");
    toast({ title: `${devices(not.length)} could not be brought back`, detail, bad: true, action });
  }
  if (unknown.length) {
    const detail = `The answer was lost, of ${namesOf(unknown)}.`;
    toast({ title: `${devices(unknown.length)} may be back or not`, detail, bad: true, action });
  }
  if (done.length) toast({ title: `${devices(done.length)} brought back` });
};
