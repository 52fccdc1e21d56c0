"""Opens what an error of Leat says beyond gRPC's code and message."""

from __future__ import annotations

from dataclasses import dataclass, field

import grpc

import error_details_pb2

# What a broken connection looks like, besides UNAVAILABLE. It comes without a reason: nobody judged the request.
BROKEN = {
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
}


@dataclass
class CallError:
    code: grpc.StatusCode
    message: str
    reason: str = ""
    """Stable, for programs; empty if the connection failed and not the service."""
    metadata: dict[str, str] = field(default_factory=dict)
    """Current values, for example {"first_offset": "17"}."""
    violations: list[tuple[str, str]] = field(default_factory=list)
    """All fields that were wrong, each with what was wrong."""
    retry_after: float | None = None
    """The service asks to be called again, not before so many seconds."""

    @property
    def is_transient(self) -> bool:
        """True if the same call may succeed later. Whether repeating it is harmless is another question."""
        if self.code == grpc.StatusCode.UNAVAILABLE or self.retry_after is not None:
            return True
        # The service's own deadline has a reason; it says as little about the request as ours.
        return self.code in BROKEN and self.reason in ("", "DEADLINE_EXCEEDED")

    def __str__(self) -> str:
        lines = [f"{self.code.name} {self.reason}".strip() + f": {self.message}"]
        lines += [f"  {path}: {description}" for path, description in self.violations]
        lines += [f"  {key} = {value}" for key, value in self.metadata.items()]
        return "\n".join(lines)


def read_call_error(error: grpc.RpcError) -> CallError:
    opened = CallError(error.code(), error.details() or "")
    trailers = dict(error.trailing_metadata() or ())
    status = error_details_pb2.Status.FromString(trailers.get("grpc-status-details-bin", b""))
    for detail in status.details:
        # The type is the end of a URL: type.googleapis.com/google.rpc.ErrorInfo
        name = detail.type_url.rpartition("/")[2]
        if name == "google.rpc.ErrorInfo":
            info = error_details_pb2.ErrorInfo.FromString(detail.value)
            opened.reason, opened.metadata = info.reason, dict(info.metadata)
        elif name == "google.rpc.BadRequest":
            bad = error_details_pb2.BadRequest.FromString(detail.value)
            opened.violations = [(each.field, each.description) for each in bad.field_violations]
        elif name == "google.rpc.RetryInfo":
            delay = error_details_pb2.RetryInfo.FromString(detail.value).retry_delay
            opened.retry_after = delay.seconds + delay.nanos / 1e9
    return opened
