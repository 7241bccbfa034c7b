# --dry-run of the tools that read streams: what would be computed, and nothing of it.
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

@test "dry-run: mi-direction and mi-probe say what their inputs hold" {
	acts a.mi
	run_clean 0 mi-direction fit $SIDES --method mean-diff,shuffled --draws 4 --dry-run a.mi
	[ "$output" = 'streams      1
prompts      48
groups       24
places       3
rows         288, 9.0 KiB
fits         5 directions at each place, 15 in all' ]
	mi-direction fit $SIDES --method mean-diff,random --draws 4 a.mi -o d.mi
	# the rows that a part takes are those that the fit would hold
	run_clean 0 mi-direction fit $SIDES --part train --dry-run a.mi
	n=$(sed -n 's/^groups *//p' <<<"$output")
	[ "$(mi-direction fit -v $SIDES --part train a.mi -o t.mi 2>&1 | grep -o '[0-9]* groups')" = "$n groups" ]
	run_clean 0 mi-probe eval -d d.mi --permuted 7 --dry-run a.mi
	[[ $output == *$'directions   15, 12 of them controls\ncontrols     0 random, 7 permuted draws for each of 3\nreplicates   1000' ]]
	run_clean 0 mi-probe project -d d.mi --at resid_post:1 --dry-run - <a.mi
	[[ $output == *$'places       1\nrows         96, 3.0 KiB\ndirections   5, 4 of them controls' ]]
	run_clean 0 mi-direction compare --dry-run d.mi d.mi
	[[ $output == *$'streams      2\n'*$'directions   30, 24 of them controls' ]]
	for verb in fit units; do
		run_clean 0 mi-probe $verb $SIDES --dry-run a.mi
		[[ $output == *"rows         288"* ]]
	done
	awk -f "$BATS_TEST_DIRNAME/lib/runs.awk" </dev/null | mi-view --encode -o r.mi
	run_clean 0 mi-probe rate --dry-run r.mi
	[[ $output == *$'prompts      40\nrecords      40 run\n'* ]]
}

@test "dry-run: mi-report says what each stream holds" {
	acts a.mi
	mi-direction fit $SIDES a.mi -o d.mi
	mi-probe eval -d d.mi --allow-leak --permuted 0 --random 0 a.mi -o s.mi
	run_clean 0 mi-report --dry-run Reading=s.mi d.mi
	[ "$output" = 'Reading=s.mi:
streams      1
records      9 score

d.mi:
streams      1
directions   3, 0 of them controls' ]
}

@test "dry-run: inputs are checked as ever, outputs do not go with it" {
	acts a.mi
	for tool in 'mi-direction fit' 'mi-probe units'; do
		run_clean 2 $tool --dry-run a.mi
		says "which side is positive?"
		run_clean 2 $tool $SIDES --dry-run a.mi -o x.mi
		says "--dry-run goes to standard output"
		head -c 3000 a.mi >cut.mi
		run_clean 3 $tool $SIDES --dry-run cut.mi
	done
	run_clean 2 mi-report --dry-run a.mi -o x.html
	run_clean 3 mi-report --dry-run cut.mi
	nothing_left x.mi
	# it stands in no provenance, for it makes no stream
	run_clean 3 mi-probe eval --dry-run -d a.mi cut.mi
}
