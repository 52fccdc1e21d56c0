/** A time that will be over. */
export interface Expiry {
  readonly passed: Promise<'passed'>;
  cancel(): void;
}

export function startExpiry(ms: number): Expiry {
  let timer: NodeJS.Timeout | undefined;
  const passed = new Promise<'passed'>((resolve) => (timer = setTimeout(() => resolve('passed'), ms)));
  return { passed, cancel: () => clearTimeout(timer) };
}
