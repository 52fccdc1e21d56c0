"""Client streaming: publish the lines of a file, each exactly once, whatever breaks.

    python3 publish.py docs/readme README.md --producer readme

Run it again, or after it was killed: it goes on where it was. Lines that were added to the file are published; a file
that begins differently is refused.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from itertools import count, islice
from typing import BinaryIO, Iterator

import grpc

from call_error import read_call_error
from connect import connect
from leat.v1 import event_pb2, event_service_pb2 as pb
from leat.v1.event_service_pb2_grpc import EventServiceStub
from program import ADDRESS, run
from retry import pause, until_answered

# One message of a call is one batch, which is committed whole or not at all. The service takes up to 1 MiB.
BATCH_EVENTS, BATCH_BYTES = 1_000, 256 << 10
# The service answers a call at its end, when all of it is on disk. What is not answered must be kept for another try,
# so a call ends after so many bytes or seconds, and the next one begins.
CALL_BYTES, CALL_SECONDS = 4 << 20, 1.0
DEADLINE = 60


class Producer:
    """Numbers the events of one author on one topic: 1, 2, 3 and so on. The service keeps the last number, and adds
    what it has already no second time. Here the number is the line's number in the file."""

    def __init__(self, channel: grpc.Channel, topic: str, producer_id: str) -> None:
        self.events = EventServiceStub(channel)
        self.topic = topic
        self.producer_id = producer_id

    def last_sequence(self) -> int:
        """How many lines are on disk. Raises what the service refuses; waits while it is away."""
        request = pb.GetProducerRequest(topic=self.topic, producer_id=self.producer_id)
        try:
            get_producer = self.events.GetProducer
            return until_answered(lambda again: get_producer(request, timeout=5, wait_for_ready=again)).last_sequence
        except grpc.RpcError as error:
            if read_call_error(error).reason == "PRODUCER_NOT_FOUND":
                return 0
            raise

    def batch(self, first_sequence: int) -> pb.PublishEventsRequest:
        position = pb.ProducerPosition(producer_id=self.producer_id, first_sequence=first_sequence)
        return pb.PublishEventsRequest(topic=self.topic, producer=position)

    def send(self, batches: list[pb.PublishEventsRequest]) -> None:
        """Returns when all batches are on disk."""
        for attempt in count(1):
            try:
                self.events.PublishEvents(iter(batches), timeout=DEADLINE, wait_for_ready=attempt > 1)
                return
            except grpc.RpcError as thrown:
                error = read_call_error(thrown)
                if not error.is_transient:
                    raise
                pause(attempt, error)
            # Nobody said what became of the batches, so ask. To send all of them again would be harmless, only slower.
            durable = self.last_sequence()
            batches = [batch for batch in batches if last_sequence_of(batch) > durable]
            if not batches:
                return


def last_sequence_of(batch: pb.PublishEventsRequest) -> int:
    return batch.producer.first_sequence + len(batch.events) - 1


def batches_of(lines: Iterator[bytes], producer: Producer, first_sequence: int) -> Iterator[pb.PublishEventsRequest]:
    batch, size = producer.batch(first_sequence), 0
    for line in lines:
        text = line.rstrip(b"\r\n").decode("utf-8")
        batch.events.append(event_pb2.Event(type="line", text=text))
        size += len(line)
        if size >= BATCH_BYTES or len(batch.events) >= BATCH_EVENTS:
            yield batch
            batch, size = producer.batch(last_sequence_of(batch) + 1), 0
    if batch.events:
        yield batch


def calls_of(batches: Iterator[pb.PublishEventsRequest]) -> Iterator[list[pb.PublishEventsRequest]]:
    """What one call sends, each time.

    As lists, though gRPC takes any iterator: it reads that from a thread of its own, which after a failed call cannot
    be told to leave the file alone. And a list is what another try needs.
    """
    call, size, began = [], 0, time.monotonic()
    for batch in batches:
        call.append(batch)
        size += batch.ByteSize()
        if size >= CALL_BYTES or time.monotonic() - began >= CALL_SECONDS:
            yield call
            call, size, began = [], 0, time.monotonic()
    if call:
        yield call


def publish(producer: Producer, file: BinaryIO) -> Iterator[int]:
    """Yields how many lines are on disk, after each call."""
    durable = producer.last_sequence()
    # The last line that is there is sent again. It is not added again, but compared: another file is refused.
    done = sum(1 for _ in islice(file, max(durable - 1, 0)))
    for call in calls_of(batches_of(file, producer, done + 1)):
        producer.send(call)
        done = last_sequence_of(call[-1])
        yield done
    if done < durable:
        raise ValueError(f"{durable} lines were published under this name, and the file has {done}: is it another one?")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", default=ADDRESS)
    parser.add_argument("--producer", metavar="NAME", required=True, help="under which the service keeps how far it is")
    parser.add_argument("topic")
    parser.add_argument("file")
    args = parser.parse_args()

    with connect(args.address) as channel, open(args.file, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        for durable in publish(Producer(channel, args.topic, args.producer), file):
            percent = 100 * file.tell() // size if size else 100
            print(f"{durable} lines are on disk ({percent} %)", file=sys.stderr, flush=True)


if __name__ == "__main__":
    run(main)
