/** Names that differ: of the same one the second has `-2` behind it. */
export class Names {
  readonly #taken = new Set<string>();
  readonly #counts = new Map<string, number>();

  take(wanted: string): string {
    let name = wanted;
    while (this.#taken.has(name)) {
      const count = (this.#counts.get(wanted) ?? 1) + 1;
      this.#counts.set(wanted, count);
      name = `${wanted}-${count}`;
    }
    this.#taken.add(name);
    return name;
  }
}
