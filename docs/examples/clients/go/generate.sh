#!/usr/bin/env bash
# Generate the package medallerov1 from intake.proto: bash generate.sh [DIRECTORY OF PROTOS]
# Needs Go, and a protoc: that of your system, or Python's (pip install grpcio-tools).
set -euo pipefail
cd "$(dirname "$0")"

protos="${1:-../../../../protos}"
tools="$PWD/.tools"
GOBIN="$tools" go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.31.0
GOBIN="$tools" go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.3.0

if command -v protoc >/dev/null; then
    protoc=(protoc)
else
    protoc=("${PYTHON:-python3}" -m grpc_tools.protoc)
fi
PATH="$tools:$PATH" "${protoc[@]}" --proto_path="$protos" \
    --go_out=. --go_opt=module=example.com/medallero/send \
    --go_opt=Mmedallero/v1/intake.proto='example.com/medallero/send/medallerov1;medallerov1' \
    --go-grpc_out=. --go-grpc_opt=module=example.com/medallero/send \
    --go-grpc_opt=Mmedallero/v1/intake.proto='example.com/medallero/send/medallerov1;medallerov1' \
    medallero/v1/intake.proto
