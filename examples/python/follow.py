"""Server streaming: read a topic, and go on after whatever breaks.

    python3 follow.py docs/protocol                                    # what is there now
    python3 follow.py docs/protocol --live --checkpoint protocol.pos   # and what comes; goes on there next time

Prints one event a line: its offset, a tab, its text.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Iterator

import grpc

from call_error import read_call_error
from connect import connect
from leat.v1 import event_pb2, event_service_pb2 as pb
from leat.v1.event_service_pb2_grpc import EventServiceStub
from program import ADDRESS, run
from retry import pause


def follow(channel: grpc.Channel, topic: str, live: bool, resume_token: str = "") -> Iterator[pb.ListEventsResponse]:
    """Yields pages: each event of the topic once, in order, over as many calls as it takes.

    Each page has a resume_token, the position after it; `resume_token` goes on from one that was kept. Ends at the
    topic's end as it was at first, or never if `live`. What the service refuses is raised.
    """
    events = EventServiceStub(channel)
    request = pb.ListEventsRequest(topic=topic, follow=live)
    if resume_token:
        request.start.resume_token = resume_token
    attempt = 0
    while True:
        error = None
        # No deadline: a feed may be quiet for hours. The service sends an empty page every 15 seconds.
        call = events.ListEvents(request, wait_for_ready=attempt > 0)
        try:
            for page in call:
                attempt = 0
                yield page
                if page.state == event_pb2.TAIL_STATE_COMPLETE:
                    return
                go_on_after(page, request)
        except grpc.RpcError as thrown:
            error = read_call_error(thrown)
            if not error.is_transient:
                raise
        finally:
            call.cancel()  # Whoever stops reading stops the service's work, too. After the end it does nothing.
        # Without TAIL_STATE_COMPLETE a stream was cut, even if gRPC says OK: some proxy may have ended it politely.
        attempt += 1
        pause(attempt, error)


def go_on_after(page: pb.ListEventsResponse, request: pb.ListEventsRequest) -> None:
    request.start.resume_token = page.resume_token
    if not request.follow and not request.HasField("before_offset"):
        # "What is there now" means at the first call. Asked again later, the service would take a later end.
        request.before_offset = page.head_offset + 1


def payload(event: event_pb2.Event) -> str:
    return event.text if event.HasField("text") else event.data.decode("utf-8", "backslashreplace")


def load(path: str | None) -> str:
    if path is None or not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


def save(path: str, resume_token: str) -> None:
    # In a file of its own first: a process that is killed leaves the old position or the new one, never half of one.
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(resume_token)
    os.replace(path + ".new", path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", default=ADDRESS)
    parser.add_argument("--live", action="store_true", help="stay, and print what comes")
    parser.add_argument("--checkpoint", metavar="FILE", help="keep the position here, and go on from it")
    parser.add_argument("topic")
    args = parser.parse_args()

    with connect(args.address) as channel:
        for page in follow(channel, args.topic, args.live, load(args.checkpoint)):
            for record in page.records:
                print(record.offset, payload(record.event), sep="\t")
            # First the work, then the position: whoever is killed in between does the page again when it starts
            # again. That is "at least once"; offsets tell what was done already.
            sys.stdout.flush()
            if args.checkpoint:
                save(args.checkpoint, page.resume_token)


if __name__ == "__main__":
    run(main)
