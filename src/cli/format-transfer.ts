import { formatBar, formatBytes } from './progress.js';

/** How far a file has come, in bytes. */
export interface TransferSample {
  /** What is done. */
  readonly position: number;
  /** In all, if that is known. */
  readonly size?: number;
  /** Bytes per second, if that is known. */
  readonly rate?: number;
  /** Of an upload: what the service has on its disk. */
  readonly durable?: number;
}

/** Bytes that are only sent, or written but not synced, are not done: 100 % means durable. */
const NOT_ALL = 0.99;

/** "[#####...............]  25 %  1.0 MiB of 4.0 MiB  512.0 KiB/s  6 s left  900.0 KiB durable", as far as it is known. */
export function formatTransfer({ position, size, rate, durable }: TransferSample): string {
  const amount = size === undefined ? formatBytes(position) : `${formatBytes(position)} of ${formatBytes(size)}`;
  const parts = [
    ...(size ? [formatBar(Math.min(position / size, durable !== undefined && durable >= size ? 1 : NOT_ALL))] : []),
    amount,
    rate === undefined ? '-' : `${formatBytes(rate)}/s`,
    ...(size !== undefined && rate ? [`${formatDuration((size - position) / rate)} left`] : []),
    ...(durable === undefined ? [] : [`${formatBytes(durable)} durable`]),
  ];
  return parts.join('  ');
}

/** "0 s", "59 s", "3 min 5 s", "2 h 10 min", "4 d 3 h". */
export function formatDuration(seconds: number): string {
  const whole = Math.ceil(Math.max(0, seconds));
  const units = [
    ['d', 86_400, 'h', 3_600],
    ['h', 3_600, 'min', 60],
    ['min', 60, 's', 1],
  ] as const;
  const [unit, size, lesser, lesserSize] = units.find(([, bound]) => whole >= bound) ?? [undefined, 1, 's', 1];
  if (unit === undefined) return `${whole} s`;
  return `${Math.floor(whole / size)} ${unit} ${Math.floor((whole % size) / lesserSize)} ${lesser}`;
}
