import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Command, Option } from 'commander';
import { benches } from './benches/index.js';
import type { Bench, Settings } from './harness/bench.js';
import { createProgress } from './harness/progress.js';
import { verdictsOf } from './harness/result.js';
import { type RawRun, runBench } from './harness/run-bench.js';
import { toTable } from './harness/table.js';

interface Flags {
  readonly json: boolean;
  readonly quick: boolean;
  readonly rounds: number;
  readonly seconds: number;
  readonly out: string;
}

const list = benches.map(({ name, summary }) => `  ${name.padEnd(8)} ${summary}`).join('\n');

const program = new Command('npm run bench --')
  .description('Measures Leat against its peers: in turn, in processes of their own, with the same durability.')
  .argument('<name>', 'which bench, or all')
  .option('--json', 'print one JSON object (for all: one a line) instead of a table', false)
  .option('--quick', 'run for a moment, to see that it works; the numbers mean nothing and are not kept', false)
  .addOption(new Option('--rounds <n>', 'samples of each variant').argParser(Number).default(5))
  .addOption(new Option('--seconds <n>', 'length of a sample').argParser(Number).default(1.5))
  .option('--out <folder>', 'where raw output is kept', 'bench/results')
  .addHelpText(
    'after',
    `
Benches:
${list}

The results go to standard output, progress to standard error, and all samples with the machine, the versions and the
date to bench/results/NAME.json. With npm run --silent nothing else is on standard output.

Examples:
  $ npm run bench -- replay
  $ npm run --silent bench -- publish --json | jq .ratios
  $ npm run bench -- all --rounds 9`,
  )
  .action(async (name: string, flags: Flags) => {
    for (const bench of chosen(name)) await tryRun(bench, flags);
  });

await program.parseAsync();

function chosen(name: string): readonly Bench[] {
  const found = name === 'all' ? benches : benches.filter((bench) => bench.name === name);
  if (found.length > 0) return found;
  return program.error(`no bench is called ${name}; there are: all, ${benches.map((bench) => bench.name).join(', ')}`);
}

/** One that fails does not keep the others from running. */
async function tryRun(bench: Bench, flags: Flags): Promise<void> {
  try {
    await run(bench, flags);
  } catch (error) {
    process.stderr.write(`${bench.name} failed: ${(error as Error).stack ?? String(error)}\n`);
    process.exitCode = 1;
  }
}

async function run(bench: Bench, { json, quick, rounds, seconds, out }: Flags): Promise<void> {
  const settings: Settings = quick ? { quick, rounds: 1, seconds: 0.1 } : { quick, rounds, seconds };
  const raw = await runBench(bench, settings, createProgress(process.stderr));
  if (!quick) keep(raw, out);
  process.stdout.write(json ? `${JSON.stringify(raw.result)}\n` : toTable(raw.result, verdictsOf(bench, raw.result)));
}

function keep(raw: RawRun, folder: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, `${raw.result.name}.json`), `${JSON.stringify(raw, undefined, 1)}\n`);
}
