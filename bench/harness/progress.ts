/** Tells on a terminal how far a run is; a line for each step elsewhere. */
export interface Progress {
  tell(text: string): void;
  step(done: number, total: number, text: string): void;
  /** Removes the bar, if there is one. */
  clear(): void;
}

const BAR = 20;

export function createProgress(out: NodeJS.WriteStream): Progress {
  const show = (text: string) => {
    if (out.isTTY) out.write(`\r\x1b[K${text.slice(0, out.columns - 1)}`);
    else out.write(`${text}\n`);
  };
  return {
    tell: show,
    step(done, total, text) {
      const filled = Math.round((done / total) * BAR);
      show(out.isTTY ? `${'█'.repeat(filled)}${'░'.repeat(BAR - filled)} ${text}` : `${done}/${total} ${text}`);
    },
    clear: () => void (out.isTTY && out.write('\r\x1b[K')),
  };
}
