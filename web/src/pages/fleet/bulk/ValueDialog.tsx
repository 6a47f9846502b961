import { useState } from "react";
import { patchText, pathOf, pointerOf, typedValue } from "../../../fleet/change";
import { devices } from "../../../fleet/counted";
import type { Row } from "../../../fleet/row";
import { Dialog } from "../../../ui/Dialog";
import { StopToLeave } from "../../actions/many/StopToLeave";
import { asMessage } from "../../actions/message";
import { ApplyStep } from "./ApplyStep";
import { type Planned, PreviewStep } from "./PreviewStep";
import { ValueForm } from "./ValueForm";

export type Mode = "set" | "remove";

const nothing: ReadonlySet<string> = new Set();

/** What is to be done, as it was typed. */
export interface Wish {
  at: string;
  value: string;
  message: string;
}

/** Sets or removes one value in many documents: what, then every difference, then the change itself and what became of it. */
export const ValueDialog = ({ mode, rows, close }: { mode: Mode; rows: readonly Row[]; close(): void }) => {
  const [wish, setWish] = useState<Wish>({ at: "", value: "", message: "" });
  const [step, setStep] = useState<"wish" | "preview" | "apply">("wish");
  const [plan, setPlan] = useState<readonly Planned[]>([]);
  const [taken, setTaken] = useState<{ patch: string; out: ReadonlySet<string> }>({ patch: "", out: nothing });
  const [begun, setBegun] = useState(false);
  const change = changeOf(mode, wish);
  const title = `${mode === "set" ? "Set" : "Remove"} a value in ${devices(rows.length)}`;
  const footId = "bulk-foot";
  return (
    // While documents are being changed, or wait to be, it is not closed by a slip: there is a button to stop.
    <Dialog
      open
      onOpenChange={() => !begun && close()}
      title={title}
      size="l"
      footer={<div id={footId} style={{ display: "contents" }} />}
    >
      <StopToLeave busy={begun} />
      {step === "wish" && (
        <ValueForm
          mode={mode}
          rows={rows}
          wish={wish}
          onWish={setWish}
          foot={footId}
          onCancel={close}
          onNext={() => setStep("preview")}
        />
      )}
      {step === "preview" && change && (
        <PreviewStep
          rows={rows}
          path={change.path}
          patch={change.patch}
          without={taken.patch === change.patch ? taken.out : nothing}
          onWithout={(out) => setTaken({ patch: change.patch, out })}
          foot={footId}
          onBack={() => setStep("wish")}
          onCancel={close}
          onNext={(planned) => {
            setPlan(planned);
            setStep("apply");
          }}
        />
      )}
      {step === "apply" && change && (
        <ApplyStep
          plan={plan}
          patch={change.patch}
          message={
            wish.message.trim() ||
            asMessage(`${mode === "set" ? "Set" : "Remove"} ${pointerOf(change.path)} in ${devices(plan.length)}`)
          }
          foot={footId}
          onBack={() => setStep("preview")}
          onBegun={setBegun}
          onClose={close}
        />
      )}
    </Dialog>
  );
};

const changeOf = (mode: Mode, wish: Wish) => {
  const at = pathOf(wish.at);
  if ("wrong" in at) return null;
  if (mode === "remove") return { path: at.path, patch: patchText(at.path, "null") };
  const value = typedValue(wish.value);
  return "wrong" in value ? null : { path: at.path, patch: patchText(at.path, value.json) };
};
