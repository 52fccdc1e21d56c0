/** Takes gRPC messages out of chunks as they come: whole messages go to `onMessage`, as views. */
export function createFrameSplitter(onMessage: (message: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (bytes.length - at >= 5) {
      const end = at + 5 + bytes.readUInt32BE(at + 1);
      if (end > bytes.length) break;
      onMessage(bytes.subarray(at + 5, end));
      at = end;
    }
    rest = bytes.subarray(at);
  };
}
