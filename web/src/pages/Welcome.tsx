import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { FilePlus2, Sprout } from "lucide-react";
import { useState } from "react";
import { client, read } from "../api/client";
import { serverQuery } from "../api/queries";
import { fleet } from "../fleet/store";
import { Button } from "../ui/Button";
import { toast, toastFailure } from "../ui/Toast";
import { DropZone } from "./import/DropZone";
import { hand } from "./import/drop";
import { Reach } from "./server/Reach";
import css from "./Welcome.module.css";

/** The first page where there is no configuration yet: what this is, the three ways in, and where devices go. */
export const Welcome = () => {
  const navigate = useNavigate();
  const { data: server } = useQuery(serverQuery);
  return (
    <div className={css.page}>
      <header className={css.header}>
        <Trained />
        <h1>Welcome to Espalier</h1>
        <p>
          Espalier keeps the configuration that each of your ESP32 devices should have, hands it over when the device
          asks, and tells the device when it changes. You see at any time which device has what, who changed it and why,
          and can take every change back.
        </p>
      </header>
      <DropZone
        title="Drop your folder of documents here"
        onFound={(found) => {
          hand(found);
          void navigate({ to: "/import" });
        }}
      />
      <div className={css.ways}>
        <section className={css.way}>
          <FilePlus2 aria-hidden />
          <h2>Create one</h2>
          <p>Write the document of your first device, or paste it.</p>
          <Link to="/new" className={css.button}>
            New configuration
          </Link>
        </section>
        <Sample />
      </div>
      {server && (
        <section className={css.reach}>
          <h2>Where your firmware finds it</h2>
          <Reach server={server} />
        </section>
      )}
    </div>
  );
};

const Sample = () => {
  const [busy, setBusy] = useState(false);
  const load = async () => {
    setBusy(true);
    try {
      const report = await read(client.POST("/api/sample", {}));
      await fleet.load();
      toast({ title: `${report.created} sample devices are there`, detail: "Delete them when you have seen enough." });
    } catch (error) {
      setBusy(false);
      toastFailure("The sample fleet could not be loaded", error);
    }
  };
  return (
    <section className={css.way}>
      <Sprout aria-hidden />
      <h2>Look around first</h2>
      <p>24 devices of eight kinds, from a blind to an energy meter, to try everything with.</p>
      <Button busy={busy} onClick={() => void load()}>
        Load the sample fleet
      </Button>
    </section>
  );
};

/** A tree that is trained along wires, in leaf. */
const Trained = () => (
  <svg viewBox="0 0 240 120" className={css.tree} aria-hidden="true">
    <g className={css.wires}>
      <path d="M8 92H232M8 64H232M8 36H232" />
    </g>
    <g className={css.wood}>
      <path d="M120 118V14" />
      <path d="M120 104C100 104 92 92 76 92H26M120 104C140 104 148 92 164 92H214" />
      <path d="M120 76C104 76 96 64 82 64H42M120 76C136 76 144 64 158 64H198" />
      <path d="M120 48C108 48 102 36 90 36H62M120 48C132 48 138 36 150 36H178" />
    </g>
    <g className={css.leaves}>
      {leaves.map(([x, y]) => (
        <path key={`${x} ${y}`} d={`M${x} ${y}q6 -11 14 -11q-1 10 -14 11`} />
      ))}
    </g>
  </svg>
);

const leaves: readonly (readonly [number, number])[] = [
  [26, 91],
  [48, 91],
  [70, 90],
  [166, 91],
  [188, 91],
  [208, 91],
  [42, 63],
  [62, 63],
  [160, 63],
  [182, 63],
  [62, 35],
  [80, 35],
  [152, 35],
  [172, 35],
  [120, 16],
];
