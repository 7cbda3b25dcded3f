#!/bin/sh
# Renews requirements/*.lock: every version and hash, for all supported Pythons, and no address of where they came from.
# `scripts/lock.sh --upgrade` takes the newest versions; without it only what pyproject.toml asks for changes.
set -eu
cd "$(dirname "$0")/.."
compile() {
    .venv/bin/uv --no-config pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
        --no-emit-index-url --no-emit-find-links "$@" pyproject.toml
}
compile --extra dev -o requirements/dev.lock "$@"
compile --extra build -c requirements/dev.lock -o requirements/run.lock
# What an installation needs, without what builds it: containers, servers.
compile -c requirements/dev.lock -o requirements/install.lock
