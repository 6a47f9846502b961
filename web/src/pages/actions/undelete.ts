import { undelete } from "../../api/write";
import { router } from "../../app/router";
import { toast, toastFailure } from "../../ui/Toast";
import { type ActionDevice, called } from "./device";

/** Brings back a configuration that was deleted, and tells how that went. Answers whether it worked. */
export const bringBack = async (device: Pick<ActionDevice, "id" | "mac" | "name">, message = ""): Promise<boolean> => {
  try {
    await undelete(device.id, { message });
  } catch (error) {
    toastFailure(`${called(device)} could not be brought back`, error);
    return false;
  }
  toast({
    title: `${called(device)} is back`,
    action: { label: "Open", run: () => void router.navigate({ to: "/devices/$id", params: { id: device.id } }) },
  });
  return true;
};
