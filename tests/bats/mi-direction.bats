# mi-direction: fit, select, compare.
bats_require_minimum_version 1.5.0

setup() {
	load lib/helper
	SIDES='--sides honest,untruthful'
}

# acts FILE [-v NAME=VALUE]...: an activation stream with a planted direction.
acts() {
	local file=$1
	shift
	awk -f "$BATS_TEST_DIRNAME/lib/acts.awk" "$@" </dev/null | mi-view --encode -o "$file"
}

# field FILE NAME: that key of every record that has it.
field() {
	mi-view "$1" | jq -r --arg k "$2" 'select(has($k)) | .[$k]'
}

@test "mi-direction: fit finds the planted direction, a record a place and method" {
	acts a.mi
	run_clean 0 mi-direction fit $SIDES --method mean-diff,pca-diff,mass-mean,logistic a.mi -o d.mi
	mi-view --check d.mi
	[ "$(mi-view d.mi | jq -r 'select(.kind == "dir") | "\(.layer) \(.method)"' | xargs)" = "0 mean-diff \
0 pca-diff 0 mass-mean 0 logistic 1 mean-diff 1 pca-diff 1 mass-mean 1 logistic 2 mean-diff \
2 pca-diff 2 mass-mean 2 logistic" ]
	# at the last layer all agree, and the positive side is above
	mi-view d.mi | jq -e -s '[.[] | select(.layer == 2)] | length == 4 and
		all(.sign_share == 1 and .scale > 2 and .cos_mean_diff > 0.7 and .n == 48)' >/dev/null
	[ "$(field d.mi position | sort -u)" = span:statement ]
	[ "$(field d.mi sides | sort -u)" = honest,untruthful ]
}

@test "mi-direction: the vectors have unit norm and the sign follows the sides" {
	acts a.mi
	mi-direction fit $SIDES a.mi -o d.mi
	mi-direction fit --sides untruthful,honest a.mi -o e.mi
	mi-view d.mi | jq -e -s '[.[] | select(.v) | .v.data | map(. * .) | add] |
		all(. > 0.999999 and . < 1.000001)' >/dev/null
	[ "$(mi-view d.mi | jq -c 'select(.v) | .v.data | map(-.)')" = \
		"$(mi-view e.mi | jq -c 'select(.v) | .v.data')" ]
}

@test "mi-direction: standard input equals a file, and threads change no byte" {
	acts a.mi
	all='mean-diff,pca-diff,pca-diff-uncentred,pca-center,mass-mean,logistic,random,shuffled'
	mi-direction fit $SIDES -j 1 --method "$all" --draws 2 a.mi -o d.mi
	mi-direction fit $SIDES -j 3 --method "$all" --draws 2 a.mi -o e.mi
	same d.mi e.mi
	mi-direction fit $SIDES --method "$all" --draws 2 - <a.mi -o f.mi
	same d.mi f.mi
}

@test "mi-direction: labels 1 and 0 need no sides, and need no pairs" {
	acts a.mi -v LABELS=1
	run_clean 0 mi-direction fit --method mean-diff,mass-mean,logistic,random,shuffled a.mi -o d.mi
	mi-view d.mi | jq -e -s '[.[] | select(.layer == 2 and .method == "mean-diff")][0] |
		.n == 96 and .sign_share > 0.95' >/dev/null
	run_clean 3 mi-direction fit --method pca-diff a.mi -o e.mi
	says "method 'pca-diff' needs pairs"
	nothing_left e.mi
}

@test "mi-direction: without sides it asks which is positive" {
	acts a.mi
	run_clean 2 mi-direction fit a.mi -o d.mi
	says "which side is positive? Give --sides"
	run_clean 2 mi-direction fit --sides honest a.mi -o d.mi
	says "two names are needed"
	run_clean 3 mi-direction fit --sides honest,lying a.mi -o d.mi
	says "side 'untruthful' is neither 'honest' nor 'lying'"
	nothing_left d.mi
}

@test "mi-direction: a misspelt method is named with the near one" {
	run_clean 2 mi-direction fit --method mean_diff a.mi
	says "unknown method 'mean_diff'; is 'mean-diff' meant?"
	run_clean 2 mi-direction fit --method mean-diff,mean-diff a.mi
	says "stands there twice"
	run_clean 2 mi-direction fti a.mi
	says "is 'fit' meant?"
}

@test "mi-direction: pairs that miss a member are listed" {
	acts a.mi -v PAIRS=14
	mi-view a.mi | jq -c 'if .kind == "end" then {kind} else select((.id // "") | test("^([0-9]|1[01])-untruthful") | not) end' |
		mi-view --encode -o b.mi
	run_clean 3 mi-direction fit $SIDES b.mi -o d.mi
	says "12 pairs miss a member: '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ..."
	nothing_left d.mi
}

@test "mi-direction: rows join from the end of the positions" {
	acts a.mi -v PAIRS=10
	# the first position of every honest prompt goes
	mi-view a.mi | jq -c 'if .kind == "end" then {kind} elif .kind == "act" and (.id | endswith("-honest")) then
		.positions |= .[1:] | .x.shape[0] -= 1 | .x.data |= .[8:] else . end' | mi-view --encode -o b.mi
	run_clean 0 mi-direction fit $SIDES b.mi -o d.mi
	[ "$(field d.mi n | sort -u)" = 10 ]
	[ "$(field d.mi left_out | sort -u)" = 10 ]
	# the same as the last position of both
	mi-direction fit $SIDES --pool last a.mi -o e.mi
	[ "$(mi-view d.mi | jq -c 'select(.v) | .v')" = "$(mi-view e.mi | jq -c 'select(.v) | .v')" ]
}

@test "mi-direction: one side alone, equal sides and NaN are refused" {
	acts a.mi -v LABELS=1
	mi-view a.mi | jq -c 'if .kind == "end" then {kind} else (if .fields then .fields.label = 1 else . end) end' |
		mi-view --encode -o one.mi
	run_clean 3 mi-direction fit one.mi -o d.mi
	says "rows are on the positive side"
	mi-view a.mi | jq -c 'if .kind == "end" then {kind} elif .x then .x.data |= map(0) else . end' |
		mi-view --encode -o zero.mi
	run_clean 3 mi-direction fit zero.mi -o d.mi
	says "the means of the two sides are equal"
	nothing_left d.mi
}

@test "mi-direction: a cut stream exits 3 and leaves nothing" {
	acts a.mi
	head -c 5000 a.mi >cut.mi
	run_clean 3 mi-direction fit $SIDES cut.mi -o d.mi
	nothing_left d.mi
	run_clean 3 pipeline "head -c 5000 a.mi | mi-direction fit $SIDES - -o d.mi"
	nothing_left d.mi
}

@test "mi-direction: other streams are refused by what they hold" {
	acts a.mi
	mi-direction fit $SIDES a.mi -o d.mi
	run_clean 3 mi-direction fit $SIDES d.mi -o e.mi
	says "holds 'dir' records, not activations"
	run_clean 3 mi-direction select a.mi -o e.mi
	says "holds 'act' records, not directions"
	run_clean 2 mi-direction fit $SIDES a.mi -o a.mi
	says "input and output are the same file"
}

@test "mi-direction: a full device is an error" {
	full=$(full_device) || skip "no always-full device here"
	acts a.mi
	run_clean 4 bash -c "mi-direction fit $SIDES a.mi >$full"
}

@test "mi-direction: rows that do not fit are refused" {
	acts a.mi
	run_clean 4 mi-direction fit $SIDES --max-memory 1K a.mi -o out.mi
	says '--max-memory'
	nothing_left out.mi
	run_clean 0 mi-direction fit $SIDES --max-memory 1G a.mi -o out.mi
	cmp <(mi-view out.mi) <(mi-direction fit $SIDES a.mi | mi-view)
	for verb in fit units 'transfer --by=topic'; do
		# shellcheck disable=SC2086
		run_clean 4 mi-probe $verb $SIDES --max-memory 1K a.mi -o out.mi
		says '--max-memory'
	done
	run_clean 2 mi-probe fit --max-memory much a.mi
}

@test "mi-direction: train and test parts split the groups" {
	acts a.mi -v PAIRS=40
	mi-direction fit $SIDES --part train --fraction 0.6 a.mi -o d.mi
	mi-direction fit $SIDES --part test --fraction 0.6 a.mi -o e.mi
	for f in d e; do
		mi-view $f.mi | jq -r 'select(.groups and .layer == 0) | .groups.data[]' | sort >$f
	done
	[ "$(sort d e | uniq | wc -l)" -eq 40 ]
	[ "$(comm -12 d e | wc -l)" -eq 0 ]
	[ "$(wc -l <d)" -gt 12 ]
	run_clean 3 mi-direction fit $SIDES --part train --fraction 0 a.mi -o f.mi
	says "no rows in this part of the groups"
}

@test "mi-direction: groups that cut a pair in two are refused" {
	acts a.mi
	mi-view a.mi | jq -c 'if .kind == "end" then {kind} elif .fields then .fields.group = .id else . end' |
		mi-view --encode -o b.mi
	run_clean 3 mi-direction fit $SIDES b.mi -o d.mi
	says "are in two groups"
	run_clean 0 mi-direction fit $SIDES --group-by topic b.mi -o d.mi
	[ "$(mi-view d.mi | jq 'select(.groups) | .groups.shape[0]' | sort -u)" = 2 ]
}

@test "mi-direction: --at takes places, select takes methods and draws" {
	acts a.mi
	mi-direction fit $SIDES --at resid_post:1-2 --method mean-diff,pca-diff,random --draws 3 a.mi -o d.mi
	[ "$(field d.mi layer | sort -u | xargs)" = "1 2" ]
	mi-direction select --method mean-diff --at resid_post:2 d.mi -o e.mi
	[ "$(mi-view e.mi | jq -c 'select(.v) | [.layer, .method]')" = '[2,"mean-diff"]' ]
	mi-direction select --draw 1 d.mi -o f.mi
	[ "$(mi-view f.mi | jq -c 'select(.method == "random") | .draw' | xargs)" = "1 1" ]
	run_clean 1 mi-direction select --method logistic d.mi -o g.mi
	says "no direction fits"
	nothing_left g.mi
	run_clean 2 mi-direction fit $SIDES --at resid_post:7 a.mi -o g.mi
	says "layer 7 of a model that has layers 0 to 2"
	nothing_left g.mi
}

@test "mi-direction: components are a subspace, compare gives cosines and angles" {
	acts a.mi
	mi-direction fit $SIDES --method pca-diff-uncentred,pca-center --components 2 --at resid_post:2 a.mi -o d.mi
	mi-view d.mi | jq -e -s '[.[] | select(.v)] | length == 2 and
		all(.v.shape == [2, 8] and (.variance | length) == 2)' >/dev/null
	mi-direction compare d.mi -o c.mi
	mi-view c.mi | jq -e -s '[.[] | select(.metric == "principal_cosine")] | length == 2 and
		all(.value > 0.99999)' >/dev/null
	mi-direction fit $SIDES --method mean-diff,pca-diff a.mi -o e.mi
	mi-direction compare e.mi -o f.mi
	# at each layer the two methods, then each method with the next layer
	[ "$(mi-view f.mi | jq -c 'select(.metric) | [.layer, .method, .other_layer, .other_method]' | wc -l)" -eq 7 ]
	mi-view f.mi | jq -e -s '[.[] | select(.metric and .layer == 2)][0].value > 0.99' >/dev/null
}

@test "mi-direction: the header keeps the chain and names no path" {
	acts a.mi
	mi-direction fit $SIDES a.mi -o d.mi
	mi-direction select --at resid_post:1 d.mi -o e.mi
	[ "$(mi-view --header e.mi | jq -c '[.provenance[] | [.tool, .verb]]')" = \
		'[["mi-capture",null],["mi-direction","fit"],["mi-direction","select"]]' ]
	[ "$(mi-view e.mi | grep -cF "$PWD")" = 0 ]
	# the inputs of the inputs are named by digest
	[ "$(mi-view e.mi | jq -c 'select(.kind == "end") | .inputs | length')" = 2 ]
}

# parts FILE: a stream of two layers in which resid is the sum of what is written before.
parts() {
	awk -v WRONG="$2" 'function row(name, l, k) { return sprintf("%d", 100 * sin(k + 7 * l + length(name) * p + 3 * s)) / 64 }
	function put(name, l, add,   k, x) {
		printf "{\"kind\":\"act\",\"id\":\"%d-%d\",\"site\":\"%s\",\"layer\":%s,\"head\":null,\"positions\":[0],\"x\":{\"dtype\":\"f32\",\"shape\":[1,4],\"data\":[", p, s, name, l < 0 ? "null" : l
		for (k = 0; k < 4; k++) {
			x = name ~ /^resid/ ? sum[k] + WRONG : row(name, l, k)
			if (add) sum[k] += x
			printf "%s%.6f", k ? "," : "", x
		}
		print "]}}"
	}
	BEGIN {
		print "{\"kind\":\"header\",\"format\":\"mi-stream\",\"version\":[1,0],\"content\":\"act\",\"model\":{\"digest\":\"x\",\"n_layers\":2,\"n_heads\":2,\"n_kv_heads\":2,\"d_model\":4,\"d_head\":2},\"tokenizer\":null,\"template\":null,\"sites\":[],\"dtype\":\"f32\",\"shard\":null,\"provenance\":[]}"
		for (p = 0; p < 9; p++) for (s = 0; s < 2; s++) {
			printf "{\"kind\":\"prompt\",\"id\":\"%d-%d\",\"tokens\":[1],\"pieces\":[\"a\"],\"offsets\":null,\"n_prompt\":1,\"spans\":[],\"roles\":[],\"fields\":{\"pair\":%d,\"label\":%d}}\n", p, s, p, s
			for (k = 0; k < 4; k++) sum[k] = 0
			put("embed", -1, 1)
			for (l = 0; l < 2; l++) { put("attn_out", l, 1); put("mlp_out", l, 1); put("resid_post", l, 0) }
		}
		print "{\"kind\":\"end\"}"
	}' | mi-view --encode -o "$1"
}

@test "mi-direction: attribute adds up to the projection, part by part" {
	parts a.mi 0
	mi-direction fit --at resid_post:1 --method mean-diff,random --draws 1 a.mi -o d.mi
	run_clean 0 mi-direction attribute -d d.mi a.mi -o s.mi
	[ "$(mi-view s.mi | jq -r 'select(.metric == "contribution" and .control == null) | "\(.site):\(.layer)"' | xargs)" = \
		"embed:null attn_out:0 mlp_out:0 attn_out:1 mlp_out:1" ]
	mi-view s.mi | jq -e -s 'all(.[] | select(.metric == "sum_error"); .value < 1e-5) and
		([.[] | select(.metric == "participation_ratio") | .value] | all(. >= 1 and . <= 5)) and
		([.[] | select(.metric == "participation_ratio") | .control] == [null, "random"])' >/dev/null
	# the difference of the parts sums to the distance of the sides
	want=$(mi-view d.mi | jq 'select(.method == "mean-diff") | .scale')
	got=$(mi-view s.mi | jq -s '[.[] | select(.metric == "contribution_diff" and .control == null) | .value] | add')
	awk -v a="$want" -v b="$got" 'BEGIN { exit !(a - b < 1e-5 && b - a < 1e-5) }'
}

@test "mi-direction: attribute refuses a missing part and a sum that is off" {
	parts a.mi 0
	mi-direction fit --at resid_post:1 a.mi -o d.mi
	mi-view a.mi | jq -c 'if .kind == "end" then {kind} elif .site == "mlp_out" and .layer == 1 then empty else . end' |
		mi-view --encode -o b.mi
	run_clean 3 mi-direction attribute -d d.mi b.mi -o s.mi
	says "no activations at mlp_out:1, which is a part of resid_post:1"
	parts wrong.mi 3
	run_clean 3 mi-direction attribute -d d.mi wrong.mi -o s.mi
	says "the parts do not add up to the stream"
	run_clean 0 mi-direction attribute --max-error 10 -d d.mi wrong.mi -o s.mi
	run_clean 2 mi-direction attribute a.mi
	says "-d names the directions"
}

@test "mi-direction: unembed gives tokens and entropy beside random directions" {
	need_model
	awk -f "$BATS_TEST_DIRNAME/lib/acts.awk" -v D=576 -v PAIRS=10 -v POS=1 -v LAYERS=2 </dev/null |
		mi-view --encode -o a.mi
	mi-direction fit $SIDES --at resid_post:1 a.mi -o d.mi
	run_clean 3 mi-direction unembed -m "$MODEL" d.mi -o s.mi
	run_clean 0 mi-direction unembed -m "$MODEL" --other-model --random 40 -k 3 d.mi -o s.mi
	mi-view s.mi | jq -e -s '[.[] | select(.metric == "entropy")] | length == 3 and
		(.[0].side == "+" and (.[0].top | length) == 3) and .[2].control == "random" and .[2].n == 40' >/dev/null
	run_clean 0 mi-direction unembed -m "$MODEL" --other-model --no-fold --random 0 d.mi -o t.mi
	[ "$(mi-view t.mi | jq -c 'select(.metric) | .metric' | sort | uniq -c | xargs)" = "2 entropy" ]
	awk -f "$BATS_TEST_DIRNAME/lib/acts.awk" </dev/null | mi-view --encode -o b.mi
	mi-direction fit $SIDES b.mi -o e.mi
	run_clean 3 mi-direction unembed -m "$MODEL" --other-model e.mi -o t.mi
	run_clean 2 mi-direction unembed e.mi
	says "-m names the model"
}

@test "mi-direction: export writes a control vector, and refuses what does not go into one" {
	acts a.mi
	mi-direction fit $SIDES a.mi -o d.mi
	run_clean 3 mi-direction export d.mi -o v.gguf
	says "llama.cpp cannot steer after block 0"
	nothing_left v.gguf
	run_clean 0 mi-direction export --at resid_post:1-2 d.mi -o v.gguf
	[ "$(head -c 4 v.gguf)" = GGUF ]
	grep -aq 'controlvector.model_hint' v.gguf
	grep -aq 'direction.2' v.gguf
	# the last tensor ends the file: 8 floats, the direction itself
	[ "$(tail -c 32 v.gguf | od -An -v -tf4 -w32 | xargs printf '%.5f ')" = \
		"$(mi-view d.mi | jq -r 'select(.layer == 2) | .v.data[]' | xargs printf '%.5f ')" ]
	run_clean 0 mi-direction export --scaled --length 2 --at resid_post:2 d.mi -o w.gguf
	scale=$(mi-view d.mi | jq 'select(.layer == 2) | .scale')
	tail -c 32 w.gguf | od -An -v -tf4 -w32 | tr -s ' ' '\n' | awk -v s="$scale" 'NF { q += $1 * $1 }
		END { d = sqrt(q) - 2 * s; exit !(d < 1e-4 && d > -1e-4) }'
	mi-direction fit $SIDES --method mean-diff,pca-diff --at resid_post:1 a.mi -o e.mi
	run_clean 3 mi-direction export e.mi -o x.gguf
	says "two directions of layer 1"
}

@test "mi-direction: statistics give the vectors that the rows give" {
	need_model
	for i in $(seq 12); do
		for s in honest untruthful; do
			echo "{\"id\": \"$i$s\", \"pair\": $i, \"side\": \"$s\", \"text\": \"An $s person says $i\"}"
		done
	done >prompts.jsonl
	capture() { mi-capture -q -m "$MODEL" --at z:0.0-1 prompts.jsonl "$@"; }
	capture -o a.mi
	capture --reduce second --by side -o s.mi
	mi-direction fit $SIDES --method mean-diff,mass-mean --rtol 0.001 a.mi -o d.mi
	run_clean 0 mi-direction fit $SIDES --method mean-diff,mass-mean --rtol 0.001 s.mi -o e.mi
	for f in d e; do mi-view $f.mi | jq -c 'select(.v) | .v.data + [.scale, .threshold] | .[]' >$f; done
	paste d e | awk '{ d = $1 - $2; if (d > 1e-4 || d < -1e-4) bad = 1 } END { exit bad || NR != 264 }'
	run_clean 3 mi-direction fit $SIDES --method logistic s.mi -o f.mi
	says "method 'logistic' needs activations, not statistics"
	run_clean 2 mi-direction fit s.mi -o f.mi
	says "which class is positive?"
	run_clean 2 mi-direction fit $SIDES --part train s.mi -o f.mi
	run_clean 3 mi-direction fit --sides a,b s.mi -o f.mi
	nothing_left f.mi
	# steering with it works like with any other
	run_clean 0 mi-direction select --method mean-diff --at z:0.1 e.mi -o g.mi
}

# ---- what a read-out sees ------------------------------------------------------------

# Ten pairs of the tiny model, and directions of its neurons and heads.
neurons() {
	M=$FIXTURES/tiny/llama-f32.gguf
	for i in 0 1 2 3 4 5 6 7 8 9; do
		printf '{"id": "b%s", "pair": %s, "side": "base", "text": "the city of %s is", "target": " in", "foil": " of"}\n' $i $i "$i$i"
		printf '{"id": "s%s", "pair": %s, "side": "source", "text": "that is %s not"}\n' $i $i "$i"
	done >p.jsonl
	mi-capture -m "$M" --at 'mlp_post:*,z:1,z:1.0,resid_post:1' --pos last p.jsonl -o a.mi
	mi-direction fit --sides base,source --method mean-diff,random --draws 2 a.mi -o d.mi
}

@test "mi-direction: split makes two parts that add up, one of them unread" {
	need jq
	neurons
	run_clean 0 mi-direction split -m "$M" --at 'mlp_post:*' d.mi -o parts.mi
	mi-view --check parts.mi
	[ "$(field parts.mi method | xargs)" = "mean-diff.row mean-diff.null random.row random.null random.row random.null mean-diff.row mean-diff.null random.row random.null random.row random.null" ]
	mi-view --full d.mi | jq -c 'select(.v and .site == "mlp_post")' >d
	mi-view --full parts.mi | jq -c 'select(.v)' >p
	# of unit norm and orthogonal; shares and scales are those of the parts; the sum is the direction
	jq -s -e --slurpfile d d '. as $p | all(range($d | length);
		$d[.] as $w | $p[2 * .] as $r | $p[2 * . + 1] as $n
		| def dot(a; b): [range(64) | a[.] * b[.]] | add;
		(dot($r.v.data; $r.v.data) - 1 | fabs) < 1e-6 and (dot($r.v.data; $n.v.data) | fabs) < 1e-6
		and ($r.share + $n.share - 1 | fabs) < 1e-12 and $r.rank == 32 and $n.draw == $w.draw
		and ($r.scale * $r.scale + $n.scale * $n.scale - $w.scale * $w.scale | fabs) < 1e-5
		and all(range(64); ($r.v.data[.] * $r.scale + $n.v.data[.] * $n.scale - $w.v.data[.] * $w.scale | fabs) < 1e-5))' p
}

@test "mi-direction: what is not read has no effect, what is read has all of it" {
	need jq
	neurons
	mi-direction select --method mean-diff --at 'mlp_post:*' d.mi -o w.mi
	mi-direction split -m "$M" w.mi -o parts.mi
	for part in row null; do
		mi-direction select --method mean-diff.$part parts.mi -o $part.mi
	done
	mi-patch -m "$M" --variant 'whole=add mlp_post:* w.mi * 2 scale @ last' --variant 'row=add mlp_post:* row.mi * 2 scale @ last' \
		--variant 'null=add mlp_post:* null.mi * 2 scale @ last' --metric logit_diff <(grep base p.jsonl) |
		mi-view - | jq -c 'select(.variant)' >e
	jq -s -e 'group_by(.id) | length == 10 and all(.[]; map({(.variant): .}) | add
		| (.null.difference | fabs) < 1e-4 and (.row.difference - .whole.difference | fabs) < 1e-4
		and (.whole.difference | fabs) > 1e-2)' e
	# a patch along the whole is carried by both: the unread part is what the illusion rests on
	mi-patch -m "$M" --along parts.mi --together --metric logit_diff --aggregate p.jsonl |
		mi-probe effects - | mi-view - | jq -s -e 'map(select(.metric == "effect"))
		| length == 4 and all(.[]; .subspace == "mean-diff.row" or (.value | fabs) < 1e-5)'
}

@test "mi-direction: split refuses what has nothing unread" {
	neurons
	run_clean 3 mi-direction split -m "$M" --at resid_post:1 d.mi -o x.mi
	says "in the residual stream"
	run_clean 1 mi-direction split -m "$M" --at z:1.0 d.mi -o x.mi
	says "rank 8 of 8"
	run_clean 3 mi-direction split -m "$FIXTURES/compiled/induction.gguf" --at 'mlp_post:*' d.mi -o x.mi
	run_clean 2 mi-direction split d.mi -o x.mi
	says "-m names the model"
	run_clean 2 mi-direction split -m "$M" --rtol 2 d.mi -o x.mi
	nothing_left x.mi
}
