#!/bin/sh
# Prints the first Python on the PATH that is 3.11 or newer; fails with one line when there is none.
for name in python3 python3.14 python3.13 python3.12 python3.11 python; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        command -v "$name"
        exit 0
    fi
done
echo "Leveret needs Python 3.11 or newer; none is on the PATH" >&2
exit 1
