/** Says what happens, and stops at the first thing that is not as it should be. */
export interface Report {
  /** Begins a chapter. */
  chapter(title: string, line: string): void;
  line(text: string): void;
  /** Throws if `ok` is false; `promise` says what should have been. */
  check(ok: boolean, promise: string): void;
  /** How many checks there were. */
  checks(): number;
}

export function createReport(write: (line: string) => void): Report {
  let chapters = 0;
  let checks = 0;
  const line = (text: string) => write(`${' '.repeat(14)}${text}`);
  return {
    chapter(title, text) {
      chapters += 1;
      write('');
      write(`${String(chapters).padStart(2)}  ${title.padEnd(10)}${text}`);
    },
    line,
    check(ok, promise) {
      if (!ok) throw new Error(`this does not hold: ${promise}`);
      checks += 1;
      line(`✓ ${promise}`);
    },
    checks: () => checks,
  };
}

/** 12345 → "12,345". */
export function count(number: number | bigint): string {
  return number.toLocaleString('en-US');
}

/** Milliseconds since `start`, a performance.now(), as "0.42 s". */
export function since(start: number): string {
  return `${((performance.now() - start) / 1000).toFixed(2)} s`;
}

/** 12345678 → "12.3 MB". */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
