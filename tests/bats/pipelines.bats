# pipelines: the honesty study, small, as a user runs it.
bats_require_minimum_version 1.5.0

setup() {
	load lib/helper
	BIN=${MI_BIN:-$ROOT/build/release/bin}
}

study() {
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s -f "$ROOT/pipelines/honesty/Makefile" \
		BIN="$BIN" MODEL="$FIXTURES/tiny/llama-f32.gguf" STATEMENTS=30 STEER_TOKENS=6 DRAWS=2 "$@" show
}

digests() {
	for f in "$1"/*.mi; do
		printf '%s %s\n' "${f##*/}" "$(mi-view "$f" | jq -r 'select(.kind == "end") | .digest')"
	done
}

@test "honesty: the study shows scores with intervals and controls, and texts side by side" {
	study OUT=out >shown
	grep -q 'Directions from 20 statements, scored on 10 others' shown
	grep -q 'mean-diff' shown
	grep -q 'shuffled' shown
	grep -q 'chance' shown
}

@test "honesty: make -j 1 and -j 2, one thread and two, give the same digests" {
	study OUT=one J=1 -j 1 >one.txt
	study OUT=two J=2 -j 2 >two.txt
	digests one >one.sum
	digests two >two.sum
	[ "$(wc -l <one.sum)" -ge 7 ]
	diff one.sum two.sum
	diff one.txt two.txt
}

@test "honesty: a second run does nothing; a stream that is gone redoes what depends on it" {
	study OUT=out >/dev/null
	digests out >before
	touch mark
	study OUT=out >/dev/null
	[ -z "$(find out -newer mark -name '*.mi')" ]
	rm out/directions.mi
	study OUT=out >/dev/null
	[ "$(cd out && find . -newer ../mark -name '*.mi' | sort | tr '\n' ' ')" = \
		"./directions.mi ./scores.mi ./steer.mi ./steered--1.5.mi ./steered-1.5.mi " ]
	digests out >after
	diff before after
}
