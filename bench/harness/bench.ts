import type { Scope } from './scope.js';

/** How long and how often a bench measures. */
export interface Settings {
  /** Samples of each variant; the median is what counts. */
  readonly rounds: number;
  /** Length of one sample. */
  readonly seconds: number;
  /** Small enough for a test: the numbers mean nothing. */
  readonly quick: boolean;
}

/** One measurement: a value for each variant, and what should be known about how it came to be. */
export interface Sample {
  readonly values: Readonly<Record<string, number>>;
  /** Kept in the raw output, for example how busy the load generator was (1 = one core). */
  readonly notes?: Readonly<Record<string, number>>;
}

/** Something that is measured, in processes of its own. It is idle while another one is measured. */
export interface Contestant {
  readonly name: string;
  measure(): Promise<Sample>;
}

/** What a result is held against. */
export interface Aim {
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** A ratio of two variants, ours first. */
export interface Comparison {
  readonly ours: string;
  readonly peer: string;
  readonly aim?: Aim;
}

export interface Bench {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  readonly unit: string;
  readonly comparisons: readonly Comparison[];
  /** True: every sample has processes of its own, so that there is nothing to warm up. Default: false. */
  readonly startsAnew?: boolean;
  /** Aims for the variants themselves, in `unit`. */
  readonly limits?: Readonly<Record<string, Aim>>;
  /** Starts everything; what is opened is given to `scope`. Contestants are measured in their order, round after round. */
  open(settings: Settings, scope: Scope): Promise<readonly Contestant[]>;
}
