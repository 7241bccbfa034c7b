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
