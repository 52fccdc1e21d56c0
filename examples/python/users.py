"""Unary calls: create and read users.

    python3 users.py create ada "Ada Lovelace" --email ada@example.com
    python3 users.py get ada@example.com
"""

import argparse

import grpc
from google.protobuf.json_format import MessageToJson

from connect import connect
from leat.v1 import user_service_pb2 as pb
from leat.v1.user_service_pb2_grpc import UserServiceStub
from program import ADDRESS, run
from retry import until_answered

# Seconds. Without a deadline a call to a server that hangs never ends.
DEADLINE = 5
ATTEMPTS = 5


def create(channel: grpc.Channel, user: pb.User) -> pb.CreateUserResponse:
    # The id is ours, so that a repeated call is harmless: if the first one was done and only its answer was lost,
    # the second one is answered with `duplicate`. Without an id each call would add another user.
    request = pb.CreateUserRequest(user=user)
    create_user = UserServiceStub(channel).CreateUser
    return until_answered(
        lambda again: create_user(request, timeout=DEADLINE, wait_for_ready=again), max_attempts=ATTEMPTS
    )


def get(channel: grpc.Channel, key: str) -> pb.User:
    request = pb.GetUserRequest(email=key) if "@" in key else pb.GetUserRequest(user_id=key)
    get_user = UserServiceStub(channel).GetUser
    return until_answered(
        lambda again: get_user(request, timeout=DEADLINE, wait_for_ready=again), max_attempts=ATTEMPTS
    ).user


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", default=ADDRESS)
    commands = parser.add_subparsers(dest="command", required=True)
    creating = commands.add_parser("create")
    creating.add_argument("id")
    creating.add_argument("name")
    creating.add_argument("--email", default="")
    commands.add_parser("get").add_argument("key", help="id or email")
    args = parser.parse_args()

    with connect(args.address) as channel:
        if args.command == "get":
            print(MessageToJson(get(channel, args.key)))
            return
        response = create(channel, pb.User(user_id=args.id, name=args.name, email=args.email))
        print("was there already" if response.duplicate else "created")
        print(MessageToJson(response.user))


if __name__ == "__main__":
    run(main)
