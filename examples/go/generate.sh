#!/bin/sh
# Generates the Go code of the contract (proto/leat/v1) into leatv1/. Needs protoc, protoc-gen-go and protoc-gen-go-grpc.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
proto=$here/../../proto
package=example.com/leat/leatv1

# The contract belongs to no language: where its Go code goes is said here, for each of its files.
options=module=example.com/leat
for file in "$proto"/leat/v1/*.proto; do
  options="$options,Mleat/v1/$(basename "$file")=$package"
done

protoc -I "$proto" --go_out="$options:$here" --go-grpc_out="$options:$here" "$proto"/leat/v1/*.proto
