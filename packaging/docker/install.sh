#!/bin/sh
# Installs a wheel and its locked dependencies into a virtual environment of its own: install.sh WHEEL FOLDER
# (made by $PYTHON, if not by python3). Nothing is compiled, and pip is gone afterwards.
set -eu
wheel=$1
folder=$2
lock=$(dirname "$0")/../../requirements/install.lock
pip() { "$folder/bin/python" -m pip --disable-pip-version-check "$@"; }

"${PYTHON:-python3}" -m venv "$folder"
pip install -q --only-binary :all: --require-hashes -r "$lock"
pip install -q --no-deps --no-index "$wheel"
pip check
pip uninstall -q -y pip setuptools 2>/dev/null
