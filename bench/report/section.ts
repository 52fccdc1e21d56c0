import type { Bench } from '../harness/bench.js';
import { verdictsOf } from '../harness/result.js';
import type { RawRun } from '../harness/run-bench.js';
import { percentile } from '../harness/statistics.js';
import { aimed, shown } from '../harness/table.js';

/** The part of docs/benchmarks.md that tells one bench's results, in Markdown. */
export function toSection(bench: Bench, { result }: RawRun): string {
  const verdicts = verdictsOf(bench, result);
  const rows = Object.entries(result.variants).map(
    ([name, { median, min, max }]) => `| ${name} | ${shown(median)} | ${shown(min)} to ${shown(max)} |`,
  );
  const ratios = Object.entries(result.ratios).map(([pair, ratio]) => {
    const verdict = verdicts.find(({ what }) => what === pair);
    return `| ${pair} | ${ratio.toPrecision(3)} | ${verdict ? aimed(verdict.aim) : ''} | ${told(verdict?.met)} |`;
  });
  const limits = verdicts
    .filter(({ what }) => what in result.variants)
    .map(({ what, value, aim, met }) => `| ${what} | ${shown(value)} ${result.unit} | ${aimed(aim)} | ${told(met)} |`);
  return [
    `![${bench.summary}](benchmarks/${bench.name}.svg)`,
    '',
    `| variant | median, ${result.unit} | least to most |`,
    '| --- | ---: | ---: |',
    ...rows,
    '',
    '| ratio of medians | is | aim | |',
    '| --- | ---: | ---: | --- |',
    ...ratios,
    ...limits,
  ].join('\n');
}

function told(met: boolean | undefined): string {
  return met === undefined ? '' : met ? 'met' : '**missed**';
}

/** On what, with what and when all of them were measured. */
export function toOrigin(runs: readonly RawRun[]): string {
  const [first] = runs;
  if (!first) throw new Error('there are no results');
  const { cpu, cores, memoryGiB, kernel, fileSystem, node, packages } = first.machine;
  const loads = runs.flatMap(({ samples }) => samples.map(({ loadAverage }) => loadAverage));
  const versions = Object.entries(packages).map(([name, version]) => `${name} ${version}`);
  const dates = [...new Set(runs.map(({ date }) => date.slice(0, 10)))].sort();
  return [
    `| machine | ${cpu}, ${cores} virtual cores, ${memoryGiB} GiB, Linux ${kernel}, ${fileSystem} |`,
    '| --- | --- |',
    `| versions | Node.js ${node}, ${versions.join(', ')} |`,
    `| date | ${dates.join(', ')} |`,
    `| load average meanwhile | median ${shown(percentile(loads, 0.5))}, ${shown(Math.min(...loads))} to ${shown(Math.max(...loads))} |`,
    `| samples | ${first.settings.rounds} a variant after one to warm up |`,
  ].join('\n');
}
