import { abortable, throwIfAborted } from 'abort-controller-x';
import type { ServerMiddleware } from 'nice-grpc-common';
import type { BoundaryContext } from './call-boundary.js';
import type { Inbox } from './inbox.js';

/**
 * A request stream that was cut ends like one that was half-closed. With this guard the handler's loop ends normally
 * only if the client said so: otherwise, and when the service ends the call, it throws an AbortError.
 * The other half of it is in the transport, which holds a half-close back until a reset would have shown itself.
 */
export function createAbortGuard(): ServerMiddleware<object, BoundaryContext> {
  return (call, context) => {
    if (!call.requestStream) return call.next(call.request, context);
    return call.next(guardRequests(call.request, context.signal, context.record.inbox), context);
  };
}

function guardRequests<T>(requests: AsyncIterable<T>, signal: AbortSignal, inbox: Inbox): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const inner = requests[Symbol.asyncIterator]();
      return {
        next: async () => {
          inbox.asked();
          const result = await abortable(signal, inner.next());
          if (result.done) throwIfAborted(signal);
          else inbox.taken();
          return result;
        },
        // Not forwarded to a pending read, which only the end of the call could settle.
        return: async () => ({ done: true, value: undefined }),
      };
    },
  };
}
