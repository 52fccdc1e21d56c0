import { readFileSync } from 'node:fs';
import { parseHostPort } from './host-port.js';

/**
 * Every option of `leat serve`, once: what is said here makes the flags, the `LEAT_…` environment, the configuration
 * file, the help and the documentation. Sizes are bytes, times are milliseconds.
 */
const table = {
  'data-dir': text('./leat-data', 'Where everything is stored; made if it is not there.'),
  'new-epoch': flag('Say it once after restoring a backup: readers are told that their positions are of another time.'),
  listen: address('127.0.0.1:50051', 'Where gRPC is served, host:port.'),
  'http-listen': address('127.0.0.1:8080', 'Where health checks and metrics are served over HTTP, host:port.'),
  'http-max-connections': count(
    256,
    8,
    65_536,
    'HTTP connections at a time; beyond it a new one replaces the least useful one.',
  ),
  'http-timeout': duration(
    '5s',
    '100ms',
    '1h',
    'How long an HTTP client may take to send a request, and to read the response.',
  ),
  insecure: flag('Serve other machines without any authentication; callers may name themselves (leat-user).'),
  reflection: flag(
    'Describe the services to tools such as buf curl and grpcurl (gRPC reflection v1 and v1alpha).',
    true,
  ),
  'log-level': choice('info', ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], 'What is logged.'),
  'log-format': choice(
    'auto',
    ['auto', 'json', 'text'],
    'How the log is written; auto: text on a terminal, else JSON.',
  ),
  'drain-timeout': duration('10s', '0s', '1h', 'How long running calls may go on after SIGTERM.'),
  'max-event-size': size('256KiB', '1KiB', '768KiB', 'Largest payload of an event.'),
  'heartbeat-interval': duration('15s', '1s', '60s', 'A quiet tail sends something at least this often, by default.'),
  'chat-grace-period': duration(
    '10s',
    '0s',
    '5m',
    'A member whose connection broke is still shown in its rooms for this time.',
  ),
  'chat-hello-timeout': duration(
    '10s',
    '100ms',
    '1h',
    'A Chat stream whose first frame, hello, does not come within this time is ended.',
  ),
  'max-chat-memberships': count(
    100_000,
    1,
    100_000_000,
    'Rooms that all Chat members together are in, each member of each room counted; up to 4 KB of memory each.',
  ),
  'max-chat-memberships-per-caller': count(
    20_000,
    1,
    100_000_000,
    'The same for one caller, over all its streams; for anonymous callers, for one connection.',
  ),
  'sys-max-age': duration('30d', '1m', '36500d', 'How long topics under sys/ keep their events, to begin with.'),
  'producer-max-idle': duration(
    '365d',
    '1h',
    '36500d',
    'How long a named producer is remembered after its last event, once that event is trimmed.',
  ),
  'max-upload-size': size('64GiB', '1MiB', '1024TiB', 'Largest file that can be uploaded.'),
  'max-open-uploads': count(1_000, 1, 1_000_000, 'Uploads of one caller that are not finished.'),
  'upload-max-idle': duration('7d', '1s', '3650d', 'An upload to which nothing comes for so long is thrown away.'),
  'upload-reservation-idle': duration(
    '1m',
    '0s',
    '365d',
    'Disk space that an upload announced stays reserved for it until no byte came for this time.',
  ),
  'min-free-disk': size(
    '256MiB',
    '0B',
    '1024TiB',
    'What uploads leave free beside --disk-reserve; at least about as much as it again, up to 32 MiB.',
  ),
  'disk-reserve': size(
    '16MiB',
    '8MiB',
    '1GiB',
    'Disk space that is kept back for deleting and trimming on a full disk; at most an eighth of it.',
  ),
  'max-unary-duration': duration('30s', '100ms', '1h', 'A call with one answer is ended after this time.'),
  'first-message-timeout': duration('10s', '100ms', '1h', 'A call whose client sends no message ends after this time.'),
  'max-calls': count(
    20_000,
    1,
    10_000_000,
    'Calls at a time in the process, or as many as half of the heap holds, if that is fewer.',
  ),
  'max-waiting-calls': count(
    5_000,
    1,
    10_000_000,
    'Those of them whose first message has not arrived, or half of max-calls, if that is fewer.',
  ),
  'max-connections': count(
    10_000,
    1,
    1_000_000,
    'Connections at a time, or as many as the heap and the limit of open files allow, if that is fewer.',
  ),
  'max-receive-message-size': size('2MiB', '64KiB', '64MiB', 'Largest message that is accepted.'),
  'max-send-message-size': size('4MiB', '64KiB', '64MiB', 'Largest message that is sent.'),
  'max-metadata-size': size('16KiB', '4KiB', '48KiB', 'All headers of a call together.'),
  'max-concurrent-streams': count(1_000, 1, 1_000_000, 'Calls at a time on one connection.'),
  window: size(
    '1MiB',
    '64KiB',
    '16MiB',
    'Bytes that a connection, or call, may send ahead of the handlers, to begin with.',
  ),
  'max-window': size('16MiB', '64KiB', '64MiB', 'And once its round trip and rate are seen to need it.'),
  'window-budget': size('256MiB', '0B', '64GiB', 'What all windows together may grow by.'),
  'partial-message-budget': size('32MiB', '64KiB', '64GiB', 'What messages that have come in part may hold together.'),
  'receive-budget': size(
    '192MiB',
    '1MiB',
    '64GiB',
    'Memory for data sent to calls that do not read yet; beyond it the connection that holds most is closed.',
  ),
  'unread-response-budget': size(
    '64MiB',
    '4MiB',
    '64GiB',
    'Memory for unary responses not read yet; beyond it the connection with most loses its oldest one.',
  ),
  'decompression-budget': size(
    '32MiB',
    '64KiB',
    '64GiB',
    'Memory for compressed messages while they are decompressed and until their handlers take them.',
  ),
  'keepalive-time': duration('30s', '1s', '24d', 'A connection is checked this long after it was opened or checked.'),
  'keepalive-timeout': duration('10s', '100ms', '24d', 'A connection that does not answer a check is closed after.'),
  'max-connection-age': duration(
    '1h',
    '1s',
    '24d',
    'A connection takes no new calls after this time, give or take 10 %.',
  ),
  'max-connection-age-grace': duration('5m', '1s', '24d', 'And is closed after this further time.'),
  'max-connection-idle': duration('15m', '1s', '24d', 'A connection without calls is closed after this time.'),
} as const;

type Table = typeof table;
type Camel<S extends string> = S extends `${infer A}-${infer B}` ? `${A}${Capitalize<Camel<B>>}` : S;

/** What was configured, checked. */
export type Config = {
  readonly [K in keyof Table as Camel<K>]: Table[K] extends OptionKind<infer T> ? T : never;
};

/** `host:port`; port 0 means any free one. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** An option, as help and documentation need it. */
export interface ConfigOption {
  /** Flag (`--name`) and key of the configuration file. */
  readonly name: string;
  /** Property of `Config`. */
  readonly key: string;
  readonly env: string;
  /** What a value looks like; empty for an option that is on or off. */
  readonly placeholder: string;
  readonly default: string;
  readonly description: string;
}

export const configOptions: readonly ConfigOption[] = Object.entries(table).map(([name, kind]) => ({
  name,
  key: name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase()),
  env: `LEAT_${name.replaceAll('-', '_').toUpperCase()}`,
  placeholder: kind.placeholder,
  default: kind.default,
  description: kind.description,
}));

/** All that is wrong with the configuration, one line each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'));
  }
}

export interface ConfigSources {
  /** By `ConfigOption.key` (or name). */
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** JSON file with an object by `ConfigOption.name`. Default: `LEAT_CONFIG`, else none. */
  readonly file?: string;
}

/** Flags come before the environment, that before the file, that before the defaults. Throws ConfigError. */
export function loadConfig({ flags = {}, env = {}, file = env.LEAT_CONFIG }: ConfigSources = {}): Config {
  const problems: string[] = [];
  if (file === '') problems.push('LEAT_CONFIG: it is empty; name a file, or unset it');
  const stored = file === undefined || file === '' ? {} : readFile(file, problems);
  const config: Record<string, unknown> = {};
  for (const option of configOptions) {
    const sources = [
      [`--${option.name}`, flags[option.key] ?? flags[option.name]],
      [option.env, env[option.env]],
      [`${file}: ${option.name}`, stored[option.name]],
      [option.name, option.default],
    ] as const;
    const [where, value] = sources.find(([, given]) => given !== undefined) ?? [option.name, option.default];
    config[option.key] = parse(table[option.name as keyof Table], where, value, problems);
  }
  if (problems.length === 0) checkTogether(config as unknown as Config, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(config) as unknown as Config;
}

function parse(kind: OptionKind<unknown>, where: string, value: unknown, problems: string[]): unknown {
  const written = ['string', 'number', 'boolean'].includes(typeof value) ? `${value as string}`.trim() : '';
  if (value === '') {
    problems.push(`${where}: it is empty; give ${kind.expected}, or leave it out for the default`);
    return undefined;
  }
  const parsed = written === '' ? undefined : kind.parse(written);
  if (parsed === undefined) {
    const reason = kind.explain?.(written);
    const because = reason === undefined ? '' : `: ${reason}`;
    problems.push(`${where}: ${JSON.stringify(value)} is not ${kind.expected}${because}`);
  }
  return parsed;
}

function readFile(file: string, problems: string[]): Readonly<Record<string, unknown>> {
  try {
    const stored: unknown = JSON.parse(readFileSync(file, 'utf8').replace(/^\ufeff/, ''));
    if (typeof stored !== 'object' || stored === null || Array.isArray(stored)) throw new Error('is not a JSON object');
    for (const name of Object.keys(stored)) if (!(name in table)) problems.push(`${file}: no option is called ${name}`);
    return stored as Record<string, unknown>;
  } catch (error) {
    problems.push(`${file}: ${(error as Error).message}; LEAT_CONFIG must name a file with one JSON object of options`);
    return {};
  }
}

function checkTogether(config: Config, problems: string[]) {
  checkSizes(config, problems);
  if (!config.insecure) checkReach(config, problems);
}

/** What a message takes beside the payload of its one event: the event's other fields, its place and a resume token. */
const MESSAGE_OVERHEAD_KIB = 128;

function checkSizes(config: Config, problems: string[]) {
  const least = config.maxEventSize + MESSAGE_OVERHEAD_KIB * 1024;
  for (const [name, size] of [
    ['max-receive-message-size', config.maxReceiveMessageSize],
    ['max-send-message-size', config.maxSendMessageSize],
  ] as const) {
    if (size >= least) continue;
    problems.push(
      `${name}: ${size} bytes cannot hold an event of max-event-size (${config.maxEventSize} bytes); ` +
        `it must be at least ${MESSAGE_OVERHEAD_KIB}KiB more, ${least} bytes`,
    );
  }
}

function checkReach(config: Config, problems: string[]) {
  for (const [name, { host }] of [
    ['listen', config.listen],
    ['http-listen', config.httpListen],
  ] as const) {
    if (isLoopback(host)) continue;
    problems.push(
      `${name}: ${host} can be reached from other machines, and no authentication is configured; ` +
        `listen on 127.0.0.1, or say --insecure if everybody who can reach it may do everything`,
    );
  }
}

/** A name other than localhost may mean anything, so it counts as reachable. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

// ---- kinds of options -------------------------------------------------------------------------------------------

interface OptionKind<T> {
  readonly placeholder: string;
  /** As it would be written. */
  readonly default: string;
  readonly description: string;
  /** Completes "… is not". */
  readonly expected: string;
  /** undefined: not such a value. */
  parse(written: string): T | undefined;
  /** Why a value is refused, if there is more to say than `expected`. */
  explain?(written: string): string | undefined;
}

function text(byDefault: string, description: string): OptionKind<string> {
  return { placeholder: 'PATH', default: byDefault, description, expected: 'a text', parse: (written) => written };
}

function flag(description: string, byDefault = false): OptionKind<boolean> {
  const values = new Map([
    ['true', true],
    ['1', true],
    ['false', false],
    ['0', false],
  ]);
  const parse = (written: string) => values.get(written);
  return { placeholder: '', default: String(byDefault), description, expected: 'true or false', parse };
}

function choice<const T extends string>(byDefault: T, values: readonly T[], description: string): OptionKind<T> {
  const expected = `one of ${values.join(', ')}`;
  const parse = (written: string) => values.find((value) => value === written);
  return { placeholder: values.join('|'), default: byDefault, description, expected, parse };
}

function address(byDefault: string, description: string): OptionKind<Address> {
  const expected = 'host:port with a port from 0 to 65535, such as 127.0.0.1:50051 or [::1]:50051';
  const read = (written: string) => parseHostPort(written, { minPort: 0 });
  return {
    placeholder: 'HOST:PORT',
    default: byDefault,
    description,
    expected,
    parse(written) {
      const parsed = read(written);
      return 'problem' in parsed ? undefined : parsed;
    },
    explain(written) {
      const parsed = read(written);
      return 'problem' in parsed ? parsed.problem : undefined;
    },
  };
}

function count(byDefault: number, min: number, max: number, description: string): OptionKind<number> {
  return amount('NUMBER', String(byDefault), [min, max], description, { '': 1 }, `a whole number`);
}

function size(byDefault: string, min: string, max: string, description: string): OptionKind<number> {
  const units = { '': 1, B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 };
  return amount('SIZE', byDefault, [min, max], description, units, 'a size (such as 65536, 256KiB or 1MiB)');
}

function duration(byDefault: string, min: string, max: string, description: string): OptionKind<number> {
  const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  return amount('TIME', byDefault, [min, max], description, units, 'a time (such as 500ms, 30s, 5m, 1h or 30d)');
}

function amount(
  placeholder: string,
  byDefault: string,
  [min, max]: readonly [string | number, string | number],
  description: string,
  units: Readonly<Record<string, number>>,
  what: string,
): OptionKind<number> {
  const valueOf = (written: string) => {
    const [, digits, unit = ''] = /^(\d+)([A-Za-z]*)$/.exec(written) ?? [];
    const factor = Object.hasOwn(units, unit) ? units[unit] : undefined;
    return digits === undefined || factor === undefined ? NaN : Number(digits) * factor;
  };
  const [least, most] = [valueOf(String(min)), valueOf(String(max))];
  const parse = (written: string) => {
    const value = valueOf(written);
    return value >= least && value <= most ? value : undefined;
  };
  return { placeholder, default: byDefault, description, expected: `${what} from ${min} to ${max}`, parse };
}
