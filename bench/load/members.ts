/** Members of one room who count what they are told, over whatever protocol. */
export interface Members {
  /** Messages that all members together have received. */
  readonly received: number;
  /** Called whenever `received` grew. */
  onReceived: () => void;
  /** One of them says so many messages at once. */
  say(count: number): void;
  close(): void;
}

/** What is said, in characters. */
export const MESSAGE_CHARACTERS = 64;

/** A text that does not come twice. */
export function textOf(index: number): string {
  return `${index} `.padEnd(MESSAGE_CHARACTERS, 'x');
}
