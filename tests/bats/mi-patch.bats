bats_require_minimum_version 1.5.0

setup() {
	load lib/helper
	M=$FIXTURES/tiny/llama-f32.gguf
	C=$FIXTURES/compiled/induction.gguf
	mkdir work # bats keeps files of its own in the folder above
	cd work
	printf '%s\n' \
		'{"id": "a1", "pair": "a", "side": "base", "text": "the city of Paris is", "target": " in the", "foil": " of"}' \
		'{"id": "a2", "pair": "a", "side": "source", "text": "the city of Rome is"}' \
		'{"id": "b1", "pair": "b", "side": "base", "text": "that is true", "target": " in", "foil": " of"}' \
		'{"id": "b2", "pair": "b", "side": "source", "text": "this is not true"}' >p.jsonl
	printf '%s\n' \
		'{"id": "b", "pair": 1, "side": "base", "text": "pxqyp", "target": "x", "foil": "y"}' \
		'{"id": "s", "pair": 1, "side": "source", "text": "qxpyp"}' >c.jsonl
}

# Effect records of a stream (standard input) as JSON Lines.
effects() {
	mi-view - | grep '^{"kind":"effect"'
}

# Ten pairs in ten groups: the circuit's prompts with other letters; with `flip` the texts of
# every other pair are exchanged.
many() {
	local i letters=abcdefghijklmno
	for i in 0 1 2 3 4 5 6 7 8 9; do
		local p=${letters:i:1} x=${letters:i+1:1} q=${letters:i+2:1} y=${letters:i+3:1}
		local base=$p$x$q$y$p source=$q$x$p$y$p
		[ "$*" != flip ] || [ $((i % 2)) -eq 0 ] || { base=$source source=$p$x$q$y$p; }
		printf '{"id": "b%s", "pair": %s, "side": "base", "text": "%s", "target": "%s", "foil": "%s"}\n' \
			"$i" "$i" "$base" "$x" "$y"
		printf '{"id": "s%s", "pair": %s, "side": "source", "text": "%s"}\n' "$i" "$i" "$source"
	done
}

# ---- the contract of every tool --------------------------------------------------

@test "mi-patch: --help goes to stdout and exits 0" {
	run -0 --separate-stderr mi-patch --help
	[[ ${lines[0]} == "usage: mi-patch "* ]]
	[ -z "$stderr" ]
}

@test "mi-patch: --version names the tool" {
	run -0 --separate-stderr mi-patch --version
	[[ ${lines[0]} == "mi-patch (mi-tools) "* ]]
}

@test "mi-patch: a bad value of any option exits 2 before a file is made, and names the option" {
	local row
	for row in 'pos ' 'pos x:y' 'metric-pos gen:' 'metric logit_dif' 'metric ' 'metric auroc' \
		'metric proj:x' 'metric proj:@z:1' 'mode back' 'ablate some' 'align left' 'shard 3/3' \
		'bootstrap -1' 'level 2' 'paths foo:1' 'batch -1' 'max-memory 4Q' 'at foo:3' 'at z:1.2.3'; do
		run_clean 2 mi-patch -m "$M" --at z:0 --metric kl -o out.mi "--${row%% *}=${row#* }" p.jsonl
		says "--${row%% *}"
		nothing_left out.mi
	done
	run_clean 2 mi-patch -m "$M" --at z:0 --metric logit_dif p.jsonl
	says 'logit_diff'
}

@test "mi-patch: what does not go together exits 2" {
	run_clean 2 mi-patch --at z:0 --metric kl p.jsonl
	says '-m names the model'
	run_clean 2 mi-patch -m "$M" --metric kl p.jsonl
	says '--at names the sites'
	run_clean 2 mi-patch -m "$M" --at z:0 p.jsonl
	says 'no metric is named'
	run_clean 2 mi-patch -m "$M" --at z:0 --metric kl --variant 'x=zero z:0' p.jsonl
	run_clean 2 mi-patch -m "$M" --at z:0 --metric kl --ablate zero --mode noise p.jsonl
	run_clean 2 mi-patch -m "$M" --at z:0 --metric kl --ablate mean p.jsonl
	run_clean 2 mi-patch -m "$M" --at z:0 --metric kl --from x.mi p.jsonl
	run_clean 2 mi-patch -m "$M" --at z:0 --metric kl --aggregate --shard 0/2 p.jsonl
	run_clean 2 mi-patch -m "$M" --at z:0 --metric kl --ablate resample --shard 0/2 p.jsonl
	for row in '--ablate zero' '--paths k:1' '--across d.mi'; do
		# shellcheck disable=SC2086
		run_clean 2 mi-patch -m "$M" --at z:0 --metric kl --along d.mi $row p.jsonl -o out.mi
		says '--along and --across'
	done
	run_clean 2 mi-patch -m "$M" --metric kl --across d.mi --variant 'x=zero z:0' p.jsonl -o out.mi
	run_clean 2 mi-patch -m "$M" --at resid_post:0 --metric kl --paths k:1 p.jsonl -o out.mi
	says 'sends nothing'
	run_clean 2 mi-patch -m "$M" --at z:1 --metric kl --paths k:0 p.jsonl -o out.mi
	says 'no receiver comes after'
	run_clean 2 mi-patch -m "$M" --at logits --metric kl p.jsonl -o out.mi
	run_clean 2 mi-patch -m "$M" --at pattern:0 --align mean --metric kl p.jsonl -o out.mi
	run_clean 2 mi-patch -m "$M" --metric kl --variant 'zero z:0' p.jsonl -o out.mi
	says 'LABEL=EDIT'
	nothing_left out.mi
}

@test "mi-patch: pairs that are none exit 3, and nothing is left" {
	head -n 1 p.jsonl >one.jsonl
	run_clean 3 mi-patch -m "$M" --at z:0 --metric logit_diff one.jsonl -o out.mi
	says "lacks the side 'source'"
	echo '{"id": "x", "text": "the city"}' >alone.jsonl
	run_clean 3 mi-patch -m "$M" --at z:0 --metric kl alone.jsonl -o out.mi
	says "no field 'pair'"
	run_clean 3 mi-patch -m "$M" --at z:0 --metric kl --sides honest,liar p.jsonl -o out.mi
	says "neither 'honest' nor 'liar'"
	sed 's/"target": [^,}]*, //; s/, "foil": [^,}]*//' p.jsonl >bare.jsonl
	run_clean 3 mi-patch -m "$M" --at z:0 --metric logit_diff bare.jsonl -o out.mi
	says 'no target'
	run_clean 0 mi-patch -m "$M" --at z:0 --metric kl bare.jsonl -o out.mi
	rm out.mi
	run_clean 3 mi-patch -m "$M" --at z:0 --align span --metric kl p.jsonl -o out.mi
	says 'its source has'
	run_clean 3 mi-patch -m "$M" --at z:0 --metric logit_diff --aggregate p.jsonl -o out.mi
	says 'too few'
	nothing_left out.mi
}

# ---- the circuit that is known ----------------------------------------------------

# circuit OPTION... <<< 'SITE[.HEAD]:POSITION[>TO] EFFECT' lines: exactly those effects are not 0.
circuit() {
	mi-patch -m "$C" --metric logit_diff "$@" c.jsonl | effects |
		jq -r 'select((.effect | fabs) > 1e-5 or (.base - 5.655949 | fabs) > 1e-5 or
			(.source + 5.655949 | fabs) > 1e-5)
			| "\(.site):\(.layer // "")" + (if .head == null then "" else ".\(.head)" end)
			+ (if .position == null then "" else "@\(.position)" end)
			+ (if .to == null then "" else ">\(.to)" end)
			+ " \(.effect * 100000 | round)"' >got
	diff - got
}

@test "mi-patch: the compiled circuit, by position" {
	need jq
	circuit --at 'embed,resid_pre:*,resid_post:*,attn_out:*,mlp_out:*' <<-'END'
		embed:@1 50000
		embed:@3 50000
		resid_pre:0@1 50000
		resid_pre:0@3 50000
		resid_pre:1@2 50000
		resid_pre:1@4 50000
		resid_post:0@2 50000
		resid_post:0@4 50000
		resid_post:1@5 100000
		attn_out:0@2 50000
		attn_out:0@4 50000
		attn_out:1@5 100000
	END
}

@test "mi-patch: the compiled circuit, by head" {
	need jq
	circuit --at 'z:*.*,k:1.*,q:1.*,v:1.*' <<-'END'
		z:0.1@2 50000
		z:0.1@4 50000
		z:1.2@5 100000
		k:1.1@2 50000
		k:1.1@4 50000
	END
	circuit --at 'z:*.*,k:1.*,q:1.*,v:1.*' --together <<-'END'
		z:0.1 100000
		z:1.2 100000
		k:1.1 100000
	END
	circuit --at 'z:*.*' --pos last <<-'END'
		z:1.2@5 100000
	END
}

@test "mi-patch: the compiled circuit, by paths" {
	need jq
	circuit --at 'z:*.*,mlp_out:*' --paths 'q:1.*,k:1.*,v:1.*,resid_post:1' <<-'END'
		z:0.1>k:1.1 100000
		z:1.2>resid_post:1 100000
	END
}

@test "mi-patch: noise takes the source's run, and the same target" {
	need jq
	mi-patch -m "$C" --at resid_post:0 --metric logit_diff --mode noise c.jsonl | effects >e
	jq -s -e 'all(.[]; .id == "s" and (.base + 5.655949 | fabs) < 1e-5)' e
	[ "$(jq -c 'select((.effect - 0.5 | fabs) < 1e-5) | .position' e | tr '\n' ' ')" = '2 4 ' ]
}

@test "mi-patch: aggregates are ratios of means, with intervals, from the end" {
	need jq
	many >m.jsonl
	mi-patch -m "$C" --at resid_post:0 --metric logit_diff,logp --aggregate m.jsonl -o a.mi
	mi-view a.mi | grep '"kind":"effect"' | jq -c 'select(.id == null)' >agg
	[ "$(wc -l <agg)" -eq 12 ]
	jq -s -e 'all(.[]; .n == 10 and .position == null and .refused == null)' agg
	[ "$(jq -c 'select(.metric == "logit_diff" and (.effect - 0.5 | fabs) < 1e-5
		and .lo <= .effect and .effect <= .hi) | .offset' agg | tr '\n' ' ')" = '-4 -2 ' ]
	# where half of the pairs differ one way and half the other there is nothing to share out
	many flip >mixed.jsonl
	mi-patch -m "$C" --at resid_post:0 --metric logit_diff --aggregate mixed.jsonl | effects |
		jq -s -e '[.[] | select(.id == null)] | length == 6 and
			all(.[]; .effect == null and .lo == null and .refused != null and .difference != null)'
}

# ---- part of a place ----------------------------------------------------------------

# Directions of the circuit's last layer: the difference of the two runs, and random ones.
circuit_directions() {
	mi-capture -m "$C" --at 'resid_post:1,z:1.2,z:1' --pos last c.jsonl -o acts.mi
	mi-direction fit --sides base,source --method mean-diff,random --draws 3 acts.mi -o d.mi
}

@test "mi-patch: along the direction of the circuit is all, across it nothing" {
	need jq
	circuit_directions
	for way in along across; do
		mi-patch -m "$C" --$way d.mi --together --metric logit_diff c.jsonl | effects |
			jq -s -e --arg way $way '(map(select(.subspace == "mean-diff")) | length == 3 and
				all(.[]; .draw == null and .method == $way and
				(.effect - (if $way == "along" then 1 else 0 end) | fabs) < 1e-5)) and
				(map(select(.subspace == "random") | "\(.site) \(.head) \(.draw)") ==
				["resid_post null 0", "resid_post null 1", "resid_post null 2", "z 2 0", "z 2 1",
				"z 2 2", "z null 0", "z null 1", "z null 2"])'
	done
}

@test "mi-patch: along a random direction, by the formula of the circuit's last step" {
	need jq
	circuit_directions
	mi-view --full d.mi | jq -c 'select(.kind == "dir" and .method == "random"
		and .site == "resid_post") | .v.data' >v
	mi-view --full acts.mi | jq -c 'select(.kind == "act" and .site == "resid_post") | .x.data' >x
	# c = <v, h_source - h>; h += c v (along), or h_source - c v (across); the final norm divides
	# by the root of the mean square; x and y stand at 64 + 24 and 64 + 25
	for way in along across; do
		mi-patch -m "$C" --$way d.mi --at resid_post:1 --pos last --metric logit_diff c.jsonl |
			effects | jq -c 'select(.subspace == "random") | .patched' >got
		jq -c --arg way $way --slurpfile x x 'def dot($a; $b): [range($a | length) | $a[.] * $b[.]] | add;
			. as $v | $x[0] as $h | $x[1] as $s
			| dot($v; [range(128) | $s[.] - $h[.]]) as $c
			| [range(128) | if $way == "along" then $h[.] + $c * $v[.] else $s[.] - $c * $v[.] end]
			| (.[88] - .[89]) / ((dot(.; .) / 128 + 0.00001) | sqrt)' v >want
		paste want got | awk '{ d = $1 - $2; if (d > 1e-5 || d < -1e-5) { print; bad = 1 } }
			END { exit bad || NR != 3 }'
	done
}

@test "mi-patch: along and across of what is read, and their aggregates" {
	need jq
	local i
	for i in 0 1 2 3 4 5 6 7; do
		printf '{"id": "b%s", "pair": %s, "side": "base", "text": "the city of %s is", "target": " in", "foil": " of"}\n' \
			$i $i "$i$i"
		printf '{"id": "s%s", "pair": %s, "side": "source", "text": "that is %s not"}\n' $i $i "$i"
	done >eight.jsonl
	mi-capture -m "$M" --at 'resid_post:*,z:1.1' --pos last eight.jsonl -o a.mi
	mi-direction fit --sides base,source --method mean-diff,random --draws 2 a.mi -o all.mi
	mi-direction select --method mean-diff all.mi -o d.mi
	mi-patch -m "$M" --along all.mi --pos last --metric proj:d.mi@resid_post:1 --aggregate \
		eight.jsonl -o along.mi
	mi-view along.mi | grep '"kind":"effect"' | jq -s -e '
		(map(select(.id != null and .layer == 1 and .subspace == "mean-diff" and .site == "resid_post"))
		| length == 8 and all(.[]; (.patched - .source | fabs) < 1e-4)) and
		(map(select(.id == null) | [.site, .layer, .subspace, .draw, .n, .groups]) ==
		[["resid_post", 0, "mean-diff", null, 8, 8], ["resid_post", 0, "random", 0, 8, 8],
		["resid_post", 0, "random", 1, 8, 8], ["z", 1, "mean-diff", null, 8, 8],
		["z", 1, "random", 0, 8, 8], ["z", 1, "random", 1, 8, 8],
		["resid_post", 1, "mean-diff", null, 8, 8], ["resid_post", 1, "random", 0, 8, 8],
		["resid_post", 1, "random", 1, 8, 8]])' ||
		mi-view along.mi | grep '"id":null' | jq -c '[.site, .layer, .subspace, .draw]'
	mi-patch -m "$M" --across d.mi --at resid_post:1 --pos last --metric proj:d.mi@resid_post:1 \
		eight.jsonl | effects | jq -s -e 'length == 8 and
		all(.[]; (.patched - .base | fabs) < 1e-4 and (.source - .base | fabs) > 1e-3)'
	# patching along and then what is left over is patching the place
	mi-patch -m "$M" --along all.mi --metric logp eight.jsonl -o one.mi --batch 1 -j 1
	mi-patch -m "$M" --along all.mi --metric logp eight.jsonl -o many.mi
	same one.mi many.mi
	# the same value changes no bit
	sed 's/"the city of [0-9]* is"/"that"/; s/"that is . not"/"that"/' eight.jsonl >equal.jsonl
	for way in along across; do
		mi-patch -m "$M" --$way all.mi --metric logp equal.jsonl | effects |
			jq -s -e 'length > 0 and all(.[]; .difference == 0)'
	done
}

@test "mi-patch: directions that do not fit are refused" {
	circuit_directions
	run_clean 3 mi-patch -m "$M" --along d.mi --metric kl p.jsonl -o out.mi
	run_clean 3 mi-patch -m "$C" --along d.mi --at resid_post:0 --metric kl c.jsonl -o out.mi
	says 'no direction for resid_post:0'
	run_clean 3 mi-patch -m "$C" --along d.mi --at q:1 --metric kl c.jsonl -o out.mi
	run_clean 2 mi-patch -m "$C" --along d.mi --at pattern:1 --metric kl c.jsonl -o out.mi
	run_clean 3 mi-patch -m "$C" --along acts.mi --at z:1 --metric kl c.jsonl -o out.mi
	run_clean 4 mi-patch -m "$C" --along none.mi --metric kl c.jsonl -o out.mi
	nothing_left out.mi
}

# ---- agreement with the other tools ------------------------------------------------

@test "mi-patch: the same bits as one edit at a time with mi-run" {
	need jq
	local place position
	mi-capture -m "$M" --at 'resid_post:*,z:*,mlp_out:*' --pos all p.jsonl -o acts.mi
	mi-patch -m "$M" --at 'resid_post:*,z:*,mlp_out:*' --metric logp p.jsonl | effects >e
	for place in resid_post:0 resid_post:1 z:0 mlp_out:1; do
		for position in -1 -2 -4; do
			mi-capture -m "$M" --at "$place" --pos "$position" p.jsonl -o one.mi
			mi-run -m "$M" --score --edit "patch $place from one.mi @ $position" p.jsonl -o r.mi
			mi-view r.mi | grep '"kind":"run"' | grep -v '"target_logp":null' |
				jq -c '[.id, .target_logp]' >want
			jq -c --arg site "${place%:*}" --argjson layer "${place#*:}" --argjson o "$position" \
				'select(.site == $site and .layer == $layer and .offset == $o) | [.id, .patched]' \
				e >got
			[ "$(wc -l <got)" -eq 2 ]
			same want got
		done
	done
}

@test "mi-patch: base and source are what mi-run scores" {
	need jq
	mi-patch -m "$M" --at resid_post:0 --pos last --metric logp p.jsonl | effects |
		jq -c '[.id, .base]' >got
	mi-run -m "$M" --score p.jsonl | mi-view - | grep '"kind":"run"' |
		grep -v '"target_logp":null' | jq -c '[.id, .target_logp]' >want
	same want got
}

@test "mi-patch: a variant is the edit that mi-run applies" {
	need jq
	mi-patch -m "$M" --variant 'a=scale mlp_out:0 * 0.5' --variant 'b=zero z:1.2 @ last' \
		--metric logp <(grep target p.jsonl) | effects >e
	for v in 'a=scale mlp_out:0 * 0.5' 'b=zero z:1.2 @ last'; do
		mi-run -m "$M" --score --edit "${v#*=}" <(grep target p.jsonl) | mi-view - |
			grep '"kind":"run"' | jq -c '[.id, .target_logp]' >want
		jq -c --arg v "${v%%=*}" 'select(.variant == $v) | [.id, .patched]' e >got
		same want got
	done
	jq -s -e 'all(.[]; .source == null and .effect == null and .site == null and
		.difference == .patched - .base)' e
}

@test "mi-patch: ablations by zero, mean and another pair" {
	need jq
	mi-capture -m "$M" --at 'mlp_out:*' --pos all --reduce mean p.jsonl -o mean.mi
	for kind in zero mean; do
		local from=() edit='zero mlp_out:1 @ all'
		[ $kind = zero ] || { from=(--from mean.mi); edit='mean-ablate mlp_out:1 from mean.mi @ prompt'; }
		mi-patch -m "$M" --at mlp_out:1 --together --ablate $kind "${from[@]}" --metric logp \
			<(sed -n 3p p.jsonl | sed 's/"pair": "b", //') | effects | jq -c .patched >got
		mi-run -m "$M" --score --edit "$edit" <(sed -n 3p p.jsonl) | mi-view - |
			grep '"kind":"run"' | jq -c .target_logp >want
		same want got
	done
	mi-patch -m "$M" --at 'mlp_out:*' --ablate resample --metric logp p.jsonl | effects >a
	{ sed -n 3,4p p.jsonl; sed -n 1,2p p.jsonl; } >turned.jsonl
	mi-patch -m "$M" --at 'mlp_out:*' --ablate resample --metric logp turned.jsonl | effects >b
	sort a >a.sorted
	sort b >b.sorted
	same a.sorted b.sorted
	jq -s -e 'all(.[]; .method == "resample") and any(.[]; .difference != 0)' a
}

@test "mi-patch: projections are those of the patched activations" {
	need jq
	head -n 4 p.jsonl | sed 's/"side": "base"/"side": "yes"/; s/"side": "source"/"side": "no"/' >d.jsonl
	mi-capture -m "$M" --at 'resid_post:*' --pos last d.jsonl -o d-acts.mi
	mi-direction fit --method mean-diff --sides yes,no d-acts.mi -o d.mi
	mi-patch -m "$M" --at resid_post:0 --pos last --metric 'proj:d.mi@resid_post:*' p.jsonl | effects >e
	# the place itself takes the source's value
	jq -s -e '[.[] | select(.at == "resid_post:0")] | length == 2 and
		all(.[]; .patched == .source and .effect == 1)' e
	jq -s -e '[.[] | select(.at == "resid_post:1")] | length == 2 and
		all(.[]; .metric == "projection" and .direction != null and .effect != 0)' e
	# what is patched after the place that is read changes nothing
	mi-patch -m "$M" --at resid_post:1 --metric 'proj:d.mi@resid_post:0' p.jsonl | effects |
		jq -s -e 'length == 11 and all(.[]; .difference == 0)'
	run_clean 3 mi-patch -m "$C" --at resid_post:0 --metric proj:d.mi@resid_post:0 c.jsonl -o out.mi
	nothing_left out.mi
}

@test "mi-patch: the divergence from the base run" {
	need jq
	mi-patch -m "$M" --at resid_post:1 --pos last --metric kl p.jsonl | effects |
		jq -s -e 'all(.[]; .base == 0 and .source > 0 and (.patched - .source | fabs) < 1e-12)'
	mi-patch -m "$M" --variant 'n=scale mlp_out:0 * 1' --metric kl --metric-pos all p.jsonl | effects |
		jq -s -e 'length == 4 and all(.[]; .patched == 0)'
}

# ---- the same bytes ---------------------------------------------------------------

@test "mi-patch: threads, passes and shards change no byte" {
	mi-patch -m "$M" --at 'resid_post:*,z:*.*' --metric logit_diff,logp,kl,prob_diff p.jsonl -o a.mi
	for how in '-j 1' '-j 2' '--batch 1' '--batch 9' '--batch 400'; do
		# shellcheck disable=SC2086
		mi-patch -m "$M" --at 'resid_post:*,z:*.*' --metric logit_diff,logp,kl,prob_diff $how \
			p.jsonl -o b.mi
		same a.mi b.mi
	done
	for i in 0 1; do
		mi-patch -m "$M" --at 'resid_post:*,z:*.*' --metric logit_diff,logp,kl,prob_diff \
			--shard $i/2 p.jsonl -o s$i.mi
	done
	mi-view merge s0.mi s1.mi -o b.mi
	same a.mi b.mi
}

@test "mi-patch: --dry-run says what it would compute" {
	run_clean 0 mi-patch -m "$M" --at 'resid_post:*' --metric logit_diff --dry-run p.jsonl
	[[ $output == *'pairs        2'*'time         about '* ]]
	mi-patch -v -m "$M" --at 'resid_post:*' --metric logit_diff p.jsonl 2>said >/dev/null
	runs=$(sed -n 's/^runs *//p' <<<"$output") same=$(sed -n 's/^unchanged *//p' <<<"$output")
	[ $((runs + same)) -eq 26 ] && [ "$same" -gt 0 ]
	grep -q "$runs runs ($same more change nothing)" said
}

@test "mi-patch: the sweep that TransformerLens makes of the same weights" {
	need jq
	printf '%s\n' \
		'{"pair": 1, "side": "base", "text": "the city of Paris is in", "target": " France", "foil": " Italy"}' \
		'{"pair": 1, "side": "source", "text": "the city of Rome is in"}' >t.jsonl
	mi-patch -m "$M" --at 'resid_post:*' --metric logit_diff t.jsonl | effects |
		jq -r '"\(.layer) \(.position) \(.base) \(.source) \(.patched)"' >got
	# tests/parity/patch_parity.py --golden wrote: layer position base source patched
	paste -d ' ' "$GOLDEN/patch/tiny.txt" got | awk '
		function far(a, b) { return a - b > 1e-4 || b - a > 1e-4 }
		$1 != $6 || $2 != $7 || far($3, $8) || far($4, $9) || far($5, $10) { print; bad = 1 }
		END { exit bad || NR != 16 }'
}
