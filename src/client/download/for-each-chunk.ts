/** Hands over one chunk after the other, and returns what the reading returns. Whatever happens, the reading ends. */
export async function forEachChunk<R>(
  chunks: AsyncGenerator<Uint8Array, R, undefined>,
  take: (bytes: Uint8Array) => Promise<void>,
): Promise<R> {
  try {
    for (;;) {
      const result = await chunks.next();
      if (result.done === true) return result.value;
      await take(result.value);
    }
  } finally {
    await chunks.return(undefined as never);
  }
}
