import { stripVTControlCharacters } from 'node:util';
import { pino, type Logger } from 'pino';
import type { Config } from '../config.js';

/** Where the log goes; `process.stdout` is one. */
export interface LogOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** JSON lines, or on a terminal lines that people read. `env` decides about colours. */
export function createLog(
  { logLevel, logFormat }: Pick<Config, 'logLevel' | 'logFormat'>,
  output: LogOutput,
  env: Readonly<Record<string, string | undefined>>,
): Logger {
  const options = { level: logLevel, base: undefined };
  const isText = logFormat === 'text' || (logFormat === 'auto' && output.isTTY === true);
  if (!isText) return output === process.stdout ? pino(options) : pino(options, output);
  const isColoured = output.isTTY === true && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb';
  return pino(options, {
    write: (line) => void output.write(`${formatLine(JSON.parse(line) as LogFields, isColoured)}\n`),
  });
}

interface LogFields {
  readonly level: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly msg?: string;
  readonly err?: { readonly message?: string; readonly stack?: string };
  readonly [field: string]: unknown;
}

const GREY = 90;
const levels: ReadonlyMap<number, readonly [name: string, colour: number]> = new Map([
  [10, ['TRACE', GREY]],
  [20, ['DEBUG', GREY]],
  [30, ['INFO', 32]],
  [40, ['WARN', 33]],
  [50, ['ERROR', 31]],
  [60, ['FATAL', 31]],
]);

/** `12:30:05.123 INFO  message  key=value key="another value"`, and the stack of an error below it. */
export function formatLine({ level, time, msg = '', err, ...fields }: LogFields, isColoured: boolean): string {
  const paint = (colour: number, text: string) => (isColoured && text ? `\u001b[${colour}m${text}\u001b[39m` : text);
  const [name, colour] = levels.get(level) ?? [String(level), GREY];
  const details = Object.entries(fields)
    .filter(([field, value]) => !isRepeated(field, value, msg))
    .map(([field, value]) => `${field}=${formatValue(value)}`);
  if (err?.message !== undefined && !msg.includes(err.message)) details.push(`err=${formatValue(err.message)}`);
  const head = `${clockOf(time)} ${paint(colour, name.padEnd(5))} ${escape(msg)}`;
  const stack = err?.stack === undefined ? '' : `\n${escape(err.stack.replace(/^/gm, '    '), '\n')}`;
  return `${head}${details.length > 0 ? paint(GREY, `  ${details.join(' ')}`) : ''}${stack}`;
}

/** The message of a call's line has its method and status. */
function isRepeated(field: string, value: unknown, msg: string): boolean {
  return typeof value === 'string' && ['method', 'status'].includes(field) && msg.includes(value);
}

function formatValue(value: unknown): string {
  if (typeof value !== 'string') return escape(JSON.stringify(value));
  return escape(/^[^\s"=]+$/.test(value) ? value : JSON.stringify(value));
}

/** What clients send must not steer a terminal. */
function escape(text: string, except = ''): string {
  return stripVTControlCharacters(text).replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) =>
    character === except ? character : `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}

/** Local time: a terminal is looked at where it is. */
function clockOf(time: number): string {
  const date = new Date(time);
  const two = (value: number) => String(value).padStart(2, '0');
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
  return `${clock}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}
