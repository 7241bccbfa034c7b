# The one helper file. In a test file:
#
#	bats_require_minimum_version 1.5.0
#	setup() { load lib/helper; }
#
# Loading it puts the built tools first in PATH, goes to an empty folder of the test's own,
# and sets ROOT (the tree), FIXTURES (fixtures/) and GOLDEN (tests/golden/). Streams are
# binary: compare files, never put them into $output. Background children close
# descriptor 3 (3>&-), or bats waits for them.

ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
FIXTURES=$ROOT/fixtures
GOLDEN=$ROOT/tests/golden
MODEL=$ROOT/models/smollm2.gguf
export ROOT FIXTURES GOLDEN MODEL
PATH="${MI_BIN:-$ROOT/build/release/bin}:$PATH"
# What the caller's shell has set must not change a test.
unset MI_THREADS MI_ISA NO_COLOR OMP_NUM_THREADS POSIXLY_CORRECT
export LC_ALL=C
cd "$BATS_TEST_TMPDIR" || exit 1

# run_clean STATUS COMMAND...: runs it; fails unless the exit status is that one, and what
# was said on stderr is what our contract allows: nothing on success (and nothing when a
# signal ended it), one line "tool: ..." on failure, with usage and a hint behind it for 2.
# Leaves $status, $output, $stderr, $stderr_lines.
run_clean() {
	local want=$1
	shift
	run --separate-stderr "$@"
	if [ "$status" -ne "$want" ]; then
		echo "exit $status, expected $want: $*"
		echo "stdout: ${output:0:2000}"
		echo "stderr: ${stderr:0:2000}"
		return 1
	fi
	case $stderr in
	*Sanitizer* | *"runtime error"*)
		echo "$stderr"
		return 1
		;;
	esac
	case $want in
	0) [ -z "$stderr" ] || { echo "talk on success: $stderr"; return 1; } ;;
	1) [ "${#stderr_lines[@]}" -le 1 ] ;;
	2) [ -z "$output" ] && [[ ${stderr_lines[0]} == mi-*:* ]] ;;
	3 | 4 | 75)
		[ "${#stderr_lines[@]}" -eq 1 ] && [[ ${stderr_lines[0]} == mi-*:* ]] ||
			{ echo "not one line: $stderr"; return 1; }
		;;
	*) [ -z "$stderr" ] || { echo "talk at a signal: $stderr"; return 1; } ;;
	esac
}

# says TEXT: the message of the last run_clean holds TEXT.
says() {
	[[ ${stderr_lines[0]} == *"$1"* ]] || { echo "stderr: $stderr"; return 1; }
}

# pipeline 'a | b': runs a shell line; its status is that of the first stage that failed.
pipeline() {
	bash -o pipefail -c "$1"
}

# same FILE FILE: equal bytes.
same() {
	cmp "$1" "$2"
}

# nothing_left FILE: neither the file nor a temporary beside it.
nothing_left() {
	local folder
	folder=$(dirname "$1")
	[ ! -e "$1" ] || { echo "'$1' is there"; return 1; }
	[ -z "$(find "$folder" -maxdepth 1 -name '.*.part')" ] || { ls -A "$folder"; return 1; }
}

# need COMMAND...: skips the test where one is not installed.
need() {
	local c
	for c in "$@"; do
		command -v "$c" >/dev/null || skip "no $c here"
	done
}

# need_model: skips the test where the chat model was not fetched (make models/smollm2.gguf).
need_model() {
	[ -e "$MODEL" ] || skip "models/smollm2.gguf is not here"
}

# not_under_asan WHY: skips the test in the sanitizer build.
not_under_asan() {
	[ "${MI_MODE:-release}" != asan ] || skip "$1"
}

# full_device: prints the path of a device that is always full.
full_device() {
	[ -c /dev/full ] && echo /dev/full
}

# verbs_of TOOL: those that its help lists.
verbs_of() {
	"$1" --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p'
}
