import type { Bench, Contestant, Settings } from './bench.js';
import { type Machine, describeMachine, loadAverage } from './machine.js';
import type { Progress } from './progress.js';
import { createScope } from './scope.js';
import { type BenchResult, resultOf } from './result.js';

/** One sample, as it was taken. */
interface RawSample {
  readonly contestant: string;
  readonly round: number;
  readonly values: Readonly<Record<string, number>>;
  readonly notes?: Readonly<Record<string, number>>;
  readonly loadAverage: number;
}

/** All there is to know about a run; kept in `bench/results`. */
export interface RawRun {
  readonly result: BenchResult;
  readonly date: string;
  readonly settings: Settings;
  readonly machine: Machine;
  readonly samples: readonly RawSample[];
}

/**
 * Measures all contestants in turn, round after round, so that what else happens on the machine meets all of them.
 * A round before the first one warms them up and is not counted.
 */
export async function runBench(bench: Bench, settings: Settings, progress: Progress): Promise<RawRun> {
  const date = new Date().toISOString();
  progress.tell(`${bench.name}: starting`);
  const scope = createScope();
  try {
    const contestants = await bench.open(settings, scope);
    const samples = await measureAll(bench, contestants, settings, progress);
    return { result: resultOf(bench, valuesOf(samples)), date, settings, machine: describeMachine(), samples };
  } finally {
    await scope[Symbol.asyncDispose]();
    progress.clear();
  }
}

async function measureAll(
  bench: Bench,
  contestants: readonly Contestant[],
  { rounds, quick }: Settings,
  progress: Progress,
): Promise<RawSample[]> {
  const samples: RawSample[] = [];
  const warmUps = quick || bench.startsAnew ? 0 : 1;
  const total = (rounds + warmUps) * contestants.length;
  let done = 0;
  for (let round = 1 - warmUps; round <= rounds; round++) {
    for (const contestant of contestants) {
      const which = round === 0 ? 'warm-up' : `round ${round} of ${rounds}`;
      progress.step(done++, total, `${bench.name}: ${which}: ${contestant.name}`);
      const sample = await contestant.measure();
      if (round > 0) samples.push({ contestant: contestant.name, round, ...sample, loadAverage: loadAverage() });
    }
  }
  return samples;
}

function valuesOf(samples: readonly RawSample[]): Record<string, number[]> {
  const values: Record<string, number[]> = {};
  for (const sample of samples) {
    for (const [variant, value] of Object.entries(sample.values)) (values[variant] ??= []).push(value);
  }
  return values;
}
