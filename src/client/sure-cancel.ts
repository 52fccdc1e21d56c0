interface Cancellable {
  cancelWithStatus(...reason: [code: number, details: string]): void;
}

/**
 * Makes a cancel hold however early it comes. grpc-js (1.14.7, `ResolvingCall.getConfig`) begins a call some microtasks
 * after it was made, and does not look whether it was cancelled meanwhile: it would stay open on the service, with
 * nobody left to end it. So what was cancelled is cancelled once more when it has begun, if it did.
 */
export function cancelForSure<C extends Cancellable>(call: C): C {
  const cancel = call.cancelWithStatus.bind(call);
  const cancelTwice: typeof cancel = (...reason) => {
    cancel(...reason);
    setImmediate(cancel, ...reason);
  };
  return Object.assign(call, { cancelWithStatus: cancelTwice });
}
