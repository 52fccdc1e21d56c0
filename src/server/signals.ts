type StopSignal = 'SIGTERM' | 'SIGINT';

export interface SignalSource {
  on(signal: StopSignal, listener: () => void): unknown;
  off(signal: StopSignal, listener: () => void): unknown;
}

/** The wish to stop, said once and said again. */
export interface StopSignals {
  readonly first: Promise<void>;
  readonly second: Promise<void>;
  /** Leaves the signals to others again. */
  end(): void;
}

export function awaitSignals(source: SignalSource): StopSignals {
  const waiting: (() => void)[] = [];
  const next = () => new Promise<void>((resolve) => waiting.push(resolve));
  const onSignal = () => waiting.shift()?.();
  const signals = ['SIGTERM', 'SIGINT'] as const;
  for (const signal of signals) source.on(signal, onSignal);
  return {
    first: next(),
    second: next(),
    end: () => signals.forEach((signal) => source.off(signal, onSignal)),
  };
}
