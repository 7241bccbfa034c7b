#!/bin/sh
# Runs the commands in the console blocks of Markdown files and compares what they print.
#
#   run-cookbook.sh [--regold] [--no-model] FILE.md...
#
# A block opens with ```console. A command there begins with "$ ", goes on in lines that begin
# with "> ", and is followed by what it prints, stdout and stderr together. The commands of one
# file run one after the other in one shell, in a folder of their own that links what they may
# read (fixtures, models, pipelines, docs); so a file that one command makes serves the next.
# Blocks of another name (sh, text ...) are not run.
#
# What differs is shown as a diff; exit 1. --regold writes what was printed into the file
# instead. A block that names a file in models/ is left alone when that file is not there, or
# with --no-model; so is one that imports msgpack where Python has no such package
# (PYTHON=... names another one). The tools are taken from MI_BIN, else from build/release/bin.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
regold='' model=yes
while :; do
	case ${1-} in
	--regold) regold=yes ;;
	--no-model) model='' ;;
	*) break ;;
	esac
	shift
done
[ $# -gt 0 ] || {
	echo "usage: run-cookbook.sh [--regold] [--no-model] FILE.md..." >&2
	exit 2
}
models=" $([ -z "$model" ] || find "$root/models" -type f -name '*.*' 2>/dev/null |
	sed 's|.*/||' | tr '\n' ' ')"
python=$("${PYTHON:-python3}" -c 'import msgpack, zstandard; print("yes")' 2>/dev/null) || :
bin=$(cd "${MI_BIN:-$root/build/release/bin}" && pwd)

# What the caller's shell has set must not change an output.
unset MI_THREADS MI_ISA NO_COLOR OMP_NUM_THREADS POSIXLY_CORRECT COLUMNS
export LC_ALL=C.UTF-8 PATH="$bin:$PATH"

# blocks MODE FILE FOLDER: `split` writes command N to FOLDER/N.cmd; `join` prints the file
# with FOLDER/N.out behind command N.
blocks() {
	awk -v mode="$1" -v folder="$3" -v models="$models" -v python="$python" '
	function bad(why) {
		print FILENAME ": " why >"/dev/stderr"
		failed = 1
		exit 1
	}
	function runs(    i) { # is everything there that the block needs?
		for (i = 1; i <= n; i++)
			if (match(line[i], /models\/[A-Za-z0-9._-]+/) &&
			    !index(models, " " substr(line[i], RSTART + 7, RLENGTH - 7) " ") ||
			    line[i] ~ /import .*msgpack/ && python == "")
				return 0
		return 1
	}
	function printed(    f, l, first) {
		f = folder "/" number ".out"
		first = 1
		while ((getline l <f) > 0) {
			if (l ~ /^\$ / || l ~ /^```/ || (first && l ~ /^> /))
				bad("the output of command " number " looks like a command: " l)
			print l
			first = 0
		}
		close(f)
	}
	function block(    i, pending, is_command) {
		if (!runs()) {
			for (i = 1; i <= n && mode == "join"; i++)
				print line[i]
			return
		}
		for (i = 1; i <= n; i++) {
			if (line[i] ~ /^\$ /) {
				if (pending && mode == "join")
					printed()
				close(folder "/" number ".cmd")
				number++
				pending = is_command = 1
			} else if (!pending) {
				bad("a console block begins with no command: " line[i])
			} else if (line[i] !~ /^>( |$)/) {
				is_command = 0
			}
			if (is_command && mode == "join")
				print line[i]
			else if (is_command)
				print substr(line[i], 3) >(folder "/" number ".cmd")
		}
		if (pending && mode == "join")
			printed()
	}
	!inside && /^```console$/ { inside = 1; n = 0; if (mode == "join") print; next }
	inside && /^```$/ { inside = 0; block() }
	inside { line[++n] = $0; next }
	mode == "join" { print }
	END {
		if (!failed && inside)
			bad("a console block does not end")
	}' "$2"
}

# run FOLDER: every command of it in one shell, each in the folder's work/.
run() {
	mkdir "$1/work"
	for f in fixtures models pipelines docs; do
		[ ! -e "$root/$f" ] || ln -s "$root/$f" "$1/work/$f"
	done
	cat >"$1/run" <<-'END'
		folder=$1 number=1
		python3() { command "${PYTHON:-python3}" "$@"; }
		cd "$folder/work"
		while [ -e "$folder/$number.cmd" ]; do
			. "$folder/$number.cmd" >"$folder/$number.out" 2>&1 </dev/null || {
				status=$?
				echo "[exit $status]" >>"$folder/$number.out"
				echo "$number" >>"$folder/failed"
			}
			number=$((number + 1))
		done
	END
	sh "$1/run" "$1"
}

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
status=0 i=0
for file in "$@"; do
	i=$((i + 1))
	mkdir "$tmp/$i"
	blocks split "$file" "$tmp/$i"
	run "$tmp/$i"
	blocks join "$file" "$tmp/$i" >"$tmp/$i/new"
	if cmp -s "$file" "$tmp/$i/new"; then
		:
	elif [ -z "$regold" ]; then
		diff -u -L "$file" -L "$file, as it runs" "$file" "$tmp/$i/new" || status=1
	elif [ -e "$tmp/$i/failed" ]; then
		diff -u -L "$file" -L "$file, as it runs" "$file" "$tmp/$i/new" | grep -B 20 '^+\[exit' >&2 || :
		echo "$file: a command failed; left as it is" >&2
		status=1
	else
		cat "$tmp/$i/new" >"$file"
	fi
done
exit $status
