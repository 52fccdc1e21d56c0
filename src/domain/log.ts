/** Where work that no caller waits for reports: values, and a message for the operator. pino fits. */
export interface Log {
  info(values: object, message: string): void;
  warn(values: object, message: string): void;
}

/** Reports nothing. */
export const silentLog: Log = { info: () => undefined, warn: () => undefined };
