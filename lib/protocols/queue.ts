/** First in, first out, in constant time for each item. Items that no longer count are dropped on the way. */
export class Queue<T> {
  #items: T[] = [];
  #head = 0;

  push(item: T): void {
    this.#items.push(item);
  }

  /** Puts an item before those at the end that come after it. */
  insert(item: T, isAfter: (other: T) => boolean): void {
    let at = this.#items.length;
    for (; at > this.#head && isAfter(this.#items[at - 1]!); at--) this.#items[at] = this.#items[at - 1]!;
    this.#items[at] = item;
  }

  /** The first item that still counts; those before it are dropped for good. */
  first(counts: (item: T) => boolean): T | undefined {
    while (this.#head < this.#items.length) {
      const item = this.#items[this.#head]!;
      if (counts(item)) return item;
      this.#drop();
    }
    return undefined;
  }

  /** Takes the first item that still counts. */
  take(counts: (item: T) => boolean): T | undefined {
    const item = this.first(counts);
    if (item !== undefined) this.#drop();
    return item;
  }

  #drop(): void {
    this.#head++;
    if (this.#head < 32 || this.#head * 2 < this.#items.length) return;
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }
}
