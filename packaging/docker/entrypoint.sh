#!/bin/sh
# What the container runs: a broker with these flags (`docker run leveret --heartbeat 30`), or another command
# (`docker run leveret leveret config show`). The broker's log goes to stdout.
set -eu
case "${1:-}" in
"" | -*) set -- serve "$@" ;;
esac
if [ "$1" = serve ]; then
    exec leveret "$@" 2>&1
fi
exec "$@"
