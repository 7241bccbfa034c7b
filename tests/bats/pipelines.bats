# pipelines: the honesty study, small, as a user runs it.
bats_require_minimum_version 1.5.0

setup() {
	load lib/helper
	BIN=${MI_BIN:-$ROOT/build/release/bin}
}

# The organism's study at small sizes.
study() {
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s -f "$ROOT/pipelines/honesty/Makefile" BIN="$BIN" \
		MODEL="$FIXTURES/organism/organism.gguf" DRAWS=4 CHOICE_PAIRS=12 PATCH_PAIRS=10 PLACE_PAIRS=8 PATH_PAIRS=8 \
		TALES=8 CONTROLS='0 1' DOSES=1.5 GEN_STEPS=2 "$@"
}

digests() {
	for f in "$1"/*.mi "$1"/*/*.mi; do
		printf '%s %s\n' "${f#"$1"/}" "$(mi-view "$f" | jq -r 'select(.kind == "end") | .digest')"
	done
}

verdict() {
	mi-view "$1" | jq -r 'select(.kind == "verdict").verdict'
}

@test "honesty: the organism lies, one direction turns its answers, controls do not" {
	study OUT=out J=1 -j 1 >shown
	for claim in honest-answers lies e1 e2-lies e2-truths e6 closes; do
		[ "$claim $(verdict "out/verdict/$claim.mi")" = "$claim supported" ]
	done
	for claim in e1-random e1-shuffled e2-random e2-shuffled e6-random e6-shuffled e3; do
		[ "$claim $(verdict "out/verdict/$claim.mi")" = "$claim refuted" ]
	done
	grep -q 'turns lies into' shown
	# every condition of the card has a figure
	for card in 1 2 3 4 5 6 7 8 9; do
		for f in out/*.mi; do mi-view "$f" | jq -r '.card? // empty'; done | grep -q "^E$card$"
	done

	# -j 2 and two threads: the same digests, the same report
	digests out >one.sum
	[ "$(wc -l <one.sum)" -ge 80 ]
	mv out one
	study OUT=out J=2 -j 2 >shown.two
	digests out | diff one.sum -
	cmp one/report.html out/report.html
	diff <(sort shown) <(sort shown.two)

	# a second run does nothing; of a stream that is gone only what depends on it is made again
	touch mark
	study OUT=out >/dev/null
	[ -z "$(find out -newer mark)" ]
	rm out/cosines.mi out/transfer.mi
	study OUT=out >/dev/null
	[ "$(cd out && find . -newer ../mark -type f | sort | tr '\n' ' ')" = \
		"./cosines.mi ./report.html ./transfer.mi " ]
	digests out | diff one.sum -

	# a folder is of one model and one set of sizes
	cp "$FIXTURES/organism/organism.gguf" other.gguf
	! study OUT=out MODEL=other.gguf PROMPTS="$FIXTURES/organism/prompts" 2>err || false
	grep -q 'made with another model' err
	! study OUT=out DRAWS=5 2>err || false
	[ -z "$(find out -newer mark -name '*.mi' ! -name cosines.mi ! -name transfer.mi)" ]
}

@test "honesty: a model that does not do what it is told: no causal verdict; prompts come from facts" {
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s -f "$ROOT/pipelines/honesty/Makefile" BIN="$BIN" OUT=out \
		MODEL="$FIXTURES/tiny/llama-f32.gguf" FIT_PAIRS=32 TEST_PAIRS=10 DRAWS=2 CONTROLS=0 DOSES=1 \
		ANSWER=2 STORY=4 STOP=1 GEN_STEPS=1 TALES=8 CHOICE_PAIRS=10 PATCH_PAIRS=8 PATH_PAIRS=8 >shown
	[ "$(verdict out/verdict/lies.mi)" = refuted ]
	for claim in e2-lies e2-truths e3 e4 e5 e6 spread dense continual; do
		[ "$claim $(verdict "out/verdict/$claim.mi")" = "$claim undetermined" ]
	done
	grep -q undetermined shown
	[ -s out/report.html ]
}
