/** The newest value of one key, in its place among the others. */
export interface LatestEntry<V> {
  readonly key: string;
  /** When it was set, by the log's own counter. */
  readonly version: number;
  readonly value: V;
  /** The key is gone; `value` tells readers so. */
  readonly isRemoved: boolean;
  /** The entry that was set after this one. */
  readonly newer: LatestEntry<V> | undefined;
}

interface Node<V> extends LatestEntry<V> {
  older: Node<V> | undefined;
  newer: Node<V> | undefined;
}

/** Removals that are remembered for readers who come late, at most. */
const MAX_REMOVED = 1_000;

/**
 * A log of newest values, in memory: each key stands in it once, at the place of its last change. A reader holds a
 * version, as a reader of events holds an offset, and reads what changed after it: who is slow misses what was
 * overwritten and nothing else, and nobody waits for it. From version 0 it reads all there is.
 */
export class LatestLog<V> {
  private readonly nodes = new Map<string, Node<V>>();
  private readonly removed = new Set<Node<V>>();
  private oldest: Node<V> | undefined;
  private newest: Node<V> | undefined;
  private forgottenTo = 0;
  private lastVersion = 0;

  /** Of the last change; 0 if there was none. */
  get version(): number {
    return this.lastVersion;
  }

  /** A reader below it may have missed a removal, and has to begin again at 0. */
  get firstVersion(): number {
    return this.forgottenTo;
  }

  /** Keys that are remembered only because they are gone. */
  get removedCount(): number {
    return this.removed.size;
  }

  get(key: string): V | undefined {
    const node = this.nodes.get(key);
    return node?.isRemoved === false ? node.value : undefined;
  }

  set(key: string, value: V): void {
    this.append(key, value, false);
  }

  /** `value` is what readers are told. Does nothing if the key is not there. */
  remove(key: string, value: V): void {
    if (this.nodes.get(key)?.isRemoved !== false) return;
    this.removed.add(this.append(key, value, true));
    if (this.removed.size > MAX_REMOVED) this.forgetOne();
  }

  /** Forgets removals that every reader has read. */
  forget(upTo: number): void {
    while (this.removed.size > 0 && (first(this.removed)?.version ?? Infinity) <= upTo) this.forgetOne();
  }

  /** The oldest entry that is newer than `version`; the others hang on it. */
  after(version: number): LatestEntry<V> | undefined {
    if (version === 0) return this.oldest;
    let found: Node<V> | undefined;
    for (let node = this.newest; node && node.version > version; node = node.older) found = node;
    return found;
  }

  private append(key: string, value: V, isRemoved: boolean): Node<V> {
    const version = ++this.lastVersion;
    const before = this.nodes.get(key);
    if (before) this.unlink(before);
    const node: Node<V> = { key, version, value, isRemoved, older: this.newest, newer: undefined };
    if (this.newest) this.newest.newer = node;
    else this.oldest = node;
    this.newest = node;
    this.nodes.set(key, node);
    return node;
  }

  private unlink(node: Node<V>): void {
    this.removed.delete(node);
    if (node.older) node.older.newer = node.newer;
    else this.oldest = node.newer;
    if (node.newer) node.newer.older = node.older;
    else this.newest = node.older;
  }

  private forgetOne(): void {
    const node = first(this.removed);
    if (!node) return;
    this.forgottenTo = node.version;
    this.unlink(node);
    this.nodes.delete(node.key);
  }
}

function first<T>(items: Iterable<T>): T | undefined {
  for (const item of items) return item;
  return undefined;
}
