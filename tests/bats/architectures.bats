#!/usr/bin/env bats
# Tools on the tiny models of fixtures/architectures, one of each architecture.

bats_require_minimum_version 1.5.0

setup() {
	load lib/helper.bash
	A="$FIXTURES/architectures"
}

@test "architectures: every row of the table has a tiny model" {
	mi-run --architectures | sed 1d | cut -f 1 | sort >rows
	for file in "$A"/*.gguf; do
		mi-run -m "$file" --info | sed -n 's/^architecture: //p'
	done | sort -u >found
	diff -u rows found
	mi-run --architectures | sed 1d | cut -f 2 | tr ' ' '\n' | grep -v '^-$' | sort >types
	cat "$A"/*/config.json | sed -n 's/.*"model_type": "\([a-z0-9_]*\)".*/\1/p' | sort -u >found
	# ministral and gemma3 are other names of what is there
	comm -23 types found >missing
	[ "$(tr '\n' ' ' <missing)" = "gemma3 ministral " ]
}

@test "architectures: --selftest passes for each, as GGUF and as a directory" {
	for file in "$A"/*.gguf; do
		mi-run -m "$file" --selftest >out || { echo "$file"; cat out; false; }
		mi-run -m "${file%.gguf}" --selftest >out || { echo "${file%.gguf}"; cat out; false; }
	done
}

@test "architectures: --list shows the sites that a model has, and the others are refused" {
	mi-capture -m "$A/phi2.gguf" --list >list
	run -1 grep -E 'resid_mid|ln2_|mlp_pre_linear' list
	grep -q '^mlp_pre:1 ' list
	mi-capture -m "$A/gptneox.gguf" --list | grep -q '^ln2_scale:1 '
	mi-capture -m "$A/olmo2.gguf" --list >list
	run -1 grep -E 'ln1_|ln2_' list
	mi-capture -m "$A/mixtral.gguf" --list >list
	run -1 grep mlp_p list
	mi-capture -m "$A/gpt2.gguf" --list >list
	run -1 grep rot_ list
	run_clean 2 mi-capture -m "$A/phi2.gguf" -p abc --at 'resid_mid:*' -o x.mi
	says "this model has no site 'resid_mid'"
}

@test "architectures: a model that longrope stretches is ready for as many tokens as it is told" {
	head -c 40 /dev/zero | tr '\0' a >prompt
	printf '\n' >>prompt
	run_clean 3 mi-run -m "$A/phi3-short.gguf" --score prompt -o x.mi
	says "the context is 32 (--context takes more)"
	mi-run -m "$A/phi3-short.gguf" --context 128 --score prompt -o long.mi
	mi-run -m "$A/phi3-short.gguf" --score -p aaaaaaaa -o a.mi
	mi-run -m "$A/phi3-short.gguf" --context 128 --score -p aaaaaaaa -o b.mi
	run -1 cmp <(mi-view a.mi | jq -c 'select(.kind == "run") | .logp') \
		<(mi-view b.mi | jq -c 'select(.kind == "run") | .logp')
	run_clean 2 mi-run -m "$A/phi3-short.gguf" --context 129 --score -p a -o x.mi
}
