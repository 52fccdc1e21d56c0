import type { BenchResult, Spread } from '../harness/result.js';
import { shown } from '../harness/table.js';

const WIDTH = 940;
const LABELS = 440;
const VALUES = 80;
const ROW = 24;
const TOP = 34;
const AXIS = 30;

/** Readable on white and on black, and without colours: what is ours is a filled dot, a peer an empty one. */
const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .title { font-weight: 600; } .quiet { fill: #59636e; font-size: 12px; }
  .grid { stroke: #d1d9e0; } .ours { stroke: #0969da; fill: #0969da; } .peer { stroke: #6e7781; fill: none; }
  line.ours, line.peer { stroke-width: 3; stroke-linecap: round; opacity: .55; } circle { stroke-width: 2.5; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; } .quiet { fill: #9198a1; } .grid { stroke: #3d444d; }
    .ours { stroke: #4493f8; fill: #4493f8; } .peer { stroke: #9198a1; fill: none; }
  }`;

/** An SVG: a dot for each variant's median and a line from its least to its most, on a logarithmic axis. */
export function drawChart(result: BenchResult, summary: string): string {
  const rows = Object.entries(result.variants);
  const ours = oursOf(result);
  const height = TOP + rows.length * ROW + AXIS;
  const scale = scaleOf(rows.map(([, spread]) => spread));
  const body = [
    `<text class="title" x="8" y="20">${escape(`${result.name}: ${summary}`)}</text>`,
    ...scale.ticks.map((tick) => drawTick(tick, scale.x(tick), height)),
    `<text class="quiet" x="${WIDTH - 8}" y="${height - 10}" text-anchor="end">${escape(result.unit)}</text>`,
    ...rows.map(([name, spread], index) => drawRow(name, spread, { y: TOP + index * ROW + ROW / 2, ours, x: scale.x })),
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">`,
    `<title>${escape(`${result.name}: ${summary} (${result.unit})`)}</title>`,
    `<style>${STYLE}</style>`,
    ...body,
    '</svg>',
    '',
  ].join('\n');
}

function oursOf({ variants, ratios }: BenchResult): ReadonlySet<string> {
  const compared = Object.keys(ratios).map((pair) => pair.split(' / ')[0] ?? '');
  return new Set([...compared, ...Object.keys(variants).filter((name) => name.startsWith('leat'))]);
}

function scaleOf(spreads: readonly Spread[]) {
  const low = Math.floor(Math.log10(Math.min(...spreads.map(({ min }) => min))));
  const high = Math.ceil(Math.log10(Math.max(...spreads.map(({ max }) => max))));
  const plot = WIDTH - LABELS - VALUES - 16;
  return {
    x: (value: number) => LABELS + ((Math.log10(value) - low) / Math.max(1, high - low)) * plot,
    ticks: Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index)),
  };
}

function drawTick(tick: number, x: number, height: number): string {
  const at = x.toFixed(1);
  return [
    `<line class="grid" x1="${at}" x2="${at}" y1="${TOP}" y2="${height - AXIS}"/>`,
    `<text class="quiet" x="${at}" y="${height - 10}" text-anchor="middle">${tick.toLocaleString('en-US')}</text>`,
  ].join('');
}

interface Place {
  readonly y: number;
  readonly ours: ReadonlySet<string>;
  readonly x: (value: number) => number;
}

function drawRow(name: string, { median, min, max }: Spread, { y, ours, x }: Place): string {
  const kind = ours.has(name) ? 'ours' : 'peer';
  const at = (value: number) => x(value).toFixed(1);
  return [
    `<text x="${LABELS - 14}" y="${y + 4}" text-anchor="end">${escape(name)}</text>`,
    `<line class="${kind}" x1="${at(min)}" x2="${at(max)}" y1="${y}" y2="${y}"/>`,
    `<circle class="${kind}" cx="${at(median)}" cy="${y}" r="5"/>`,
    `<text x="${WIDTH - 8}" y="${y + 4}" text-anchor="end">${shown(median)}</text>`,
  ].join('');
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
