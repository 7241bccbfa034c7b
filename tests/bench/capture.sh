#!/bin/sh
# Capture of the residual stream after every block: whole processes of mi-capture, beside
# transformers in one process with the weights loaded and warm. PYTHON names a Python with
# transformers, torch and gguf; without one only our side is measured.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/mi-tools/parity/bin/python
for p in "$python" "$cache"; do
	if "$p" -c 'import gguf, torch, transformers' 2>/dev/null; then
		exec "$p" "$here/capture.py" "$@"
	fi
done
exec "$python" "$here/capture.py" --alone "$@"
