# mi-probe: directions, probes, runs, sweeps, units, verdicts.
bats_require_minimum_version 1.5.0

setup() {
	load lib/helper
	SIDES='--sides honest,untruthful'
}

acts() {
	local file=$1
	shift
	awk -f "$BATS_TEST_DIRNAME/lib/acts.awk" "$@" </dev/null | mi-view --encode -o "$file"
}

# Fits on pairs 0 to 29 and leaves 30 others in test.mi.
prepare() {
	acts fit.mi -v PAIRS=30
	acts test.mi -v PAIRS=30 -v FIRST=100 -v SEED=2
	mi-direction fit $SIDES "$@" fit.mi -o d.mi
}

# values FILE FILTER: what jq's filter takes of the score records, a line each.
values() {
	mi-view "$1" | jq -c "select(.kind == \"score\" and $2) | .value"
}

@test "mi-probe: a planted direction is found where it is and not where it is not" {
	prepare --method mean-diff
	run_clean 0 mi-probe eval -d d.mi test.mi -o s.mi
	mi-view --check s.mi
	mi-view s.mi | jq -e -s '[.[] | select(.metric == "auroc" and .control == null)] |
		(.[0].lo < 0.5 and .[0].hi > 0.5) and (.[2].value > 0.95 and .[2].lo > 0.9)' >/dev/null
	# every figure has interval, count, seed; every place both controls
	mi-view s.mi | jq -e -s '[.[] | select(.metric)] | all(.lo <= .value and .value <= .hi and .n > 0 and .seed == 1)' >/dev/null
	[ "$(mi-view s.mi | jq -r 'select(.metric == "auroc") | "\(.layer) \(.control)"' | sort | xargs)" = \
		"0 null 0 permuted 0 random 1 null 1 permuted 1 random 2 null 2 permuted 2 random" ]
}

@test "mi-probe: figures equal those computed from the records by hand" {
	prepare --method mean-diff
	mi-probe eval -d d.mi --at resid_post:1 test.mi -o s.mi
	mi-view d.mi | jq -c 'select(.layer == 1) | {v: .v.data, t: .threshold}' >dir.json
	mi-view test.mi | jq -c --slurpfile d dir.json 'select(.kind == "act" and .layer == 1) |
		(.id | endswith("-honest")) as $pos | .x.data as $x |
		range(2) | [$pos, ([range(8) as $k | $x[8 * . + $k] * $d[0].v[$k]] | add), $d[0].t]' |
		jq -r 'map(tostring) | @tsv' >rows
	# share on the right side of the threshold
	want=$(awk '{ n++; good += ($2 > $3) == ($1 == "true") } END { printf "%.9f", good / n }' rows)
	got=$(values s.mi '.metric == "accuracy" and .control == null')
	[ "$want" = "$(printf %.9f "$got")" ]
	# the Mann-Whitney count
	want=$(awk '$1 == "true" { p[np++] = $2 } $1 != "true" { q[nq++] = $2 }
		END { for (i in p) for (j in q) w += p[i] > q[j] ? 1 : p[i] == q[j] ? .5 : 0
		      printf "%.9f", w / np / nq }' rows)
	got=$(values s.mi '.metric == "auroc" and .control == null')
	[ "$want" = "$(printf %.9f "$got")" ]
}

@test "mi-probe: --of gives every record a key, controls too" {
	prepare --method mean-diff
	run_clean 0 mi-probe eval --of card=E1 --of step=x -d d.mi test.mi -o s.mi
	[ "$(mi-view s.mi | jq -r 'select(.metric) | "\(.card) \(.step)"' | sort | uniq -c | xargs)" = "27 E1 x" ]
	run_clean 0 mi-probe fit $SIDES --method mean-diff --draws 2 --of card=E7 --fraction 0.5 test.mi -o f.mi
	[ "$(mi-view f.mi | jq -r 'select(.metric) | .card' | sort -u)" = E7 ]
	run_clean 0 mi-probe verdict --claim c --metric auroc --of card=E1 --of layer=2 --above 0.5 s.mi -o v.mi
	run_clean 2 mi-probe eval --of metric=x -d d.mi test.mi
	says "'metric' is a key of every score"
}

@test "mi-probe: controls that were fitted take the place of its own" {
	prepare --method mean-diff,random,shuffled --draws 4
	mi-probe eval -d d.mi --random 9 --permuted 0 test.mi -o s.mi
	[ "$(mi-view s.mi | jq -r 'select(.metric == "auroc" and .layer == 2) | "\(.method) \(.control) \(.n)"' | xargs)" = \
		"mean-diff null 120 random random 4 shuffled shuffled 4" ]
	mi-direction select --method mean-diff d.mi -o m.mi
	mi-probe eval -d m.mi --random 9 --permuted 0 test.mi -o t.mi
	[ "$(mi-view t.mi | jq -r 'select(.metric == "auroc" and .layer == 2) | "\(.method) \(.control) \(.n)"' | xargs)" = \
		"mean-diff null 120 random random 9" ]
}

@test "mi-probe: threads and pipes change no byte" {
	prepare --method mean-diff,pca-diff
	mi-probe eval -j 1 -d d.mi test.mi -o s.mi
	mi-probe eval -j 3 -d d.mi - <test.mi -o t.mi
	same s.mi t.mi
	mi-probe eval -d - test.mi <d.mi -o u.mi
	same s.mi u.mi
	pipeline 'mi-probe eval -d d.mi test.mi | mi-view --check -'
}

@test "mi-probe: a group that was fitted on is refused" {
	prepare
	run_clean 3 mi-probe eval -d d.mi fit.mi -o s.mi
	says "30 of 30 groups were fitted on ('0', '1', '2', '3', '4', ...)"
	nothing_left s.mi
	run_clean 0 mi-probe eval --allow-leak -d d.mi fit.mi -o s.mi
	[ "$(mi-view s.mi | jq 'select(.control == null and .metric) | .leak' | sort -u)" = 30 ]
}

@test "mi-probe: the parts of one stream do not leak" {
	acts a.mi -v PAIRS=60
	mi-direction fit $SIDES --part train a.mi -o d.mi
	run_clean 0 mi-probe eval -d d.mi --part test a.mi -o s.mi
	run_clean 3 mi-probe eval -d d.mi --part train a.mi -o t.mi
	run_clean 3 mi-probe eval -d d.mi --part test --seed 2 a.mi -o t.mi
	says "groups were fitted on"
}

@test "mi-probe: too few groups for an interval" {
	acts fit.mi
	mi-direction fit $SIDES fit.mi -o d.mi
	acts test.mi -v PAIRS=7 -v FIRST=100
	run_clean 3 mi-probe eval -d d.mi test.mi -o s.mi
	says "7 groups: an interval needs at least 8"
	run_clean 0 mi-probe eval --bootstrap 0 -d d.mi test.mi -o s.mi
	[ "$(mi-view s.mi | jq 'select(.control == null and .metric) | .lo' | sort -u)" = null ]
}

@test "mi-probe: sides come from the directions, and may not contradict them" {
	prepare
	run_clean 3 mi-probe eval --sides untruthful,honest -d d.mi test.mi -o s.mi
	says "fitted with the sides 'honest,untruthful', not 'untruthful,honest'"
	acts labels.mi -v LABELS=1 -v FIRST=100
	mi-direction fit labels.mi -o e.mi
	run_clean 2 mi-probe eval -d e.mi test.mi -o s.mi
	says "which side is positive?"
}

@test "mi-probe: a direction of another width, model or place is refused" {
	prepare
	acts wide.mi -v D=9 -v FIRST=100
	run_clean 3 mi-probe eval -d d.mi wide.mi -o s.mi
	acts other.mi -v MODEL=another -v FIRST=100
	run_clean 3 mi-probe eval -d d.mi other.mi -o s.mi
	run_clean 0 mi-probe eval --other-model -d d.mi other.mi -o s.mi
	mi-view test.mi | jq -c 'if .kind == "end" then {kind} elif .kind == "act" and .layer == 1 then empty else . end' |
		mi-view --encode -o less.mi
	run_clean 3 mi-probe eval -d d.mi less.mi -o t.mi
	says "no activations at resid_post:1, where a direction is"
	run_clean 0 mi-probe eval --at resid_post:2 -d d.mi less.mi -o t.mi
	nothing_left u.mi
}

@test "mi-probe: usage is checked before any file" {
	run_clean 2 mi-probe eval absent.mi
	says "-d names the directions"
	run_clean 2 mi-probe eval -d absent.mi --metric acuracy absent.mi
	says "is 'accuracy' meant?"
	run_clean 2 mi-probe eval -d absent.mi --metric kl absent.mi
	says "metric 'kl' is not of probes"
	run_clean 2 mi-probe eval -d absent.mi --level 2 absent.mi
	run_clean 2 mi-probe eval -d - -
	says "only one input can be standard input"
	run_clean 4 mi-probe eval -d absent.mi absent.mi -o s.mi
	says "cannot open 'absent.mi'"
	nothing_left s.mi
}

@test "mi-probe: cut inputs exit 3 and leave nothing" {
	prepare
	head -c 900 d.mi >cut.mi
	run_clean 3 mi-probe eval -d cut.mi test.mi -o s.mi
	head -c 9000 test.mi >cut.mi
	run_clean 3 mi-probe eval -d d.mi cut.mi -o s.mi
	nothing_left s.mi
}

@test "mi-probe: a full device is an error" {
	full=$(full_device) || skip "no always-full device here"
	prepare
	run_clean 4 bash -c "mi-probe eval -d d.mi test.mi >$full"
}

@test "mi-probe: pooling gives one row a prompt" {
	prepare --pool mean
	mi-probe eval -d d.mi --pool mean test.mi -o s.mi
	[ "$(mi-view s.mi | jq 'select(.metric == "auroc" and .control == null) | .n' | sort -u)" = 60 ]
}

@test "mi-probe: fit cuts the groups once and writes probes that eval takes" {
	acts a.mi -v PAIRS=60
	run_clean 0 mi-probe fit $SIDES --method mean-diff --draws 3 --probes p.mi a.mi -o s.mi
	mi-view --check s.mi p.mi
	[ "$(mi-view s.mi | jq -r 'select(.metric == "auroc") | "\(.layer) \(.method) \(.control)"' | xargs)" = \
		"0 mean-diff null 0 random random 0 shuffled shuffled 1 mean-diff null 1 random random 1 shuffled shuffled \
2 mean-diff null 2 random random 2 shuffled shuffled" ]
	mi-view s.mi | jq -e -s '[.[] | select(.metric == "auroc" and .layer == 2)] |
		.[0].value > 0.95 and .[0].lo > 0.9 and (.[2].value < 0.9)' >/dev/null
	# the same figures by fit and eval
	mi-direction fit $SIDES --part train a.mi -o d.mi
	mi-probe eval -d d.mi --part test a.mi -o t.mi
	[ "$(values s.mi '.control == null')" = "$(values t.mi '.control == null')" ]
	run_clean 0 mi-probe eval -d p.mi --part test a.mi -o u.mi
	[ "$(values s.mi '.control == null')" = "$(values u.mi '.control == null')" ]
	run_clean 3 mi-probe eval -d p.mi --part train a.mi -o v.mi
}

@test "mi-probe: fit runs every method, and threads change no byte" {
	acts a.mi -v PAIRS=40
	for m in logistic mass-mean pca-diff; do
		mi-probe fit $SIDES -j 1 --method $m --draws 2 a.mi -o s.mi
		mi-probe fit $SIDES -j 3 --method $m --draws 2 a.mi -o t.mi
		same s.mi t.mi
	done
	run_clean 2 mi-probe fit $SIDES --method shuffled a.mi
	says "is a control"
	run_clean 2 mi-probe fit --by topic a.mi
	says "unknown option '--by'"
}

@test "mi-probe: transfer is a matrix over the domains" {
	acts a.mi -v PAIRS=90
	run_clean 0 mi-probe transfer --by topic $SIDES --method mass-mean --draws 2 --at resid_post:2 a.mi -o s.mi
	[ "$(mi-view s.mi | jq -r 'select(.metric == "auroc" and .control == null) | "\(.from)-\(.on)"' | xargs)" = \
		"even-even even-odd odd-even odd-odd" ]
	mi-view s.mi | jq -e -s '[.[] | select(.metric == "auroc" and .control == null)] | all(.value > 0.9)' >/dev/null
	run_clean 2 mi-probe transfer $SIDES a.mi
	says "--by names the field"
	run_clean 3 mi-probe transfer --by nothing $SIDES a.mi -o t.mi
	says "there is no field 'nothing'"
	nothing_left t.mi
	acts b.mi -v PAIRS=20
	run_clean 3 mi-probe transfer --by topic $SIDES b.mi -o t.mi
	says "test groups: an interval needs at least 8"
}

# ---- runs --------------------------------------------------------------------------------

runs() {
	local file=$1
	shift
	awk -f "$BATS_TEST_DIRNAME/lib/runs.awk" "$@" </dev/null | mi-view --encode -o "$file"
}

@test "mi-probe: rates are shares of all texts, by field, with intervals" {
	runs a.mi
	run_clean 0 mi-probe rate --by side --of card=X1 a.mi -o r.mi
	mi-view --check r.mi
	[ "$(mi-view r.mi | jq -r 'select(.metric) | "\(.side) \(.card) \(.groups) \(.metric) \(.value)"' | xargs -n 5)" = \
		"honest X1 20 rate_target 0.9
honest X1 20 rate_foil 0
honest X1 20 rate_unjudged 0.1
untruthful X1 20 rate_target 0.2
untruthful X1 20 rate_foil 0.8
untruthful X1 20 rate_unjudged 0" ]
	# no interval without width, though all 20 groups agree: 1 - 0.025^(1/20)
	mi-view r.mi | jq -e -s '[.[] | select(.metric)] | all(.lo < .hi) and
		(.[1].hi > 0.168433 and .[1].hi < 0.168434 and .[1].lo == 0)' >/dev/null
	# all together, and a field that is a number
	[ "$(mi-probe rate a.mi | mi-view | jq 'select(.metric == "rate_foil").value')" = 0.4 ]
	[ "$(mi-probe rate --by side,label a.mi | mi-view | jq -c 'select(.metric == "rate_foil") | [.side, .label]' | xargs)" = \
		"[honest,1] [untruthful,0]" ]
	# several runs are one
	runs b.mi -v FIRST=20
	[ "$(mi-probe rate a.mi b.mi | mi-view | jq -c 'select(.metric == "rate_foil") | [.n, .groups]')" = "[80,40]" ]
	run_clean 3 mi-probe rate a.mi a.mi -o r2.mi
	says "was read already"
}

@test "mi-probe: repetition is the share of 4-grams that stood before" {
	run_clean 0 mi-run -q -m "$BATS_TEST_DIRNAME/../../fixtures/tiny/llama-f32.gguf" -n 60 \
		-p "the city of" -o long.mi
	run_clean 0 mi-probe rate --bootstrap 0 --metric repetition,entropy long.mi -o r.mi
	mi-view --check r.mi
	want=$(mi-view long.mi | jq -s '[.[] | select(.kind == "prompt")] as $p | [.[] | select(.kind == "run")] |
		[range(length) as $i | .[$i].tokens[$p[$i].n_prompt:] | [range(length - 3) as $k | .[$k:$k + 4]] |
			map(tostring) | 1 - (unique | length) / length] | add / length')
	[ "$(values r.mi '.metric == "repetition"' | xargs printf %.12f)" = "$(printf %.12f "$want")" ]
	awk "BEGIN { exit !($want > 0 && $want < 1) }" # the text does repeat, not wholly
	[ "$(mi-view r.mi | jq -r 'select(.metric) | "\(.metric) \(.position)"' | xargs)" = "repetition gen entropy_mean gen" ]
	# fewer than four tokens repeat nothing
	runs a.mi
	[ "$(mi-probe rate --metric repetition a.mi | mi-view | jq 'select(.metric).value')" = 0 ]
	run_clean 2 mi-probe rate --metric repetition,repetition a.mi
	says "'repetition' stands there twice"
	run_clean 2 mi-probe diff --metric repetition,entropy a.mi a.mi
}

@test "mi-probe: a difference is paired by prompt, with both means beside it" {
	runs a.mi -v LOSS=1
	runs b.mi -v LOSS=2 -v SEED=2 -v LIES=3
	run_clean 0 mi-probe diff --metric logp a.mi b.mi -o d.mi
	# the mean over prompts of the mean over two tokens, by hand
	mi-view a.mi | jq -c 'select(.kind == "run") | [.id, (.logp[2] + .logp[3]) / 2]' >a.txt
	mi-view b.mi | jq -c 'select(.kind == "run") | [.id, (.logp[2] + .logp[3]) / 2]' >b.txt
	jq -e -n --slurpfile a a.txt --slurpfile b b.txt --argjson got "$(mi-view d.mi | jq -s -c '[.[] | select(.metric)]')" '
		def near(x): (. - x) * (. - x) < 1e-24;
		($a | map(.[1]) | add / length) as $ma | ($b | map(.[1]) | add / length) as $mb |
		($got | map(.metric)) == ["logp_diff", "logp_mean", "logp_mean"] and
		($got[0].value | near($ma - $mb)) and ($got[1].value | near($ma)) and ($got[2].value | near($mb)) and
		($got | map(.run)) == [null, "a", "b"] and $got[0].position == "gen" and $got[0].n == 40 and
		$got[0].lo < $got[0].value and $got[0].hi > $got[0].value' >/dev/null
	[ "$(mi-probe diff --metric judged_foil a.mi b.mi | mi-view | jq -c 'select(.metric) | [.metric, .value]' | xargs)" = \
		"[rate_foil_diff,0.25] [rate_foil,0.4] [rate_foil,0.15]" ]
	[ "$(mi-probe diff --metric logp --pos gen:0:1 --by side a.mi b.mi | mi-view | jq -r 'select(.run == "a").side' | xargs)" = \
		"honest untruthful" ]
	[ "$(mi-probe diff --metric entropy --pos all a.mi a.mi | mi-view | jq 'select(.metric == "entropy_diff") | .value == 0 and .lo == 0 and .hi == 0')" = true ]
	[ "$(mi-probe diff --metric logp_margin a.mi a.mi | mi-view | jq 'select(.metric == "logp_margin_diff").value == 0')" = true ]
}

@test "mi-probe: runs that do not compare are refused" {
	runs a.mi
	runs c.mi -v TOKEN=5
	run_clean 3 mi-probe diff --metric logp a.mi c.mi -o d.mi
	says "different tokens at the positions"
	run_clean 0 mi-probe diff --metric logp --pos gen:0:1 a.mi c.mi -o d.mi
	runs few.mi -v GROUPS=19
	run_clean 3 mi-probe diff --metric judged_foil a.mi few.mi -o d.mi
	says "'19-honest' is in the first run only"
	run_clean 3 mi-probe diff --metric judged_foil few.mi a.mi -o d.mi
	says "is in the second run only"
	runs tiny.mi -v GROUPS=7
	run_clean 3 mi-probe rate tiny.mi -o r.mi
	says "7 groups: an interval needs at least 8"
	[ "$(mi-probe rate --bootstrap 0 tiny.mi | mi-view | jq -c 'select(.metric) | .lo' | sort -u)" = null ]
	mi-view a.mi | jq -c 'del(.judged, .digest)' | mi-view --encode -o plain.mi
	run_clean 3 mi-probe rate plain.mi -o r.mi
	says "not judged (mi-run --judge)"
	run_clean 3 mi-probe diff --metric logp --pos 9 a.mi a.mi -o d.mi
	says "prompt '0-honest'"
	run_clean 3 mi-probe rate --by topic a.mi -o r.mi
	says "no field 'topic'"
	run_clean 2 mi-probe diff --metric logpp a.mi a.mi
	says "is 'logp' meant?"
	run_clean 2 mi-probe diff --metric judged_foil --pos gen a.mi a.mi
	run_clean 2 mi-probe diff --metric logp a.mi
	run_clean 2 mi-probe rate --by side, a.mi
	run_clean 2 mi-probe rate --by metric a.mi
	run_clean 2 mi-probe rate --of value=3 a.mi
	acts acts.mi
	run_clean 3 mi-probe rate acts.mi -o r.mi
	says "holds 'act' records, not runs"
}

# ---- sweeps --------------------------------------------------------------------------------

# sweep FILE: ten pairs with four parts of these effects (and noise that adds up to nothing).
sweep() {
	local file=$1
	shift
	jq -n -c --argjson e "[$*]" '
		{kind: "header", format: "mi-stream", version: [1, 0], content: "effect", model: null, tokenizer: null,
		 template: null, sites: [], dtype: null, shard: null, provenance: []},
		(range(10) as $p | ({kind: "prompt", id: "p\($p)", tokens: [1], pieces: ["a"], offsets: null, n_prompt: 1,
		  spans: [], roles: [], fields: {pair: $p}}),
		 (range($e | length) as $l | {kind: "effect", id: "p\($p)", n: 1, site: "mlp_out", layer: $l, head: null,
		  position: null, offset: null, to: null, variant: null, method: "patch", metric: "logit_diff", at: null,
		  direction: null, base: 1, source: 3, patched: (1 + $e[$l] + (if $p % 2 == 0 then 0.01 else -0.01 end)),
		  effect: 0, lo: null, hi: null, difference: ($e[$l] + (if $p % 2 == 0 then 0.01 else -0.01 end)),
		  difference_lo: null, difference_hi: null, refused: null})),
		{kind: "effect", id: null, n: 10, site: "mlp_out", layer: 9, head: null, position: null, offset: null, to: null,
		 variant: null, method: "patch", metric: "logit_diff", at: null, direction: null, base: 1, source: 3,
		 patched: 99, effect: 49, lo: null, hi: null, difference: 98, difference_lo: null, difference_hi: null,
		 refused: null},
		{kind: "end"}' | mi-view --encode -o "$file"
}

@test "mi-probe: the spread of planted effects" {
	sweep s.mi 1, -1, 1, 1
	run_clean 0 mi-probe spread s.mi -o r.mi
	mi-view --check r.mi
	# four parts that share alike; aggregates are left out
	mi-view r.mi | jq -e -s '[.[] | select(.metric)] | (map(.metric) == ["participation_ratio", "components_50",
		"components_80", "components_90"]) and (.[0].value > 3.9999 and .[0].value <= 4 and .[0].lo <= .[0].value) and
		(map(.value)[1:] == [2, 4, 4]) and all(.n == 4 and .groups == 10 and .pairs == 10 and .site == "mlp_out" and
		.over == "layer" and .subject == "logit_diff" and .lo <= .value and .value <= .hi)' >/dev/null
	sweep one.mi 0, 3, 0, 0
	mi-probe spread one.mi | mi-view | jq -e -s '[.[] | select(.metric)] | all(.value > 0.9999 and .value < 1.0001)' >/dev/null
}

@test "mi-probe: the spread of the hand-set circuit is what its description says" {
	local i letters=abcdefghijklmno
	for i in 0 1 2 3 4 5 6 7 8 9; do
		local p=${letters:i:1} x=${letters:i+1:1} q=${letters:i+2:1} y=${letters:i+3:1}
		printf '{"id": "b%s", "pair": %s, "side": "base", "text": "%s", "target": "%s", "foil": "%s"}\n' \
			"$i" "$i" "$p$x$q$y$p" "$x" "$y"
		printf '{"id": "s%s", "pair": %s, "side": "source", "text": "%s"}\n' "$i" "$i" "$q$x$p$y$p"
	done >pairs.jsonl
	mi-patch -m "$FIXTURES/compiled/induction.gguf" --at 'z:*.*' --pos all --metric logit_diff pairs.jsonl -o sweep.mi
	run_clean 0 mi-probe spread sweep.mi -o r.mi
	# the induction head carries all, the previous-token head half at each of two positions:
	# (1 + 1/2 + 1/2)^2 / (1 + 1/4 + 1/4)
	mi-view r.mi | jq -e -s '[.[] | select(.metric) | .value] | (.[0] > 2.6666 and .[0] < 2.6667) and .[1:] == [1, 3, 3]' >/dev/null
	[ "$(mi-view r.mi | jq -r 'select(.metric) | .over' | sort -u)" = "layer, head, position" ]
	run_clean 3 mi-probe spread pairs.jsonl -o x.mi
	acts a.mi
	run_clean 3 mi-probe spread a.mi -o x.mi
	says "no effects of single pairs"
}

# ---- units -----------------------------------------------------------------------------------

@test "mi-probe: units that go with the side, beside what chance finds" {
	acts a.mi
	run_clean 0 mi-probe units $SIDES -k 4 a.mi -o u.mi
	mi-view --check u.mi
	# the first of them by hand: rows of its place, one column
	mi-view u.mi | jq -c 'select(.rank == 1)' >first
	mi-view a.mi | jq -r --slurpfile u first 'select(.kind == "act" and .layer == $u[0].layer) |
		(if .id | endswith("-honest") then 1 else -1 end) as $s | .x.data as $x |
		range(2) | "\($s) \($x[8 * . + $u[0].unit])"' |
		awk '{ n++; a += $1; b += $2; aa += $1 * $1; bb += $2 * $2; ab += $1 * $2 }
			END { printf "%.6f", (ab - a * b / n) / sqrt((aa - a * a / n) * (bb - b * b / n)) }' >want
	[ "$(cat want)" = "$(printf %.6f "$(jq .value first)")" ]
	mi-view u.mi | jq -e -s '[.[] | select(.metric == "correlation")] | (map(.rank) == [1, 2, 3, 4]) and
		all(.lo <= .value and .value <= .hi and .n == 96)' >/dev/null
	mi-view u.mi | jq -e -s '[.[] | select(.metric == "correlation_max")] | .[0].value > .[1].hi and
		.[1].control == "permuted" and .[1].n == 20 and .[0].units == 24' >/dev/null
	# threads change no byte
	mi-probe units $SIDES -k 4 -j 1 a.mi -o v.mi
	same u.mi v.mi
	# without a difference the largest is one that chance finds, too
	acts null.mi -v LIFT=0 -v SEED=5
	mi-probe units $SIDES --permuted 100 null.mi -o n.mi
	mi-view n.mi | jq -e -s '[.[] | select(.metric == "correlation_max")] | .[0].value < .[1].hi' >/dev/null
	run_clean 3 mi-probe units --sides honest,nobody a.mi -o x.mi
}

# ---- verdicts ----------------------------------------------------------------------------------

# verdict OPTION...: the word alone.
verdict() {
	mi-probe verdict --claim c "$@" | mi-view | jq -r 'select(.kind == "verdict").verdict'
}

@test "mi-probe: verdicts flip with what is planted" {
	runs a.mi
	mi-probe rate --by side a.mi -o r.mi # of the untruthful 0.8, in about [0.6, 0.95]
	local on=(--metric rate_foil --of side=untruthful r.mi)
	[ "$(verdict --above 0.5 "${on[@]}")" = supported ]
	[ "$(verdict --above 0.99 "${on[@]}")" = refuted ]
	[ "$(verdict --above 0.8 "${on[@]}")" = undetermined ]
	[ "$(verdict --below 0.99 "${on[@]}")" = supported ]
	[ "$(verdict --below 0.5 "${on[@]}")" = refuted ]
	[ "$(verdict --between 0.5,0.99 "${on[@]}")" = supported ]
	[ "$(verdict --between 0.1,0.5 "${on[@]}")" = refuted ]
	[ "$(verdict --between 0.7,0.99 "${on[@]}")" = undetermined ]
	runs b.mi -v LIES=1
	mi-probe rate --by side b.mi -o r.mi
	[ "$(verdict --above 0.5 "${on[@]}")" = refuted ]
	runs b.mi -v LIES=5
	mi-probe rate --by side b.mi -o r.mi
	[ "$(verdict --above 0.5 "${on[@]}")" = undetermined ]
}

@test "mi-probe: a verdict's record holds what it rests on; a shut gate leaves all open" {
	runs a.mi
	mi-probe rate --by side a.mi -o r.mi
	run_clean 0 mi-probe verdict --claim lies --metric rate_foil --of side=untruthful --above 0.5 \
		--refuted-by 'less than half of the answers false' r.mi -o lies.mi
	mi-view --check lies.mi
	[ "$(mi-view lies.mi | jq -c 'select(.claim) | del(.lo, .hi)')" = '{"kind":"verdict","claim":"lies","verdict":"supported","value":0.8,"margin":0.5,"rule":"above","gate":null,"metric":"rate_foil","of":{"side":"untruthful","groups":20},"n":20,"why":null,"refuted_by":"less than half of the answers false"}' ]
	mi-probe verdict --claim never --metric rate_foil --of side=untruthful --below 0.5 r.mi -o never.mi
	[ "$(verdict --metric rate_foil --of side=honest --below 0.5 --gate lies.mi r.mi)" = supported ]
	mi-probe verdict --claim c --metric rate_foil --of side=honest --below 0.5 --gate lies.mi --gate never.mi r.mi -o g.mi
	[ "$(mi-view g.mi | jq -c 'select(.claim) | [.verdict, .gate, .why, .refuted_by]')" = \
		'["undetermined",{"claim":"never","verdict":"refuted"},"the gate is not supported","an interval of rate_foil wholly above 0.5"]' ]
	# a gate that was shut itself shuts the next one
	[ "$(verdict --metric rate_foil --of side=honest --below 0.5 --gate g.mi r.mi)" = undetermined ]
	# the digests of gate and scores are among the inputs
	[ "$(mi-view g.mi | jq -r 'select(.kind == "end").inputs[].name' | sort | uniq -c | xargs)" = "1 run 1 score 2 verdict" ]
}

@test "mi-probe: a verdict beside a control, and of a figure without sampling error" {
	prepare --method mean-diff
	mi-probe eval -d d.mi test.mi -o s.mi
	local at='--metric auroc --above 0.5 --control permuted s.mi'
	[ "$(verdict --of layer=2 $at)" = supported ]
	[ "$(verdict --of layer=0 $at)" != supported ]
	mi-probe verdict --claim c --of layer=2 $at -o v.mi
	[ "$(mi-view v.mi | jq 'select(.claim).margin')" = "$(mi-view s.mi | jq 'select(.control == "permuted" and .layer == 2 and .metric == "auroc").hi')" ]
	mi-probe units $SIDES test.mi -o u.mi
	run_clean 3 mi-probe verdict --claim c --metric correlation_max --above 0.1 u.mi -o v.mi
	says "has no interval"
	[ "$(verdict --metric correlation_max --above 0.1 --control permuted --exact u.mi)" = supported ]
}

@test "mi-probe: a claim that picks no score, or several, is refused" {
	runs a.mi
	mi-probe rate --by side a.mi -o r.mi
	run_clean 3 mi-probe verdict --claim c --metric rate_foil --above 0 r.mi -o v.mi
	says "2 scores 'rate_foil' fit; --of chooses one"
	run_clean 3 mi-probe verdict --claim c --metric rate_foil --of side=nobody --above 0 r.mi -o v.mi
	says "no score 'rate_foil' fits --of"
	run_clean 2 mi-probe verdict --claim c --metric rate_fool --above 0 r.mi
	says "is 'rate_foil' meant?"
	run_clean 2 mi-probe verdict --claim c --metric rate_foil --above 0 --below 1 r.mi
	run_clean 2 mi-probe verdict --claim c --metric rate_foil r.mi
	run_clean 2 mi-probe verdict --metric rate_foil --above 0 r.mi
	run_clean 2 mi-probe verdict --claim c --metric rate_foil --between 1,0 r.mi
	run_clean 2 mi-probe verdict --claim c --metric rate_foil --between 0,1 --control random r.mi
	run_clean 2 mi-probe verdict --claim c --metric rate_foil --of side --above 0 r.mi
	run_clean 3 mi-probe verdict --claim c --metric rate_foil --of side=honest --above 0 --gate r.mi r.mi -o v.mi
	says "no verdict in it"
	run_clean 3 mi-probe verdict --claim c --metric rate_foil --above 0 a.mi -o v.mi
	says "holds 'run' records, not scores"
}

# ---- effects -----------------------------------------------------------------------------------

# sweeps: along.mi and across.mi of directions at resid_post:1, dose.mi of edits, of ten pairs.
sweeps() {
	local i m=$FIXTURES/tiny/llama-f32.gguf
	for i in 0 1 2 3 4 5 6 7 8 9; do
		printf '{"id": "b%s", "pair": %s, "side": "base", "text": "the city of %s is", "target": " in", "foil": " of"}\n' \
			$i $i "$i$i"
		printf '{"id": "s%s", "pair": %s, "side": "source", "text": "that is %s not", "target": " in", "foil": " of"}\n' $i $i "$i"
	done >ten.jsonl
	mi-capture -m "$m" --at resid_post:1 --pos last ten.jsonl -o t.mi
	mi-direction fit --sides base,source --method mean-diff,random,shuffled --draws 4 t.mi -o td.mi
	for way in along across; do
		mi-patch -m "$m" --$way td.mi --pos last --metric logit_diff,logp --aggregate ten.jsonl -o $way.mi
	done
	mi-direction select --method random --draw 0 td.mi -o r0.mi
	mi-direction select --method random --draw 1 td.mi -o r1.mi
	mi-direction select --method mean-diff td.mi -o d0.mi
	mi-patch -m "$m" --variant '3=add resid_post:1 d0.mi * 3' --variant 'random 0: 3=add resid_post:1 r0.mi * 3' \
		--variant 'random 1: 3=add resid_post:1 r1.mi * 3' --metric logit_diff,kl --aggregate <(grep base ten.jsonl) -o dose.mi
}

@test "mi-probe: effects of a sweep as scores, draws of a control as one" {
	need jq
	sweeps
	run_clean 0 mi-probe effects --of card=E4 along.mi -o s.mi
	mi-view s.mi | grep '"kind":"score"' >s
	mi-view along.mi | grep '"id":null' >e
	[ "$(jq -r '[.subspace, .control // "-", .metric, .n] | join(" ")' s | sort | uniq -c | xargs)" = \
		"2 mean-diff - effect 10 1 mean-diff - logit_diff_diff 10 1 mean-diff - target_logp_diff 10 2 random random effect 4 1 random random logit_diff_diff 4 1 random random target_logp_diff 4 2 shuffled shuffled effect 4 1 shuffled shuffled logit_diff_diff 4 1 shuffled shuffled target_logp_diff 4" ]
	# the very numbers, and of a control mean, least and largest
	jq -s '[.[] | select(.subspace == "mean-diff") | [.metric, .effect, .lo, .hi], [.metric, .difference, .difference_lo, .difference_hi]] | sort' e >want
	jq -s '[.[] | select(.subspace == "mean-diff") | [.subject, .value, .lo, .hi]] | sort' s >got
	same want got
	jq -s 'map(select(.subspace == "random")) | group_by(.metric) | map(map(.effect) | [add / length, min, max])' e >want
	jq -s 'map(select(.subspace == "random" and .metric == "effect")) | sort_by(.subject) | map([.value, .lo, .hi])' s >got
	jq -s -e '(.[0] | flatten) as $a | (.[1] | flatten) as $b | all(range(6); ($a[.] - $b[.] | fabs) < 1e-12)' want got
	jq -s -e 'all(.[]; .card == "E4" and .site == "resid_post" and .layer == 1 and .method == "along" and .groups == 10 and .offset == -1)' s
	[ "$(verdict --metric effect --of subject=logit_diff --of subspace=mean-diff --control random --above 0.5 s.mi)" = supported ]
	[ "$(verdict --metric effect --of subject=logit_diff --of control=random --above 0.9 s.mi)" = refuted ]
}

@test "mi-probe: completeness is what the complement leaves undone" {
	need jq
	sweeps
	mi-probe effects --complement across.mi | mi-view - | jq -s -c 'map(select(.metric == "completeness" and .subspace == "mean-diff") | [.subject, .value, .lo, .hi])' >got
	mi-view across.mi | grep '"id":null' | jq -s -c 'map(select(.subspace == "mean-diff") | [.metric, 1 - .effect, 1 - .hi, 1 - .lo])' >want
	same want got
}

@test "mi-probe: variants of a name are the draws of a control" {
	need jq
	sweeps
	mi-probe effects --control 'random=random *' dose.mi -o s.mi
	[ "$(mi-view s.mi | jq -c 'select(.kind == "score") | [.variant, .control, .metric, .n]' | xargs)" = \
		'[3,null,logit_diff_diff,10] [3,null,kl_diff,10] [random *,random,logit_diff_diff,2] [random *,random,kl_diff,2]' ]
	mi-view dose.mi | jq -s 'map(select(.id == null and .metric == "kl" and (.variant // "" | startswith("random"))).difference) | [add / 2, min, max]' >want
	mi-view s.mi | jq 'select(.control == "random" and .metric == "kl_diff") | [.value, .lo, .hi]' >got
	jq -s -e '.[0] as $a | .[1] as $b | all(range(3); ($a[.] - $b[.] | fabs) < 1e-12)' want got
	mi-probe verdict --claim c --metric kl_diff --of variant=3 --control random --above 0 s.mi -o v.mi
	[ "$(mi-view v.mi | jq 'select(.claim) | .margin')" = "$(mi-view s.mi |
		jq 'select(.control == "random" and .metric == "kl_diff").hi')" ]
	run_clean 3 mi-probe effects --control 'random=rnd *' dose.mi -o x.mi
	says "no variant is called 'rnd *'"
	run_clean 2 mi-probe effects --control random dose.mi -o x.mi
	says "NAME=PATTERN"
	nothing_left x.mi
}

@test "mi-probe: an effect that was refused is a score without value, and a verdict left open" {
	need jq
	sweeps
	# every second pair the other way round: nothing to share out
	awk 'NR % 4 == 3 { sub("base", "source") } NR % 4 == 0 { sub("source", "base") } 1' \
		ten.jsonl >mixed.jsonl
	mi-patch -m "$FIXTURES/tiny/llama-f32.gguf" --at resid_post:1 --pos last --metric logit_diff --aggregate mixed.jsonl |
		mi-probe effects -o s.mi
	[ "$(mi-view s.mi | jq -c 'select(.metric == "effect") | [.value, .lo, .hi, .reason]')" = \
		'[null,null,null,"the interval of source - base contains 0"]' ]
	mi-probe verdict --claim c --metric effect --above 0.5 s.mi -o v.mi
	[ "$(mi-view v.mi | jq -r 'select(.claim) | .verdict, .why' | xargs)" = "undetermined the interval of source - base contains 0" ]
	# effects of single pairs are none of all
	mi-patch -m "$FIXTURES/tiny/llama-f32.gguf" --at resid_post:1 --pos last --metric logit_diff ten.jsonl -o one.mi
	run_clean 3 mi-probe effects one.mi -o x.mi
	says "--aggregate"
	run_clean 3 mi-probe effects t.mi -o x.mi
	run_clean 2 mi-probe effects --bootstrap 5 along.mi -o x.mi
	nothing_left x.mi
}
