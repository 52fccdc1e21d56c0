import type { CallLogger } from './call-log.js';

export interface LimitedLogOptions {
  /** Lines of one kind that are written within the time. Default: 20. */
  readonly burst?: number;
  /** In milliseconds. Default: 10,000. */
  readonly windowMs?: number;
}

type Level = keyof CallLogger;

/** Writes lines that one peer can cause at any rate. */
export interface LimitedLog {
  /** `kind` is who causes it, and what: lines of the same kind share one limit. */
  write(level: Level, kind: string, fields: object, message: string): void;
  /** Writes what was held back. Repeating it is harmless. */
  close(): void;
}

interface Window {
  written: number;
  heldBack: number;
  /** The line that was held back last. */
  last: { readonly level: Level; readonly fields: object; readonly message: string } | undefined;
}

/** Kinds within the time; what is beyond them shares one limit. */
const MAX_KINDS = 1_000;

/**
 * Limits repeated lines: after `burst` of a kind the others are counted, and one line says how many there were. The
 * fields of that line are those of the last one, with `repeated`, the count.
 */
export function createLimitedLog(
  log: CallLogger,
  { burst = 20, windowMs = 10_000 }: LimitedLogOptions = {},
): LimitedLog {
  let windows = new Map<string, Window>();
  let timer: NodeJS.Timeout | undefined;

  function windowOf(kind: string): Window {
    const key = windows.has(kind) || windows.size < MAX_KINDS ? kind : '';
    const known = windows.get(key);
    if (known) return known;
    const window = { written: 0, heldBack: 0, last: undefined };
    windows.set(key, window);
    timer ??= setTimeout(flush, windowMs).unref();
    return window;
  }

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    const ended = windows;
    windows = new Map();
    for (const { heldBack, last } of ended.values()) {
      if (last === undefined) continue;
      const { level, fields, message } = last;
      log[level](
        { ...fields, repeated: heldBack },
        `${message}; and ${heldBack - 1} more like this in ${windowMs / 1_000} s`,
      );
    }
  }

  return {
    write(level, kind, fields, message) {
      const window = windowOf(kind);
      if (window.written < burst) {
        window.written++;
        return log[level](fields, message);
      }
      window.heldBack++;
      window.last = { level, fields, message };
    },
    close: flush,
  };
}

/** The peer without its port, which is another one for each connection of a client. */
export function addressOf(peer: string): string {
  return peer.replace(/:\d+$/, '');
}
