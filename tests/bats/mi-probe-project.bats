# mi-probe project: every token's projection on directions, and how mi-report shows it.
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

prepare() {
	acts fit.mi -v PAIRS=30
	acts a.mi -v PAIRS=4 -v FIRST=100 -v SEED=2 -v POS=3
	mi-direction fit $SIDES "$@" fit.mi -o d.mi
}

@test "mi-probe project: the figures are those computed from the records by hand" {
	prepare --method mean-diff
	run_clean 0 mi-probe project -d d.mi a.mi -o p.mi
	mi-view --check p.mi
	[ "$(mi-view p.mi | jq -r 'select(.kind == "score").metric' | sort | uniq -c | xargs)" = "24 projection_signed" ]
	mi-probe project --raw -d d.mi a.mi -o raw.mi
	mi-probe project --scaled -d d.mi a.mi -o scaled.mi
	mi-view d.mi | jq -c 'select(.kind == "dir")' >dirs
	mi-view a.mi | jq -c 'select(.kind == "act")' >acts
	for f in p raw scaled; do mi-view $f.mi | jq -c 'select(.kind == "score")' >$f.json; done
	jq -e -n --slurpfile d dirs --slurpfile a acts --slurpfile p p.json --slurpfile r raw.json --slurpfile s scaled.json '
		def near(x): (. - x) | . < 1e-5 and . > -1e-5; # data are printed as 32 bits hold them
		[range($a | length) as $i | $a[$i] as $x | ($d[] | select(.layer == $x.layer)) as $v | range(3) as $t |
		 ([range(8) | $x.x.data[8 * $t + .] * $v.v.data[.]] | add) as $dot |
		 ($p[$i].id == $x.id and $p[$i].layer == $x.layer and $p[$i].positions == [0, 1, 2] and
		  ($r[$i].values[$t] | near($dot)) and
		  ($p[$i].values[$t] | near($dot - $v.threshold)) and
		  ($s[$i].values[$t] | near(($dot - $v.threshold) / $v.scale)) and
		  ($p[$i].value | near($p[$i].values | add / 3)) and $p[$i].n == 3 and $p[$i].lo == null)] | all' >/dev/null
	# the prompts came along, in front
	[ "$(mi-view p.mi | jq -r 'select(.kind == "prompt").id' | wc -l)" = 8 ]
	[ "$(jq -r .sides p.json | sort -u)" = honest,untruthful ]
	# on the positive side more, where there is something to find
	jq -e -s '[.[] | select(.layer == 2)] | map(select(.id | endswith("honest"))) as $h |
		($h | map(select(.id | endswith("-honest")).value) | add) > 0 and
		([.[] | select(.id | endswith("untruthful")).value] | add) < 0' p.json >/dev/null
}

@test "mi-probe project: the mean over layers, threads, pipes, keys" {
	prepare --method mean-diff,pca-diff,random --draws 2
	run_clean 0 mi-probe project -d d.mi --mean resid_post:1-2 --of card=E1 a.mi -o p.mi
	mi-view p.mi | jq -e -s '[.[] | select(.kind == "score")] |
		all(.card == "E1" and .control == null) and
		([.[] | select(.layers)] | length == 16 and all(.layers == [1, 2] and .layer == null)) and
		([.[] | select(.id == "100-honest" and .method == "pca-diff")] |
			(.[1].values[1] + .[2].values[1]) / 2 - .[3].values[1] | . < 1e-12 and . > -1e-12)' >/dev/null
	mi-probe project -j 1 -d - --mean resid_post:1-2 --of card=E1 a.mi <d.mi -o q.mi
	same p.mi q.mi
	pipeline 'mi-probe project -d d.mi --mean resid_post:1-2 --of card=E1 - <a.mi | mi-view --check -'
	run_clean 0 mi-probe project -d d.mi --controls --at resid_post:1 a.mi -o c.mi
	[ "$(mi-view c.mi | jq -r 'select(.metric) | "\(.method) \(.draw)"' | sort | uniq -c | xargs)" = \
		"8 mean-diff null 8 pca-diff null 8 random 0 8 random 1" ]
	# sides, pairs and labels are not needed: a text alone
	mi-view a.mi | jq -c 'select(.kind != "prompt" and .kind != "act" or .id == "101-honest") | del(.fields.pair, .fields.side) |
		if .kind == "end" then {kind} else . end' | mi-view --encode -o one.mi
	run_clean 0 mi-probe project -d d.mi one.mi -o o.mi
	[ "$(mi-view o.mi | jq -c 'select(.layer == 1 and .method == "mean-diff").values')" = \
		"$(mi-view p.mi | jq -c 'select(.layer == 1 and .method == "mean-diff" and .id == "101-honest").values')" ]
}

@test "mi-probe project: what does not fit is refused in one line" {
	prepare --method mean-diff
	run_clean 2 mi-probe project a.mi
	says "-d names the directions"
	run_clean 2 mi-probe project -d d.mi --raw --scaled a.mi
	run_clean 2 mi-probe project -d d.mi --mean resid_post:9 a.mi -o p.mi
	says "layer 9 of a model that has layers 0 to 2"
	run_clean 3 mi-probe project -d d.mi --at resid_post:1 --mean resid_post:0 a.mi -o p.mi
	says "no direction at the places of --mean"
	acts wide.mi -v D=9
	run_clean 3 mi-probe project -d d.mi wide.mi -o p.mi
	acts other.mi -v MODEL=another
	run_clean 3 mi-probe project -d d.mi other.mi -o p.mi
	run_clean 0 mi-probe project --other-model -d d.mi other.mi -o p.mi
	rm p.mi
	mi-view a.mi | jq -c 'if .kind == "end" then {kind} elif .kind == "act" and .layer == 1 then empty else . end' |
		mi-view --encode -o less.mi
	run_clean 3 mi-probe project -d d.mi less.mi -o p.mi
	says "no activations at resid_post:1, where a direction is"
	mi-view a.mi | jq -c 'if .kind == "end" then {kind} elif .kind == "act" and .layer == 1 and .id == "103-honest" then empty else . end' |
		mi-view --encode -o less.mi
	run_clean 3 mi-probe project -d d.mi --mean resid_post:1-2 less.mi -o p.mi
	says "prompt '103-honest' has activations at 1 of the 2 places of --mean"
	mi-view d.mi | jq -c 'del(.threshold) | if .kind == "end" then {kind} else . end' | mi-view --encode -o bare.mi
	run_clean 3 mi-probe project -d bare.mi --scaled a.mi -o p.mi
	says "has no threshold to count in"
	nothing_left p.mi
	run_clean 0 mi-probe project -d bare.mi a.mi -o p.mi
	[ "$(mi-view p.mi | jq -r 'select(.metric).metric' | sort -u)" = projection ]
	mi-direction fit $SIDES --method random fit.mi -o r.mi
	run_clean 3 mi-probe project -d r.mi a.mi -o x.mi
	says "all directions are controls"
	mi-view d.mi | jq -c 'if .kind == "end" then {kind} elif .kind == "dir" then ., . else . end' |
		mi-view --encode -o twice.mi
	run_clean 3 mi-probe project -d twice.mi --mean resid_post:1 a.mi -o x.mi
	says "two directions 'mean-diff' at resid_post:1: --mean needs one a place"
	nothing_left x.mi
}

@test "mi-report: scans are coloured tokens and maps; lines of tokens as TSV" {
	prepare --method mean-diff
	mi-probe project -d d.mi --mean resid_post:1-2 a.mi -o p.mi
	run_clean 0 mi-report p.mi
	[ "$(LC_ALL=C grep -c '[^ -~]' <<<"$output")" = 0 ]
	[[ ${lines[0]} == "Every token on the direction: mean-diff, resid_post" ]]
	[[ ${output//$'\n'/ } == *"Colours end at "*" % of the figures lie beyond"* ]]
	[[ $output == *"projection_signed: <v, x> - b"* ]]
	[[ $output == *$'[100-honest]\nhonest:\nabc\n'* ]]
	[[ $output == *"resid_post:2 "*"token from 0 a to 2 c"* ]]
	run_clean 0 mi-report -n 1 p.mi
	[[ $output == *"(1 of 8 texts; --texts shows more)"* ]]
	# a line a token and layer, with the mean's; every figure reads back
	run_clean 0 mi-report --format tsv p.mi
	[ "${#lines[@]}" = $((1 + 8 * 4 * 3)) ]
	[ "$(cut -f 8,9 <<<"${lines[1]}")" = $'0\ta' ]
	[ "$(awk -F '\t' 'NR > 1 { s += $11 } END { printf "%.9f", s }' <<<"$output")" = \
		"$(mi-view p.mi | jq -s '[.[] | select(.values) | .values | add] | add' | xargs printf %.9f)" ]
}
