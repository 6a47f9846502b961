import { lazy, Suspense } from "react";
import { actions, useOpenAction } from "./open";

const DeleteDialog = lazy(() => import("./DeleteDialog").then((m) => ({ default: m.DeleteDialog })));
const ReplaceDialog = lazy(() => import("./ReplaceDialog").then((m) => ({ default: m.ReplaceDialog })));

/** The dialog that was opened about a device, over whichever page. It stands once in the page. */
export const DeviceDialogs = () => {
  const open = useOpenAction();
  if (!open) return null;
  const Shown = open.action === "delete" ? DeleteDialog : ReplaceDialog;
  return (
    <Suspense>
      <Shown key={`${open.action} ${open.device.id}`} device={open.device} close={actions.close} returnTo={open.from} />
    </Suspense>
  );
};
