"""What the programs have in common: where the service is, and how they end."""

import os
import sys
from typing import Callable

import grpc

from call_error import read_call_error

ADDRESS = os.environ.get("LEAT_ADDRESS", "127.0.0.1:50051")


def run(main: Callable[[], None]) -> None:
    """Exit codes: 0 done, 1 refused or failed, 130 Ctrl-C."""
    try:
        main()
    except grpc.RpcError as error:
        sys.exit(str(read_call_error(error)))
    except BrokenPipeError:
        # The reader of our output has enough, as in `| head`. Nothing is left to say, at the exit neither.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
