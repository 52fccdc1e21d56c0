/** Writes the table of options into README.md, from src/config.ts as built. With --check it only compares. */
import { readFileSync, writeFileSync } from 'node:fs';
import prettier from 'prettier';
import { configOptions } from '../dist/src/config.js';

const [begin, end] = [
  '<!-- configuration: generated from src/config.ts by `npm run generate` -->',
  '<!-- /configuration -->',
];
const rows = configOptions.map(
  ({ name, env, default: byDefault, description }) =>
    `| \`--${name}\` | \`${env}\` | ${byDefault ? `\`${byDefault}\`` : 'off'} | ${description} |`,
);
const table = ['| flag | environment | default | |', '|---|---|---|---|', ...rows].join('\n');

const before = readFileSync('README.md', 'utf8');
const [head, rest] = before.split(begin);
const tail = rest?.split(end)[1];
if (tail === undefined) throw new Error(`README.md has lost its markers ${begin} … ${end}`);
const options = { ...(await prettier.resolveConfig('README.md')), parser: 'markdown' };
const after = await prettier.format(`${head}${begin}\n\n${table}\n\n${end}${tail}`, options);

if (process.argv.includes('--check') && after !== before) {
  console.error('README.md: the table of options is out of date; run `npm run generate`');
  process.exit(1);
}
writeFileSync('README.md', after);
