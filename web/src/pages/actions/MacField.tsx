import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { Field } from "../../ui/Field";
import { holderQuery } from "./holder";
import { macOddity, macProblem, parseMac } from "./mac";

/**
 * An input of the MAC address of a device that has no configuration yet, in any spelling, checked as it is typed. It links to the
 * configuration that the address has already.
 */
export const MacField = ({
  label,
  value,
  onChange,
  hint,
  refused,
  onLeave,
  autoFocus,
}: {
  label: string;
  value: string;
  onChange(text: string): void;
  /** Where to find one; shown while nothing is typed. */
  hint: ReactNode;
  /** What the server said against it. */
  refused?: string | undefined;
  /** Called when a link leads away from here. */
  onLeave?: () => void;
  autoFocus?: boolean;
}) => {
  const [left, setLeft] = useState(false);
  const mac = parseMac(value);
  const holder = useQuery(holderQuery(mac ?? ""));
  const there = mac ? holder.data?.there : null;
  const problem = macProblem(value);
  const typing = !left && /^\d+ of 12/.test(problem);
  const link = (id: number, text: string) => (
    <Link to="/devices/$id" params={{ id }} {...(onLeave ? { onClick: onLeave } : {})}>
      {text}
    </Link>
  );
  let error: ReactNode = refused;
  let about = hint;
  if (there)
    error = (
      <>
        {mac} has a configuration already: {link(there.id, there.device_name || there.mac_address)}
      </>
    );
  else if (problem && !typing) error = problem;
  else if (problem) about = problem;
  else if (mac && macOddity(mac)) about = macOddity(mac);
  else if (mac && holder.data?.deleted)
    about = (
      <>
        {mac} had a configuration, which was deleted.{" "}
        <Link to="/deleted" {...(onLeave ? { onClick: onLeave } : {})}>
          Bring that back instead
        </Link>
        , or go on: revisions continue behind its last.
      </>
    );
  else if (mac) about = mac === value.trim() ? "No device has it yet" : `${mac}: no device has it yet`;
  return (
    <>
      <Field
        label={label}
        value={value}
        onChange={(event) => {
          setLeft(false);
          onChange(event.target.value);
        }}
        onBlur={() => setLeft(true)}
        hint={about}
        error={error}
        placeholder="aa:bb:cc:dd:ee:ff"
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        autoFocus={autoFocus}
        required
      />
      <p className="visually-hidden" role="status">
        {value
          ? there
            ? `${mac} has a configuration already`
            : problem && !typing
              ? problem
              : mac
                ? `${mac} can be used`
                : ""
          : ""}
      </p>
    </>
  );
};

/** Whether a MAC address can be used for another device: it is one, and has no configuration. Until that is known it counts as free. */
export const useFreeMac = (text: string): { mac: string | null; free: boolean } => {
  const mac = parseMac(text);
  const holder = useQuery(holderQuery(mac ?? ""));
  return { mac, free: mac !== null && !holder.data?.there };
};
