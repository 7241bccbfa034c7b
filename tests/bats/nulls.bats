# What the tools say of noise, 500 times: a stream of 500 places without any difference, each place a
# repetition. And of a planted difference.
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

# called FILE FILTER: how many AUROCs of the filter an interval puts above and below one half, their
# number and mean.
called() {
	mi-view "$1" | jq -r "select(.metric == \"auroc\" and .control == null and ($2)) | [.lo, .hi, .value] | @tsv" |
		awk '{ n++; up += $1 > 0.5; down += $2 < 0.5; s += $3 } END { printf "%d %d %d %.3f\n", up, down, n, s / n }'
}

# 2.5 % of 500 are 12.5, three standard deviations 10.5.
is_chance() {
	echo "$1: $2"
	awk '{ exit !($1 <= 24 && $2 <= 24 && $3 == 500 && $4 > 0.49 && $4 < 0.51) }' <<<"$2"
}

@test "nulls: transfer, fit and eval call noise by its name" {
	not_under_asan "takes a minute there"
	acts a.mi -v PAIRS=60 -v LAYERS=500 -v LIFT=0 -v POS=1 -v D=4
	mi-probe transfer --by topic $SIDES --method mean-diff --draws 1 --bootstrap 400 --metric auroc a.mi -o t.mi
	for from in even odd; do
		for on in even odd; do
			is_chance "$from $on" "$(called t.mi ".from == \"$from\" and .on == \"$on\"")"
		done
	done
	mi-probe fit $SIDES --method mean-diff --draws 1 --bootstrap 400 --metric auroc a.mi -o f.mi
	is_chance fit "$(called f.mi true)"
	mi-direction fit $SIDES --part train --method mean-diff,shuffled --draws 1 a.mi -o d.mi
	mi-probe eval -d d.mi --part test --permuted 1 --bootstrap 400 --metric auroc a.mi -o e.mi
	is_chance eval "$(called e.mi true)"
	# what a leak does to the same noise: groups that were fitted on score above chance
	mi-probe eval -d d.mi --part train --allow-leak --permuted 0 --bootstrap 400 --metric auroc a.mi -o l.mi
	echo "leak: $(called l.mi true)"
	awk '{ exit !($1 > 100 && $2 == 0 && $4 > 0.55) }' <<<"$(called l.mi true)"
}

@test "nulls: the same calls find what is planted" {
	acts a.mi -v PAIRS=60 -v LAYERS=4 -v LIFT=4 -v POS=1 -v D=4
	mi-probe transfer --by topic $SIDES --method mean-diff --draws 1 --metric auroc a.mi -o t.mi
	[ "$(called t.mi '.layer == 3' | cut -d ' ' -f 1,2,3)" = "4 0 4" ]
	mi-direction fit $SIDES --part train a.mi -o d.mi
	mi-probe eval -d d.mi --part test --metric auroc a.mi -o e.mi
	[ "$(called e.mi '.layer == 3' | cut -d ' ' -f 1,2,3)" = "1 0 1" ]
}
