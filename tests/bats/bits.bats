# The same bytes: whatever the instruction set, threads, size of passes, order of the
# prompts, cache, and shards. What is compared are digests of whole streams (of all records
# in canonical form), or single records where the streams must differ.
bats_require_minimum_version 1.5.0

setup() {
	load lib/helper
	M=$FIXTURES/tiny/llama-f32.gguf
	mkdir work # bats keeps files of its own in the folder above
	cd work
	words='the city of Paris is in France and Rome is not that answer . true'
	for i in $(seq 0 14); do # 15 prompts of 8 pairs, 2 to 60 words, the last one alone
		n=$(((i * 37) % 59 + 2))
		text=$(for k in $(seq "$n"); do
			set -- $words
			shift $(((k * i + k / 3) % 14))
			printf '%s ' "$1"
		done)
		printf '{"id": "p%d", "text": "%s%d", "label": %d, "pair": %d, "side": %d}\n' \
			"$i" "$text" "$i" $((i % 2)) $((i / 2)) $((i % 2))
	done >p.jsonl
	sites='resid_post:*,q:0,rot_k:1,attn_scores:1,pattern:*,z:*,result:1,mlp_post:*,ln2_scale:0,ln_final_normalized'
}

digest() {
	mi-view --check "$1" | grep -o 'digest [0-9a-f]*'
}

# The instruction sets of this machine.
isas() {
	echo portable
	! grep -qw avx2 /proc/cpuinfo || echo avx2
	! grep -qw avx512bw /proc/cpuinfo || echo avx512
}

# all_same COMMAND...: runs it with every instruction set and number of threads, and then with
# OPTIONS of the variable `sizes`, one a line; every stream (its stdout) has one digest.
all_same() {
	local isa j size want=
	for isa in $(isas); do
		for j in 1 2 3 7; do
			MI_ISA=$isa "$@" -j $j >out.mi
			[ "$(digest out.mi)" = "${want:=$(digest out.mi)}" ] || { echo "$isa -j $j"; return 1; }
		done
	done
	for size in $sizes; do
		"$@" --batch "$size" >out.mi
		[ "$(digest out.mi)" = "$want" ] || { echo "--batch $size"; return 1; }
	done
	[ -n "$want" ]
}

@test "bits: activations of every kind" {
	sizes='1 17 64 100000'
	all_same mi-capture -m "$M" --at "$sites,logits" --pos all p.jsonl
}

@test "bits: prompts that begin alike" {
	local n=0 i size
	text='the city of Paris is in France and Rome is not that answer . true the city of Rome is not in Paris'
	for i in 40 3 41 17 40 1 9 60 25 17 59 2; do # each a beginning of others, some twice, some with another end
		printf '{"id": "c%d", "text": "%s"}\n' $((n++)) "${text:0:i}"
		[ $((i % 3)) -ne 0 ] || printf '{"id": "c%d", "text": "%sRome"}\n' $((n++)) "${text:0:i}"
	done >alike.jsonl
	sizes='1 5 17 64 100000'
	all_same mi-capture -m "$M" --at "$sites,logits" --pos all alike.jsonl
	all_same mi-capture -m "$M" --at "attn_scores:*,resid_post:1" --pos last alike.jsonl
	all_same mi-capture -m "$M" --at 'resid_post:*' --pos all --reduce second alike.jsonl
	mi-capture -m "$M" --at "$sites,logits" --pos all alike.jsonl -o all.mi
	while read -r line; do # as each one alone
		printf '%s\n' "$line" | mi-capture -m "$M" --at "$sites,logits" --pos all -o one.mi
		mi-view --full one.mi | sed '1d; $d'
	done <alike.jsonl >want
	mi-view --full all.mi | sed '1d; $d' >got
	same want got
	# edits that do nothing keep every prompt apart
	mi-capture -m "$M" --at "$sites,logits" --pos all --edit 'scale resid_post:0 * 1' alike.jsonl -o apart.mi
	mi-view --full apart.mi | sed '1d; $d' >got
	same want got
	run --separate-stderr mi-capture -v -m "$M" --at resid_post:0 --pos all alike.jsonl -o x.mi
	[[ $stderr =~ \(([0-9]+)\ shared ]] && [ "${BASH_REMATCH[1]}" -gt 50 ]
}

@test "bits: activations under edits" {
	mi-capture -m "$M" --at 'resid_post:*' --pos last p.jsonl -o all.mi
	head -n 14 p.jsonl | mi-capture -m "$M" --at 'resid_post:*' -o pairs.mi
	mi-direction fit --method mean-diff pairs.mi -o d.mi
	mi-capture -m "$M" --at z:1 --pos all --reduce mean p.jsonl -o means.mi
	sizes='1 17'
	all_same mi-capture -m "$M" --at "$sites" --pos all --edit 'add resid_post:0 d.mi * 2 @ 1:' \
		--edit 'project-out resid_mid:1 d.mi when proj(d.mi) > 0 at resid_post:0' \
		--edit 'noise embed * 0.1' --edit 'mean-ablate z:1.3 from means.mi @ last' \
		--edit 'patch resid_post:1 from all.mi @ last' --edit 'zero pattern:0.1' \
		--edit 'scale result:1.0 * 0.5' p.jsonl
}

@test "bits: statistics" {
	sizes='1 17'
	all_same mi-capture -m "$M" --at 'resid_post:*,z:1' --pos all --reduce second --by label p.jsonl
}

@test "bits: scores and generated text" {
	sizes='1 2 5 23'
	all_same mi-run -m "$M" --score --top 3 p.jsonl
	all_same mi-run -m "$M" -n 5 --temperature 1 -s 7 --top 2 --batch 3 p.jsonl
}

@test "bits: variants" {
	local v=(--variant plain= --variant 'a=zero z:0.1 @ all' --variant 'b=noise resid_pre:1 * 0.3 @ last'
		--variant 'c=scale attn_scores:1 * 0.9 @ prompt' --variant 'c=freeze mlp_out:1 @ gen')
	sizes='1 2 5 23'
	all_same mi-run -m "$M" --score --top 3 "${v[@]}" p.jsonl
	all_same mi-run -m "$M" -n 5 --temperature 1 -s 7 --top 2 "${v[@]}" p.jsonl
}

@test "bits: sweeps" {
	local kind
	for i in 0 1 2 3 4; do # pairs that begin alike, whose ends differ
		printf '{"id": "b%d", "pair": %d, "side": "base", "text": "the city of Paris is in %d", "target": " a", "foil": " the"}\n' $i $i $i
		printf '{"id": "s%d", "pair": %d, "side": "source", "text": "the city of Rome is in %d"}\n' $i $i $((i * i))
	done >pairs.jsonl
	mi-capture -m "$M" --at 'resid_post:*,z:*,mlp_out:*' --pos all --reduce mean p.jsonl -o means.mi
	mi-capture -m "$M" --at 'resid_post:*' --pos last p.jsonl -o all.mi
	head -n 14 p.jsonl | mi-capture -m "$M" --at 'resid_post:*' -o some.mi
	mi-direction fit --method mean-diff some.mi -o d.mi
	grep base pairs.jsonl >bases.jsonl
	figures='logit_diff,prob_diff,logp,kl'
	sizes='1 9 100000'
	all_same mi-patch -m "$M" --at 'resid_post:*' --metric logit_diff pairs.jsonl
	all_same mi-patch -m "$M" --at 'resid_post:*,z:*.*,mlp_out:*,embed,k:1' --metric "$figures" pairs.jsonl
	all_same mi-patch -m "$M" --at 'resid_post:*,z:*' --metric "proj:d.mi@resid_post:0,kl" --metric-pos all pairs.jsonl
	for kind in zero resample 'mean --from means.mi'; do
		# shellcheck disable=SC2086
		all_same mi-patch -m "$M" --at 'resid_post:*,z:*' --ablate $kind --metric "$figures" pairs.jsonl
	done
	all_same mi-patch -m "$M" --variant '1=add resid_post:1 d.mi' --variant '2=add resid_post:0 d.mi * 2 @ last' \
		--variant '3=zero z:1.0' --metric logit_diff,kl bases.jsonl
}

@test "bits: sweeps in little memory" {
	local size n=0 want
	head -n 8 p.jsonl | sed 's/"text": "/&the city of Rome is /; s/"label"/"target": " a", "foil": " the", "label"/' >pairs.jsonl
	sites='resid_post:*,resid_mid:*,mlp_post:*,mlp_out:*,z:*.*,q:*,result:*'
	mi-patch -m "$M" --sides 0,1 --at "$sites" --pos all --metric logit_diff,kl pairs.jsonl -o want.mi
	for size in 1500K 2M 2500K 3M 4M 5M 6M 8M 10M 16M 64M; do
		mi-patch -m "$M" --sides 0,1 --at "$sites" --pos all --metric logit_diff,kl --max-memory $size \
			pairs.jsonl -o got.mi 2>err || { grep -q -- --max-memory err; continue; }
		[ "$(digest got.mi)" = "$(digest want.mi)" ] || { echo "$size"; return 1; }
		n=$((n + 1))
	done
	[ "$n" -ge 4 ]
}

@test "bits: the order of the prompts" {
	mi-capture -m "$M" --at "$sites" --pos all p.jsonl -o a.mi
	tac p.jsonl | mi-capture -m "$M" --at "$sites" --pos all -o b.mi
	sed -n 14p p.jsonl | mi-capture -m "$M" --at "$sites" --pos all -o one.mi
	mi-run -m "$M" -n 5 -s 3 --temperature 1 p.jsonl -o c.mi
	tac p.jsonl | mi-run -m "$M" -n 5 -s 3 --temperature 1 -o d.mi
	for f in a b c d one; do
		mi-view --full $f.mi | sed '1d; $d' >$f
	done
	[ "$(sort a | sha256sum)" = "$(sort b | sha256sum)" ]
	[ "$(sort c | sha256sum)" = "$(sort d | sha256sum)" ]
	run ! cmp -s a b
	grep '"id":"p13"' a >alone
	same alone one
}

@test "bits: a cache or none" {
	# what was generated a token at a time scores the same when it is read at once
	mi-run -m "$M" -n 20 p.jsonl -o run.mi
	mi-run -m "$M" --score run.mi -o score.mi
	for f in run score; do
		mi-view --full $f.mi | grep '"kind":"run"' |
			grep -o '"tokens":[^]]*\]\|"logp":[^]]*\]\|"rank":[^]]*\]\|"entropy":[^]]*\]' >$f
	done
	same run score
	[ -s run ]
}

@test "bits: shards, merged" {
	local n i verb
	for n in 1 2 7; do
		for ((i = 0; i < n; i++)); do
			mi-capture -m "$M" --at "$sites" --pos all -j 1 --shard $i/$n p.jsonl -o act.$n.$i.mi
			mi-capture -m "$M" --at 'resid_post:*,z:1' --pos all --reduce second --by label \
				--shard $i/$n p.jsonl -o stat.$n.$i.mi
			mi-run -m "$M" --score --shard $i/$n p.jsonl -o run.$n.$i.mi
		done
		for verb in act stat run; do
			mi-view merge $verb.$n.*.mi -o $verb.$n.mi
		done
	done
	mi-capture -m "$M" --at "$sites" --pos all p.jsonl -o act.mi
	mi-capture -m "$M" --at 'resid_post:*,z:1' --pos all --reduce second --by label p.jsonl -o stat.mi
	mi-run -m "$M" --score p.jsonl -o run.mi
	for verb in act stat run; do
		for n in 1 2 7; do
			[ "$(digest $verb.$n.mi)" = "$(digest $verb.mi)" ]
		done
	done
}

@test "bits: capturing the shards of a run" {
	mi-run -m "$M" -n 4 p.jsonl | mi-capture -m "$M" --at 'resid_post:*' --pos all -o want.mi
	for i in 0 1 2; do
		mi-run -m "$M" -n 4 --shard $i/3 p.jsonl | mi-capture -m "$M" --at 'resid_post:*' --pos all -o $i.mi
	done
	mi-view merge 2.mi 0.mi 1.mi -o got.mi
	[ "$(digest got.mi)" = "$(digest want.mi)" ]
}

@test "bits: directions and probes" {
	sizes=
	local methods=mean-diff,pca-diff,pca-diff-uncentred,pca-center,mass-mean,logistic,random,shuffled
	sed '15d' p.jsonl | mi-capture -m "$M" --at 'resid_post:*,q:0' --pos all -o a.mi
	all_same mi-direction fit --method "$methods" a.mi
	all_same mi-direction fit --method logistic --pool mean a.mi # fewer rows than columns
	all_same mi-probe fit --method logistic --bootstrap 0 --draws 3 a.mi
	mi-direction fit --method "$methods" a.mi -o d.mi
	all_same mi-probe eval --allow-leak --bootstrap 0 --random 3 -d d.mi a.mi
}

@test "bits: a real model, quantised" {
	need_model
	local isa j=1 want=
	sed -n '2p;5p' p.jsonl >few.jsonl
	for isa in $(isas); do
		MI_ISA=$isa mi-capture -m "$MODEL" --at 'resid_post:*,pattern:15,logits' -j $((j++)) few.jsonl -o out.mi
		[ "$(digest out.mi)" = "${want:=$(digest out.mi)}" ]
	done
	mi-capture -m "$MODEL" --at 'resid_post:*,pattern:15,logits' --batch 1 few.jsonl -o out.mi
	[ "$(digest out.mi)" = "$want" ]
}

# peak COMMAND...: MiB, as -v says.
peak() {
	"$@" -v -q 2>&1 >out.mi | sed -n 's/.*, peak \([0-9]*\) MiB$/\1/p'
}

@test "bits: ten times the prompts in the same memory" {
	[ "${MI_MODE:-}" != asan ] || skip "sanitizers keep what was freed"
	local few many
	seq 4000 | sed 's/.*/{"id": "p&", "text": "the city of number & is in the country of &", "pair": "&", "side": "a", "target": " in", "foil": " a"}/' >many.jsonl
	seq 4000 | sed 's/.*/{"id": "s&", "text": "the town of number & is in the country of &", "pair": "&", "side": "b"}/' >others.jsonl
	head -n 400 many.jsonl >few.jsonl
	paste -d '\n' many.jsonl others.jsonl | head -n 4000 >pairs-many.jsonl
	head -n 400 pairs-many.jsonl >pairs-few.jsonl
	for run in "mi-capture --at resid_pre:*,resid_mid:*,mlp_post:* --pos all" "mi-run --score --top 100" \
		"mi-patch --sides a,b --at resid_post:* --pos all --metric logit_diff"; do
		pairs=
		[[ $run != mi-patch* ]] || pairs=pairs-
		few=$(peak $run -m "$M" "${pairs}few.jsonl")
		many=$(peak $run -m "$M" "${pairs}many.jsonl")
		echo "$run: $few MiB, $many MiB"
		[ "$many" -le $((few * 5 / 4)) ]
	done
}
