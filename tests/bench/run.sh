#!/bin/sh
# usage: run.sh [--quick] [OPTION]...
# Runs bench.py with a Python that has the peers (transformers, TransformerLens, nnsight,
# scikit-learn), if there is one: $PYTHON, else the environment of `make parity`. With any other
# Python only our own side is measured. LLAMA_CPP names a folder with llama-bench and
# llama-quantize. --quick checks results on small work and measures nothing worth keeping.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/mi-tools/parity/bin/python
for p in "$python" "$cache"; do
	if "$p" -c 'import gguf, torch, transformers' 2>/dev/null; then
		exec "$p" "$here/bench.py" "$@"
	fi
done
exec "$python" "$here/bench.py" "$@"
