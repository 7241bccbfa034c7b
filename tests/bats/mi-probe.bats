# mi-probe: eval.
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
