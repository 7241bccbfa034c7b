#!/bin/sh
# usage: run.sh
# Runs every *_parity.py here: MODEL BIN_FOLDER as arguments. MI_BIN holds the tools, MODEL
# the model. PYTHON is used as it is when it has the packages; else an environment is made in
# the user's cache folder, outside the tree, and kept. SHARED names a folder of real data
# (chat/, tokenizers/) or the one above its data/, LLAMA_CPP one with a built llama.cpp, GEMMA a
# model file (gemma_parity.py), QUANTISED a folder that keeps requantised files. What is not there
# is left out, and that is said. Ends in "N passed, N failed, N skipped".
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
model=${MODEL:-$top/models/smollm2.gguf}
bin=${MI_BIN:-$top/build/release/bin}
python=${PYTHON:-python3}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/mi-tools/parity

if ! "$python" -c 'import gguf, msgpack, torch, transformers, zstandard' 2>/dev/null; then
	if ! [ -x "$cache/bin/python" ]; then
		echo "making a Python environment in $cache (torch and transformers: some minutes)"
		if ! "$python" -m venv "$cache"; then
			echo "parity: needs Python with venv (package python3-venv), or PYTHON=/path/of/python" >&2
			exit 4
		fi
	fi
	"$cache/bin/python" -m pip install -q -r "$here/requirements.txt"
	python=$cache/bin/python
fi

if [ -n "${SHARED:-}" ] && [ -d "$SHARED/data" ]; then
	SHARED=$SHARED/data
	export SHARED
fi

passed=0 failed=0 skipped=0
for script in "$here"/*_parity.py; do
	[ -e "$script" ] || continue
	echo "# $(basename "$script")"
	status=0
	"$python" "$script" "$model" "$bin" || status=$?
	case $status in
	0) passed=$((passed + 1)) ;;
	77) skipped=$((skipped + 1)) ;;
	*) failed=$((failed + 1)) ;;
	esac
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
