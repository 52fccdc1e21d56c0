/**
 * Lets work go on that nobody waits for. It handles the errors that it expects by itself: any other one is a defect and is
 * thrown as an uncaught exception, which ends the process through the one fatal path (server/run.ts); in a thread it
 * ends the thread, and so the process.
 */
export function detach(work: Promise<unknown>): void {
  work.catch((error: unknown) => {
    setImmediate(() => {
      throw error;
    });
  });
}
