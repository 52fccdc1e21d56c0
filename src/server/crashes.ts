type Crash = 'uncaughtException' | 'unhandledRejection';

export interface CrashSource {
  on(crash: Crash, listener: (error: unknown) => void): unknown;
  off(crash: Crash, listener: (error: unknown) => void): unknown;
}

/**
 * Hands errors that nobody handled to the fatal path, instead of Node's way of ending the process with a stack trace.
 * Returns the function that leaves them to others again.
 */
export function catchCrashes(source: CrashSource, onFatal: (error: unknown) => void): () => void {
  const crashes = ['uncaughtException', 'unhandledRejection'] as const;
  for (const crash of crashes) source.on(crash, onFatal);
  return () => crashes.forEach((crash) => source.off(crash, onFatal));
}
