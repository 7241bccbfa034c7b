# What every tool does the same way.
bats_require_minimum_version 1.5.0

setup() {
	load lib/helper
	TOOLS=$(cd "${MI_BIN:-$ROOT/build/release/bin}" && echo mi-*)
}

@test "tools: --help goes to stdout and exits 0" {
	for tool in $TOOLS; do
		run_clean 0 "$tool" --help
		[[ ${lines[0]} == "usage: $tool "* ]]
		[[ $output == *"See $tool(1)."* ]]
	done
}

@test "tools: --version is one line" {
	for tool in $TOOLS; do
		run_clean 0 "$tool" --version
		[[ $output =~ ^$tool\ \(mi-tools\)\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
	done
}

@test "tools: an unknown option or verb exits 2 and is named" {
	for tool in $TOOLS; do
		run_clean 2 "$tool" --nope
		says nope
	done
}

@test "tools: a full device is an error, also for help" {
	full=$(full_device) || skip "no always-full device here"
	for tool in $TOOLS; do
		run_clean 4 bash -c '"$1" --help >"$2"' - "$tool" "$full"
		says "cannot write standard output: No space left on device"
	done
}

@test "tools: a closed standard output is an error" {
	for tool in $TOOLS; do
		run_clean 4 bash -c '"$1" --help >&-' - "$tool"
		says "standard output is closed"
	done
}

@test "tools: a reader that leaves ends them quietly" {
	for tool in $TOOLS; do
		run_clean 141 bash -c '(sleep 0.05; exec "$1" --help) | :; exit "${PIPESTATUS[0]}"' - "$tool"
	done
}

@test "tools: MI_THREADS and MI_ISA are checked before any work" {
	for tool in $TOOLS; do
		run_clean 2 env MI_THREADS=many "$tool" --help
		says MI_THREADS
		run_clean 2 env MI_ISA=abacus "$tool" --help
		says MI_ISA
	done
}

# refused_as NAME COMMAND...: exit 2, nothing on stdout, a message that names it, no file made.
refused_as() {
	local name=$1 status=0
	shift
	"$@" >out 2>err </dev/null || status=$?
	if [ "$status" -ne 2 ] || [ -s out ] || ! head -n 1 err | grep -qF -e "$name" ||
		[ "$(ls)" != $'err\nout' ]; then
		echo "$* -> $status: $(cat err)"
		return 1
	fi
}

# Every option of "tool [verb]" with values that it must refuse.
torture_options() {
	local help line name bad short
	help=$("$@" --help)
	while read -r line; do
		name=$(grep -oE -- '--[a-z][a-z0-9-]*' <<<"$line" | head -n 1)
		short=${name%?}
		if ! grep -qE -- "$short([ =]|$)" <<<"$help"; then
			refused_as "$short" "$@" "$short"
		fi
		if ! grep -qF -- "$name=" <<<"$line"; then
			refused_as "$name" "$@" "$name=yes"
			continue
		fi
		refused_as "$name" "$@" "$name"
		refused_as "$name" "$@" "$name="
		if [[ $line =~ \[-?[0-9.e+-]+\]$ ]]; then
			for bad in word 0x10 1e9999 nan inf -inf ' 1' '1,' 99999999999999999999999 --help; do
				refused_as "$name" "$@" "$name=$bad"
			done
		fi
	done < <(grep -E '^  (-[a-zA-Z], |    )--' <<<"$help")
}

@test "tools: every option refuses what is no value, before any file is made" {
	export GOMP_SPINCOUNT=300 # one start less for each of some thousand runs
	for tool in $TOOLS; do
		if "$tool" --help | grep -q '^Options:'; then
			torture_options "$tool"
		fi
		for verb in $(verbs_of "$tool"); do
			torture_options "$tool" "$verb"
		done
	done
}
