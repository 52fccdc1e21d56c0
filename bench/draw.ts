/** `npm run bench:draw`: charts and tables of docs/benchmarks.md from bench/results. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { benches } from './benches/index.js';
import type { RawRun } from './harness/run-bench.js';
import { drawChart } from './report/chart.js';
import { toOrigin, toSection } from './report/section.js';

const PAGE = 'docs/benchmarks.md';

const runs = benches.flatMap((bench) => {
  const file = `bench/results/${bench.name}.json`;
  if (existsSync(file)) return [{ bench, run: JSON.parse(readFileSync(file, 'utf8')) as RawRun }];
  process.stderr.write(`${bench.name} was never recorded: npm run bench -- ${bench.name}\n`);
  return [];
});

mkdirSync('docs/benchmarks', { recursive: true });
let page = readFileSync(PAGE, 'utf8');
page = filled(page, 'origin', toOrigin(runs.map(({ run }) => run)));
for (const { bench, run } of runs) {
  writeFileSync(`docs/benchmarks/${bench.name}.svg`, drawChart(run.result, bench.summary));
  page = filled(page, bench.name, toSection(bench, run));
}
writeFileSync(PAGE, page);

/** Puts `content` between the marks of that name. */
function filled(text: string, name: string, content: string): string {
  const [begin, end] = [`<!-- ${name}: made by npm run bench:draw -->`, `<!-- end of ${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${PAGE} has no place for ${name}`);
  return `${text.slice(0, from + begin.length)}\n\n${content}\n\n${text.slice(to)}`;
}
