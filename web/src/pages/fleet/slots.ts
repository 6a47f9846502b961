/** A row's place in the page: the element that shows it, and which of the rows that were asked for it is, from 0. */
export interface Place {
  slot: number;
  at: number;
}

/**
 * Which element shows which row. An element whose row goes shows the next one that comes: to write a row anew costs a third of
 * what it costs to make it. Rows that stay keep their element.
 */
export class Slots {
  #of = new Map<number, number>();
  /** The elements as they follow each other in the page. */
  #order: readonly number[] = [];
  #next = 0;
  #held: number | null = null;

  /**
   * Has exactly these rows in the page, and answers them as their elements follow each other: in the order of the rows where
   * `sorted` says so, and else so that none moves. The element of `held`, which may have the focus, never becomes another row's;
   * nor does that of the one before, from which the focus goes only after this.
   */
  place(ids: readonly number[], held: number | null, sorted: boolean): Place[] {
    const wanted = new Set(ids);
    const free: number[] = [];
    for (const [id, slot] of this.#of) {
      if (wanted.has(id)) continue;
      this.#of.delete(id);
      if (id !== held && id !== this.#held) free.push(slot);
    }
    this.#held = held;
    const added: number[] = [];
    const places = new Map<number, Place>();
    for (const [at, id] of ids.entries()) {
      let slot = this.#of.get(id);
      if (slot === undefined) {
        slot = free.pop();
        if (slot === undefined) {
          slot = this.#next++;
          added.push(slot);
        }
        this.#of.set(id, slot);
      }
      places.set(slot, { slot, at });
    }
    this.#order = sorted ? [...places.keys()] : [...this.#order.filter((slot) => places.has(slot)), ...added];
    return this.#order.map((slot) => places.get(slot)!);
  }
}
