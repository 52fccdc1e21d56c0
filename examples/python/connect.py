"""One connection to the service; calls share it, and gRPC makes it again when it is lost."""

import grpc

OPTIONS = [
    # A server that vanished without a word is noticed within 30 seconds. A feed has no deadline that would tell.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # gRPC would wait up to two minutes before it tries to connect again, and in older versions 20 seconds at least.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.max_receive_message_length", 8 << 20),
]


def connect(address: str) -> grpc.Channel:
    """`address` is host:port. Nothing is sent before the first call."""
    return grpc.insecure_channel(address, options=OPTIONS)
