"""Bidirectional streaming: a bot in a room. It answers "!echo TEXT", "!roll" and "!help", each question exactly once.

    python3 bot.py lobby --checkpoint bot.position
    npx leat chat lobby --user ada                   # in another terminal: say "!roll"

An answer's id is made from the offset of its question, and its text from the question alone. So the bot may be killed,
or the service, at any moment: a question that is answered again is answered the same, under the same id, and the
service stores that once.
"""

from __future__ import annotations

import argparse
import queue
import random
import uuid
from collections import deque
from typing import Iterator

import grpc

from call_error import read_call_error
from connect import connect
from follow import load, payload, save
from leat.v1 import chat_service_pb2 as pb, event_pb2
from leat.v1.chat_service_pb2_grpc import ChatServiceStub
from program import ADDRESS, run
from retry import pause


def answer(record: event_pb2.EventRecord) -> str | None:
    """What to say to a message; the same whenever it is asked."""
    command, _, text = payload(record.event).partition(" ")
    if command == "!echo":
        return text or "(nothing)"
    if command == "!roll":
        return f"{record.author} rolls {random.Random(record.offset).randint(1, 6)}"
    if command == "!help":
        return "!echo TEXT, !roll"
    return None


class Bot:
    """What has to be remembered from one stream to the next: the place in the room, and who one is."""

    def __init__(self, room: str, checkpoint: str | None) -> None:
        self.room = room
        self.checkpoint = checkpoint
        self.resume_token = load(checkpoint)
        self.session_id = str(uuid.uuid4())

    def converse(self, channel: grpc.Channel, name: str) -> None:
        """Answers for ever, over as many streams as it takes. What the service refuses is raised."""
        attempt = 0
        while True:
            error = None
            outgoing: queue.SimpleQueue[pb.ChatRequest | None] = queue.SimpleQueue()
            for frame in self.greeting():
                outgoing.put(frame)
            # gRPC takes requests from the iterator in a thread of its own; None ends it.
            call = ChatServiceStub(channel).Chat(
                iter(outgoing.get, None), metadata=[("leat-user", name)], wait_for_ready=attempt > 0
            )
            try:
                for _ in self.answer_all(call, name, outgoing):
                    attempt = 0
            except grpc.RpcError as thrown:
                error = read_call_error(thrown)
                if not error.is_transient:
                    raise
            finally:
                outgoing.put(None)
                call.cancel()
            attempt += 1
            pause(attempt, error)

    def greeting(self) -> Iterator[pb.ChatRequest]:
        # The same session every time: within the grace period nobody sees the bot go and come.
        yield pb.ChatRequest(hello=pb.Hello(session_id=self.session_id))
        join = pb.JoinRoom(room=self.room)
        if self.resume_token:
            join.start.resume_token = self.resume_token
        yield pb.ChatRequest(join=join)

    def answer_all(
        self, responses: Iterator[pb.ChatResponse], name: str, outgoing: queue.SimpleQueue[pb.ChatRequest | None]
    ) -> Iterator[None]:
        """Yields with every response. Moves on in the room behind what is answered, and not before."""
        # Pages in their order, each with the answers that are not durable yet.
        pages: deque[tuple[str, set[str]]] = deque()
        for response in responses:
            kind = response.WhichOneof("frame")
            if kind == "joined":
                # Where this stream begins: should it break before the first page, the next one begins there too.
                if not pages:
                    self.move_to(response.joined.resume_token)
            elif kind == "messages":
                answers = [reply for record in response.messages.records if (reply := self.reply(record, name))]
                pages.append((response.messages.resume_token, {reply.id for reply in answers}))
                for reply in answers:
                    outgoing.put(pb.ChatRequest(send=pb.SendToRoom(room=self.room, message=reply)))
            elif kind == "delivered":
                for delivery in response.delivered.deliveries:
                    for _, waiting in pages:
                        waiting.discard(delivery.message_id)
            elif kind == "problem":
                problem = response.problem
                raise ValueError(f"{problem.reason}: {problem.message}")
            # Presence, live state and heartbeats are of no interest here.
            while pages and not pages[0][1]:
                self.move_to(pages.popleft()[0])
            yield

    def reply(self, record: event_pb2.EventRecord, name: str) -> event_pb2.Event | None:
        text = answer(record) if record.author != name else None
        return event_pb2.Event(id=f"answer-to-{record.offset}", text=text) if text is not None else None

    def move_to(self, resume_token: str) -> None:
        self.resume_token = resume_token
        if self.checkpoint:
            save(self.checkpoint, resume_token)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", default=ADDRESS)
    parser.add_argument("--name", default="bot", help="who it is; default: bot")
    parser.add_argument("--checkpoint", metavar="FILE", help="keep the place here, and go on from it")
    parser.add_argument("room")
    args = parser.parse_args()

    with connect(args.address) as channel:
        Bot(args.room, args.checkpoint).converse(channel, args.name)


if __name__ == "__main__":
    run(main)
