#!/bin/sh
# Generates the Python code of the contract (proto/leat/v1) beside the programs, or into the folder that is named.
# It must not be newer than the protobuf library that loads it, so compiler and library should come from one place:
# grpcio-tools and grpcio from PyPI, or protobuf-compiler-grpc and python3-grpcio from a Linux distribution.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
proto=$here/../../proto
out=${1:-$here}
python=${PYTHON:-python3}

if "$python" -c 'import grpc_tools.protoc' 2>/dev/null; then
  protoc() { "$python" -m grpc_tools.protoc "$@"; }
elif plugin=$(command -v grpc_python_plugin) && command -v protoc >/dev/null; then
  protoc() { command protoc --plugin=protoc-gen-grpc_python="$plugin" "$@"; }
else
  echo 'no compiler: pip install grpcio-tools, or apt-get install protobuf-compiler-grpc' >&2
  exit 1
fi

protoc -I "$proto" --python_out="$out" --grpc_python_out="$out" "$proto"/leat/v1/*.proto
protoc -I "$here" --python_out="$out" "$here"/error_details.proto
(cd "$out" && "$python" -c '
import leat.v1.chat_service_pb2_grpc, leat.v1.event_service_pb2_grpc, leat.v1.upload_service_pb2_grpc, leat.v1.user_service_pb2_grpc, error_details_pb2
')
