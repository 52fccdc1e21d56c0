"""Client streaming: upload a file of any size, and go on after whatever breaks.

    python3 upload.py video.mp4 --type video/mp4

Prints the id of the blob. Run it again, or after it was killed: it goes on where it was. The id is made of the file's
SHA-256, so it is the same for the same file, whatever it is called, and an upload that is finished is found.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from typing import Iterator

import grpc

from call_error import read_call_error
from connect import connect
from leat.v1 import upload_service_pb2 as pb
from leat.v1.upload_service_pb2_grpc import UploadServiceStub
from program import ADDRESS, run
from retry import pause, until_answered

# One frame. The service takes up to 1 MiB; larger ones are no faster.
CHUNK_BYTES = 256 << 10
# How often the service is asked how much is on disk, in seconds.
PROGRESS_SECONDS = 0.5


def measure(path: str) -> tuple[int, bytes]:
    """The size and the SHA-256, both of what is read: files of /proc report the size 0."""
    size, digest = 0, hashlib.sha256()
    with open(path, "rb") as file:
        for data in iter(lambda: file.read(1 << 20), b""):
            size += len(data)
            digest.update(data)
    return size, digest.digest()


class Upload:
    """One file on its way to the service, over as many calls as it takes."""

    def __init__(self, channel: grpc.Channel, path: str, content_type: str, upload_id: str = "") -> None:
        self.uploads = UploadServiceStub(channel)
        self.path = path
        self.size, self.sha256 = measure(path)
        self.start = pb.UploadStart(
            upload_id=upload_id or f"sha256-{self.sha256.hex()}",
            name=os.path.basename(path),
            content_type=content_type,
            size=self.size,
        )

    def find(self) -> tuple[int, bool]:
        """How many bytes are on disk, and whether that is the blob by now. Waits while the service is away."""
        request = pb.GetUploadRequest(upload_id=self.start.upload_id)
        try:
            get_upload = self.uploads.GetUpload
            found = until_answered(lambda again: get_upload(request, timeout=5, wait_for_ready=again))
        except grpc.RpcError as error:
            if read_call_error(error).reason == "UPLOAD_NOT_FOUND":
                return 0, False
            raise
        if found.HasField("blob") and found.blob.sha256 != self.sha256:
            raise ValueError(f"{self.start.upload_id} is a blob already, of another file: take another id")
        return found.upload.committed_size, found.HasField("blob")

    def frames(self, offset: int) -> Iterator[pb.UploadChunksRequest]:
        """One call's frames: start, what is not on disk yet, finish. Each call has a file handle of its own: gRPC reads
        this from a thread, which after a failed call may still be at it when the next one begins."""
        yield pb.UploadChunksRequest(start=self.start)
        with open(self.path, "rb") as file:
            file.seek(offset)
            for data in iter(lambda: file.read(CHUNK_BYTES), b""):
                yield pb.UploadChunksRequest(chunk=pb.UploadChunk(offset=offset, data=data))
                offset += len(data)
        # Only this makes a blob; a stream that merely ends never does. The service compares both.
        yield pb.UploadChunksRequest(finish=pb.UploadFinish(size=self.size, sha256=self.sha256))

    def send(self) -> Iterator[int]:
        """Yields how many bytes are on disk, again and again. Ends when the file is a blob."""
        attempt, best = 0, 0
        while True:
            durable, complete = self.find()
            yield durable
            if complete:
                return
            # Whoever gets further is not stuck, however often the connection breaks.
            attempt = attempt + 1 if durable <= best else 1
            best = max(best, durable)
            call = self.uploads.UploadChunks.future(self.frames(durable), wait_for_ready=True)
            try:
                yield from self.watch(call)
                error = None
            except grpc.RpcError as thrown:
                error = read_call_error(thrown)
                if not error.is_transient:
                    raise
            finally:
                call.cancel()  # Whoever stops here stops the sending, too. After the end it does nothing.
            if error is not None:
                pause(attempt, error)

    def watch(self, call: grpc.Future) -> Iterator[int]:
        """Yields how many bytes are on disk while the call sends more. Raises what the call fails with."""
        while True:
            try:
                call.result(timeout=PROGRESS_SECONDS)
                return
            except grpc.FutureTimeoutError:
                yield self.find()[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", default=ADDRESS)
    parser.add_argument("--type", default="application/octet-stream", help="media type")
    parser.add_argument("--id", default="", help="id of the blob, instead of one that is made of the file's SHA-256")
    parser.add_argument("file")
    args = parser.parse_args()

    with connect(args.address) as channel:
        upload = Upload(channel, args.file, args.type, args.id)
        for durable in upload.send():
            percent = 100 * durable // upload.size if upload.size else 100
            print(f"{durable} bytes are on disk ({percent} %)", file=sys.stderr, flush=True)
        print(upload.start.upload_id)


if __name__ == "__main__":
    run(main)
