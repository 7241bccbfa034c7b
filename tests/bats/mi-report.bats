# mi-report: tables and charts in a terminal.
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

scores() {
	acts fit.mi -v PAIRS=30
	acts test.mi -v PAIRS=30 -v FIRST=100 -v SEED=2
	mi-direction fit $SIDES --method mean-diff,shuffled --draws 3 fit.mi -o d.mi
	mi-probe eval -d d.mi test.mi -o s.mi
}

# is_plain TEXT: nothing but printable ASCII and line ends.
is_plain() {
	[ "$(LC_ALL=C grep -c '[^ -~]' <<<"$1")" = 0 ]
}

# run_stream FILE TEXT: two run records, the first with this text (a JSON string).
run_stream() {
	jq -n -c --argjson text "$2" '
		{kind: "header", format: "mi-stream", version: [1, 0], content: "run", model: null,
		 tokenizer: null, template: null, sites: [], dtype: null, shard: null, provenance: []},
		({id: "a", t: $text}, {id: "b", t: "second"} |
		 {kind: "prompt", id, tokens: [1], pieces: ["Say it"], offsets: null, n_prompt: 1, spans: [],
		  roles: [], fields: {}},
		 {kind: "run", id, tokens: [1, 2], logp: [null, -1.5], text: .t, top: null,
		  target_logp: null, foil_logp: null}),
		{kind: "end"}' | mi-view --encode -o "$1"
}

@test "mi-report: scores are a table with intervals and controls, and a chart" {
	scores
	run_clean 0 mi-report s.mi
	[[ ${lines[0]} == "resid_post, mean-diff, span:statement: 30 groups" ]]
	[[ ${lines[2]} == "layer "*accuracy*pair_accuracy*auroc*random*shuffled ]]
	grep -qE '^ +2 +[01]\.[0-9]{3} \[[01]\.[0-9]{2} 1\.00\]' <<<"$output"
	[[ $output == *"auroc by layer"* ]]
	[[ $output == *"| highest control"* ]]
	# plain ASCII, and no line beyond the page
	is_plain "$output"
	[ "$(awk '{ if (length > m) m = length } END { print m }' <<<"$output")" -le 80 ]
}

@test "mi-report: standard input equals the file" {
	scores
	mi-report s.mi >a
	mi-probe eval -d d.mi test.mi | mi-report - >b
	same a b
	mi-report <s.mi >c
	same a c
}

@test "mi-report: blocks where the locale has them" {
	locale -a | grep -qix 'C.utf-\?8' || skip "no UTF-8 locale here"
	scores
	LC_ALL=C.UTF-8 mi-report s.mi >out
	grep -q '█' out
	LC_ALL=C.UTF-8 mi-report --ascii s.mi >out
	run ! grep -q '█' out
}

@test "mi-report: tab-separated values hold every figure exactly" {
	scores
	run_clean 0 mi-report --format tsv s.mi
	[[ ${lines[0]} == $'site\tlayer\thead\tposition\tmethod\tgroups\tmetric\tvalue\tlo\thi\tn\tcontrol\tseed' ]]
	[ "$(mi-view s.mi | jq -c 'select(.metric) | .value' | head -n 4 | xargs)" = \
		"$(cut -f 8 <<<"$output" | sed -n 2,5p | xargs)" ]
	[ "${#lines[@]}" -eq "$(($(mi-view s.mi | grep -c '"kind":"score"') + 1))" ]
}

@test "mi-report: directions, activations and comparisons are tables" {
	scores
	run_clean 0 mi-report d.mi
	[[ $output == *"mean-diff"*"and 9 directions of controls"* ]]
	run_clean 0 mi-report fit.mi
	[[ $output == *"f32[2,8]"* ]]
	mi-direction fit $SIDES --method mean-diff,pca-diff fit.mi | mi-direction compare - -o c.mi
	run_clean 0 mi-report c.mi
	[[ ${lines[0]} == "cosine: <u, v> / (|u| |v|)" ]]
}

@test "mi-report: a transfer is a matrix" {
	acts a.mi -v PAIRS=90
	mi-probe transfer --by topic $SIDES --method mean-diff --draws 2 --at resid_post:2 a.mi -o s.mi
	run_clean 0 mi-report s.mi
	[[ ${lines[0]} == "resid_post:2, auroc on test groups: mean-diff" ]]
	grep -qE '^fitted on +even +odd$' <<<"$output"
	grep -qE '^odd +[01]\.[0-9]{3} \[.*\] +[01]\.[0-9]{3} \[' <<<"$output"
	run_clean 0 mi-report --metric accuracy s.mi
	[[ ${lines[0]} == *", accuracy on test groups"* ]]
}

@test "mi-report: what writes a direction is bars, unembedded directions are tokens" {
	score() {
		jq -n -c '{kind: "header", format: "mi-stream", version: [1, 0], content: "score", model: null,
			tokenizer: null, template: null, sites: [], dtype: null, shard: null, provenance: []}'
		jq -c '{kind: "score", lo: null, hi: null, n: 1, control: null, seed: 1} + .'
		echo '{"kind": "end"}'
	}
	score >at.json <<-'END'
		{"site": "z", "layer": 1, "head": 2, "method": "m", "to_site": "resid_post", "to_layer": 1, "metric": "contribution_diff", "value": -4}
		{"site": "embed", "method": "m", "to_site": "resid_post", "to_layer": 1, "metric": "contribution_diff", "value": 2}
		{"site": "resid_post", "layer": 1, "method": "m", "to_site": "resid_post", "to_layer": 1, "metric": "participation_ratio", "value": 1.8}
	END
	mi-view --encode at.json -o at.mi
	run_clean 0 mi-report at.mi
	[[ ${lines[0]} == "what writes resid_post:1, m: 2 parts, as spread as 1.8 equal ones"* ]]
	[[ ${lines[3]} == *"z:1.2 -4.000 "*"########"* ]]
	[[ ${lines[4]} == *"embed  2.000 "*"####"* ]]
	score >un.json <<-'END'
		{"site": "resid_post", "layer": 1, "head": null, "method": "m", "vector": 0, "side": "+", "folded": true, "metric": "entropy_z", "value": -2.5}
		{"site": "resid_post", "layer": 1, "head": null, "method": "m", "vector": 0, "side": "+", "folded": true, "top": [[5, " a\n", 3.5], [6, "\u001b[1m", 3]], "metric": "entropy", "value": 1.25}
	END
	mi-view --encode un.json -o un.mi
	run_clean 0 mi-report un.mi
	[[ ${lines[3]} == "resid_post      1  m       +      1.250  -2.50   a\\n|\\x1b[1m" ]]
}

@test "mi-report: texts of several runs stand side by side" {
	run_stream a.mi '"The capital of France is Paris, and it has been so for a long time indeed, they say."'
	run_stream b.mi '"It is Rome."'
	run_clean 0 mi-report a.mi b.mi
	[[ $output == *"A, a: no edits"*"B, b: no edits"* ]]
	[[ $output == *"A: The capital"*"| B: It is Rome."* ]]
	[[ $output == *"[b]"*"A: second"* ]]
	run_clean 0 mi-report -n 1 a.mi
	[[ $output == *"(1 of 2 texts)"* ]]
	[[ $output != *second* ]]
}

@test "mi-report: hostile text reaches no terminal" {
	run_stream a.mi '"\u001b[31mred\u001b[0m \u202eback\u0007 <script>x</script>\r\nnext\u009b1m"'
	run_clean 0 mi-report a.mi
	is_plain "$output"
	[[ $output == *'\x1b[31mred'* ]]
	run_clean 0 mi-report --format tsv a.mi
	is_plain "${output//$'\t'/}"
	[ "${#lines[@]}" -eq 3 ]
}

@test "mi-report: streams that do not go together, and empty ones, are refused" {
	scores
	run_stream a.mi '"x"'
	run_clean 3 mi-report --format tsv a.mi s.mi
	says "do not go into one"
	jq -n -c '{kind: "header", format: "mi-stream", version: [1, 0], content: "score", model: null,
		tokenizer: null, template: null, sites: [], dtype: null, shard: null, provenance: []},
		{kind: "end"}' | mi-view --encode -o empty.mi
	run_clean 1 mi-report empty.mi
	says "no records to show"
	head -c 700 s.mi >cut.mi
	run_clean 3 mi-report cut.mi -o out.txt
	nothing_left out.txt
	run_clean 2 mi-report --metric aurok s.mi
	says "is 'auroc' meant?"
	run_clean 2 mi-report --width 20 s.mi
	run_clean 4 mi-report absent.mi
}

@test "mi-report: -o writes whole files, a full device is an error" {
	scores
	run_clean 0 mi-report s.mi -o out.txt
	[ -s out.txt ]
	full=$(full_device) || skip "no always-full device here"
	run_clean 4 bash -c "mi-report s.mi >$full"
}

# score RECORD...: a stream of these score records (JSON, without the common keys).
score_stream() {
	local file=$1
	shift
	(jq -n -c '{kind: "header", format: "mi-stream", version: [1, 0], content: "score", model: null, tokenizer: null, template: null,
		sites: [], dtype: null, shard: null, provenance: []}'
	jq -n -c "$1 | {kind: \"score\"} + . + {n: 9, control: null, seed: 1}"
	echo '{"kind": "end"}') | mi-view --encode -o "$file"
}

@test "mi-report: an interval stands beside its figure; streams of one section share their tables" {
	score_stream a.mi '{edit: "steer", metric: "rate_foil", value: 0.25, lo: 0.125, hi: 0.5}'
	score_stream b.mi '{edit: "none", metric: "rate_foil", value: 0.75, lo: 0.5, hi: 1}'
	run_clean 0 mi-report Said=a.mi Said=b.mi
	[ "$(grep -c 'rate_foil: share of texts' <<<"$output")" = 1 ]
	[[ $output == *"steer  0.25 [0.125, 0.5]"* && $output == *"none       0.75 [0.5, 1]"* ]]
	# as tab-separated values every number stays a column of its own
	run_clean 0 mi-report --format tsv a.mi
	[[ ${lines[0]} == *$'value\tlo\thi'* && ${lines[1]} == *$'0.25\t0.125\t0.5'* ]]
}

@test "mi-report: the spread of sweeps is a line a set of parts" {
	score_stream s.mi '({m: "participation_ratio", v: 2.5}, {m: "components_50", v: 1}, {m: "components_80", v: 2},
		{m: "components_90", v: 4}) | {site: "z", method: "patch", subject: "kl", over: "layer, head", metric: .m, value: .v, lo: .v, hi: (.v + 1)}'
	run_clean 0 mi-report s.mi
	[[ ${lines[0]} == "Over how many parts effects are spread" ]]
	[[ $output == *"z        layer, head  kl      9  2.5 [2.5, 3.5]  1 [1, 2]  2 [2, 3]  4 [4, 5]"* ]]
	[[ $output != *"what writes"* ]]
}

@test "mi-report: variants that are numbers are a curve over them, in their order" {
	(jq -n -c '{kind: "header", format: "mi-stream", version: [1, 0], content: "effect", model: null, tokenizer: null, template: null,
		sites: [], dtype: null, shard: null, provenance: []},
		({d: "2"}, {d: "-0.5"}, {d: "10"}) |
		if .d then {kind: "effect", id: null, n: 9, site: null, layer: null, head: null, position: null, offset: null, to: null,
		 variant: .d, method: "edit", metric: "kl", at: null, direction: null, base: 0, source: null, patched: 1, effect: null,
		 lo: null, hi: null, difference: (.d | tonumber), difference_lo: 0, difference_hi: 2, refused: null} else . end'
	echo '{"kind": "end"}') | mi-view --encode -o d.mi
	run_clean 0 mi-report d.mi
	[ "$(grep -oE '^ *(-0\.5|2|10) ' <<<"$output" | xargs)" = "-0.5 2 10" ]
}

@test "mi-report: several methods at the same places share one chart" {
	acts fit.mi -v PAIRS=30
	acts test.mi -v PAIRS=30 -v FIRST=100 -v SEED=2
	mi-direction fit $SIDES --method mean-diff,pca-diff fit.mi -o d.mi
	mi-probe eval -d d.mi test.mi -o s.mi
	run_clean 0 mi-report s.mi
	[[ ${lines[0]} == "resid_post, span:statement: 2 methods" ]]
	[ "$(grep -c 'auroc by layer' <<<"$output")" = 2 ] # a block of bars each, of one chart
	[ "$(grep -c '^layer ' <<<"$output")" = 2 ]
	mi-report "${PLOTLY[@]}" s.mi -o s.html 2>/dev/null || return 0
	[ "$(grep -c 'class="plot"' s.html)" = 1 ]
}
