import type { Aim, Bench } from './bench.js';
import { median, rounded } from './statistics.js';

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** What `--json` prints. */
export interface BenchResult {
  readonly name: string;
  readonly unit: string;
  readonly variants: Readonly<Record<string, Spread>>;
  /** Of the medians, by `<ours> / <peer>`. */
  readonly ratios: Readonly<Record<string, number>>;
}

/** The samples of each variant, in the order in which they were taken. */
export type Samples = Readonly<Record<string, readonly number[]>>;

/** Throws if a bench compares what it did not measure. */
export function resultOf(bench: Bench, samples: Samples): BenchResult {
  const variants = Object.fromEntries(Object.entries(samples).map(([variant, values]) => [variant, spread(values)]));
  const ratios = bench.comparisons.map(({ ours, peer }) => {
    const [numerator, denominator] = [variants[ours], variants[peer]];
    if (!numerator || !denominator) throw new Error(`${bench.name} did not measure ${ours} and ${peer}`);
    return [`${ours} / ${peer}`, rounded(numerator.median / denominator.median)] as const;
  });
  return { name: bench.name, unit: bench.unit, variants, ratios: Object.fromEntries(ratios) };
}

function spread(values: readonly number[]): Spread {
  return {
    median: rounded(median(values)),
    min: rounded(Math.min(...values)),
    max: rounded(Math.max(...values)),
  };
}

/** One thing that was aimed at. */
export interface Verdict {
  /** A ratio, or a variant. */
  readonly what: string;
  readonly value: number;
  readonly aim: Aim;
  readonly met: boolean;
}

/** How a result stands to what was aimed at. */
export function verdictsOf(bench: Bench, result: BenchResult): Verdict[] {
  const ratios = bench.comparisons.map(({ ours, peer, aim }) => {
    const what = `${ours} / ${peer}`;
    return { what, aim, value: result.ratios[what] };
  });
  const limits = Object.entries(bench.limits ?? {}).map(([what, aim]) => {
    return { what, aim, value: result.variants[what]?.median };
  });
  return [...ratios, ...limits].flatMap(({ what, value, aim }) =>
    aim && value !== undefined ? [{ what, value, aim, met: isMet(aim, value) }] : [],
  );
}

function isMet({ atLeast = -Infinity, atMost = Infinity }: Aim, value: number): boolean {
  return value >= atLeast && value <= atMost;
}
