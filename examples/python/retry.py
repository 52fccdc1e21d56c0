"""When to try again, and how often."""

from __future__ import annotations

import random
import sys
import time
from typing import Callable, TypeVar

import grpc

from call_error import CallError, read_call_error

T = TypeVar("T")


def delay_before(attempt: int, error: CallError | None = None) -> float:
    """Seconds to wait before try number `attempt`, from 1: doubling from 0.1 to 5, and what the service asks for.

    Half of it is chance, so that the clients of a server that comes back do not come back all at once.
    """
    backoff = min(5.0, 0.1 * 2 ** min(attempt - 1, 10)) * random.uniform(0.5, 1)
    return backoff + ((error and error.retry_after) or 0)


def until_answered(call: Callable[[bool], T], max_attempts: float = float("inf")) -> T:
    """Repeats `call` while the way to the service is broken. Only for calls that are harmless to repeat.

    `call` gets True when it is repeated, for gRPC's wait_for_ready: the first try fails at once if nobody is there,
    so that a wrong address is told; the others wait for the connection, and start the moment it is back.
    """
    attempt = 0
    while True:
        try:
            return call(attempt > 0)
        except grpc.RpcError as thrown:
            error = read_call_error(thrown)
            attempt += 1
            if attempt >= max_attempts or not error.is_transient:
                raise
            pause(attempt, error)


def pause(attempt: int, error: CallError | None) -> None:
    delay = delay_before(attempt, error)
    what = f"{error.code.name}: {error.message}" if error else "the stream ended before its end"
    print(f"{what}; again in {delay:.1f} s", file=sys.stderr, flush=True)
    time.sleep(delay)
