# Wrong use of the tools of the study is refused in one line, before anything is written.
bats_require_minimum_version 1.5.0

setup() {
	load lib/helper
	need jq
	M=$FIXTURES/organism/organism.gguf
	SIDES='--sides honest,untruthful'
}

acts() {
	local file=$1
	shift
	awk -f "$BATS_TEST_DIRNAME/lib/acts.awk" "$@" </dev/null | mi-view --encode -o "$file"
}

runs() {
	local file=$1
	shift
	awk -f "$BATS_TEST_DIRNAME/lib/runs.awk" "$@" </dev/null | mi-view --encode -o "$file"
}

# refused STATUS TEXT COMMAND...: exits so, says so in one line, and leaves no x.mi.
refused() {
	local want=$1 text=$2
	shift 2
	run_clean "$want" "$@" -o x.mi
	says "$text"
	nothing_left x.mi
}

@test "refused: a split that leaks a group" {
	acts a.mi -v PAIRS=40
	mi-direction fit $SIDES --part train a.mi -o d.mi
	refused 3 "groups were fitted on" mi-probe eval -d d.mi a.mi
	refused 3 "groups were fitted on" mi-probe eval -d d.mi --part test --fraction 0.2 a.mi
	refused 3 "groups were fitted on" mi-probe eval -d d.mi --part test --seed 9 a.mi
	# other groups by name, the same pairs: what was fitted on is told by the groups' names
	refused 3 "groups were fitted on" mi-probe eval -d d.mi --group-by pair a.mi
	# members of a pair in two groups would stand in both parts
	mi-view a.mi | jq -c 'if .kind == "prompt" then .fields.group = .id elif .kind == "end" then {kind} else . end' |
		mi-view --encode -o torn.mi
	refused 3 "the members of pair '0' are in two groups" mi-direction fit $SIDES torn.mi
	refused 3 "miss a member in this part of the groups" mi-direction fit $SIDES --part train torn.mi
	refused 3 "the members of pair '0' are in two groups" mi-probe fit $SIDES torn.mi
}

@test "refused: sides that are not named, or not there" {
	acts a.mi
	runs r.mi
	for verb in 'mi-direction fit' 'mi-probe fit' 'mi-probe units' 'mi-probe transfer --by topic'; do
		refused 2 "which side is positive? Give --sides POSITIVE,NEGATIVE" $verb a.mi
		refused 3 "side 'untruthful' is neither 'honest' nor 'dishonest'" $verb --sides honest,dishonest a.mi
		refused 2 "two names are needed" $verb --sides honest a.mi
		refused 2 "the two names are the same" $verb --sides honest,honest a.mi
	done
	mi-view a.mi | jq -c 'del(.fields.side) | if .kind == "end" then {kind} else . end' | mi-view --encode -o none.mi
	refused 3 "there is neither a field 'side' nor 'label'" mi-direction fit $SIDES none.mi
	mi-view a.mi | jq -c 'if .kind == "prompt" then .fields |= del(.pair) + {side: "honest"} elif .kind == "end" then {kind} else . end' |
		mi-view --encode -o one.mi
	refused 3 "all 96 rows are on the positive side" mi-direction fit $SIDES one.mi
	refused 3 "on one side" mi-probe units $SIDES one.mi
}

@test "refused: a direction of another width, model or place" {
	acts a.mi
	acts wide.mi -v D=9 -v FIRST=100
	acts other.mi -v MODEL=another -v FIRST=100
	mi-direction fit $SIDES a.mi -o d.mi
	mi-direction fit $SIDES wide.mi -o w.mi
	mi-direction fit $SIDES other.mi -o o.mi
	for verb in eval project; do
		refused 3 "the models differ: d_model 8, 9" mi-probe $verb -d d.mi wide.mi
		refused 3 "the models differ: d_model 8, 9" mi-probe $verb --other-model -d d.mi wide.mi
		refused 3 "other.mi: not the directions' model" mi-probe $verb -d d.mi other.mi
	done
	refused 3 "the models differ" mi-direction compare d.mi w.mi
	refused 3 "the models differ" mi-direction compare d.mi o.mi
	refused 3 "not the directions' model" mi-direction attribute -d d.mi other.mi
	refused 3 "the models differ: d_model 96, 8" mi-direction unembed -m "$M" d.mi
	echo 'Where is Oslo?' >p.txt
	refused 3 "the models differ: d_model 8, 96" mi-run -m "$M" -n 2 --edit 'add resid_post:1 d.mi * 1 @ all' p.txt
	refused 3 "the models differ: d_model 8, 96" \
		mi-capture -m "$M" --at resid_post:1 --edit 'project-out resid_post:1 d.mi @ all' p.txt
	refused 3 "the models differ: d_model 8, 96" mi-patch -m "$M" --at resid_post:1 --metric proj:d.mi@resid_post:2 \
		"$FIXTURES/pairs/country-of-city-chat.jsonl"
	# the same width under another name needs a word, and the steps of both stand in the stream
	run_clean 0 mi-probe eval --other-model -d d.mi other.mi -o s.mi
	[ "$(mi-view s.mi | jq -r 'select(.kind == "header") | .provenance[-1].options["other-model"]')" = true ]
}

@test "refused: too few groups for an interval" {
	acts a.mi -v PAIRS=7 -v FIRST=100
	acts fit.mi
	runs r.mi -v GROUPS=7
	mi-direction fit $SIDES fit.mi -o d.mi
	local few="7 groups: an interval needs at least 8 (--bootstrap 0 goes without)"
	refused 3 "$few" mi-probe eval -d d.mi a.mi
	refused 3 "$few" mi-probe units $SIDES a.mi
	refused 3 "$few" mi-probe rate r.mi
	refused 3 "$few" mi-probe diff --metric judged_foil r.mi r.mi
	refused 3 "test groups: an interval needs at least 8" mi-probe fit $SIDES a.mi
	refused 3 "test groups: an interval needs at least 8" mi-probe transfer --by topic $SIDES a.mi
	head -n 14 "$FIXTURES/pairs/country-of-city-chat.jsonl" >few.jsonl # seven pairs, four groups
	refused 3 "4 groups are too few for an interval" mi-patch -m "$M" --at resid_post:3 --metric logit_diff --aggregate few.jsonl
	mi-patch -q -m "$M" --at 'resid_post:*' --metric logit_diff few.jsonl -o sweep.mi
	refused 3 "4 groups: an interval needs at least 8" mi-probe spread sweep.mi
	run_clean 0 mi-probe eval --bootstrap 0 -d d.mi a.mi -o s.mi
}

@test "refused: unknown metrics, methods, verbs, sites and operations, with the near names" {
	acts a.mi
	refused 2 "unknown method 'mean-dif'; is 'mean-diff' meant?" mi-direction fit --method mean-dif $SIDES a.mi
	refused 2 "is 'pca-diff', 'pca-diff-uncentred' or 'pca-center' meant?" mi-direction fit --method pca $SIDES a.mi
	refused 2 "unknown method 'logistc'; is 'logistic' meant?" mi-probe fit --method logistc $SIDES a.mi
	refused 2 "unknown metric 'aurok'; is 'auroc' meant?" mi-probe eval -d a.mi --metric aurok a.mi
	refused 2 "metric 'kl' is not of probes: accuracy, pair_accuracy, auroc are" mi-probe eval -d a.mi --metric kl a.mi
	refused 2 "unknown metric 'logpp'; is 'logp'" mi-probe diff --metric logpp a.mi a.mi
	refused 2 "unknown metric 'aurocc'; is 'auroc' meant?" mi-probe verdict --claim c --metric aurocc --above 0 a.mi
	refused 2 "unknown metric 'logit_dif'; is 'logit_diff'" mi-patch -m "$M" --at resid_post:3 --metric logit_dif a.mi
	refused 2 "'zeroo' is none of none, zero, mean, resample" mi-patch -m "$M" --at resid_post:3 --ablate zeroo --metric kl a.mi
	refused 2 "unknown metric 'aucroc'; is 'auroc' meant?" mi-report --metric aucroc a.mi
	refused 2 "unknown verb 'evl'; is 'eval' meant?" mi-probe evl a.mi
	refused 2 "unknown option '--sids'; is 'sides' meant?" mi-direction fit --sids a,b a.mi
	refused 2 "no site 'resid_pst'; did you mean 'resid_post'" mi-capture -m "$M" --at resid_pst:3 a.mi
	refused 2 "no operation 'ad'; did you mean 'add'?" mi-run -m "$M" --edit 'ad resid_post:3 d.mi * 1 @ all' a.mi
	mi-direction fit --method mean-diff,pca-diff $SIDES a.mi -o d.mi
	refused 1 "no direction fits (there are 'mean-diff', 'pca-diff')" mi-direction select --method mean-dif d.mi
}

@test "refused: streams of the wrong kind, files that are no streams" {
	acts a.mi
	runs r.mi
	mi-direction fit $SIDES a.mi -o d.mi
	refused 3 "holds 'dir' records, not activations" mi-probe units $SIDES d.mi
	refused 3 "holds 'run' records, not activations" mi-direction fit $SIDES r.mi
	refused 3 "holds 'act' records, not directions" mi-probe eval -d a.mi a.mi
	refused 3 "holds 'act' records, not runs" mi-probe rate a.mi
	refused 3 "no effects of single pairs" mi-probe spread a.mi
	refused 3 "holds 'dir' records, not scores" mi-probe verdict --claim c --metric auroc --above 0 d.mi
	echo '{"text": "a"}' >p.jsonl
	refused 3 "p.jsonl" mi-probe units $SIDES p.jsonl
	refused 3 "p.jsonl" mi-report p.jsonl
	refused 4 "cannot open 'absent.mi'" mi-report absent.mi
}
