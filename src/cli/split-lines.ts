import { usageError } from './cli-error.js';

/** Lines that arrived together, without their line feeds. Their bytes stay as they are; a carriage return does too. */
export interface LineRun {
  readonly lines: readonly Buffer[];
  /** Number of the first of them, from 1. */
  readonly firstLine: number;
  /** True: one line, behind the last line feed. */
  readonly isPartial?: boolean;
}

/**
 * Cuts a stream of bytes into lines, as many at a time as came in one piece, so that nothing waits for more input.
 * What follows the last line feed is a line too, if it is not empty. Holds one piece and one line, at most.
 * Throws CliError at a line of more than `maxLineBytes`, after yielding the ones before it.
 */
export async function* splitLines(chunks: AsyncIterable<Buffer>, maxLineBytes: number): AsyncGenerator<LineRun> {
  let parts: Buffer[] = [];
  let partBytes = 0;
  let firstLine = 1;
  for await (const chunk of chunks) {
    const lines: Buffer[] = [];
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0 && partBytes + at - from <= maxLineBytes; at = chunk.indexOf(10, from)) {
      lines.push(parts.length === 0 ? chunk.subarray(from, at) : Buffer.concat([...parts, chunk.subarray(from, at)]));
      parts = [];
      partBytes = 0;
      from = at + 1;
    }
    if (lines.length > 0) yield { lines, firstLine };
    firstLine += lines.length;
    if (from < chunk.length) parts.push(chunk.subarray(from));
    partBytes += chunk.length - from;
    if (partBytes > maxLineBytes) throw tooLong(firstLine, maxLineBytes);
  }
  if (partBytes > 0) yield { lines: [Buffer.concat(parts)], firstLine, isPartial: true };
}

function tooLong(line: number, maxLineBytes: number): Error {
  return usageError(`line ${line} is longer than ${maxLineBytes} bytes, the most an event can carry`);
}
