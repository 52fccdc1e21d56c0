/** Chunks of a socket, joined only where something is cut in two. `take` consumes what is whole and says how much. */
export function createReceiver(take: (bytes: Buffer) => number): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    rest = bytes.subarray(take(bytes));
  };
}
