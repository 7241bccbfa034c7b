# Models as Hugging Face directories: -m DIR.
bats_require_minimum_version 1.5.0

setup() {
	load lib/helper
	TINY=$FIXTURES/tiny
	cp -r "$TINY/llama-f32" d
	chmod -R u+w d
}

# change FILTER: config.json through jq.
change() {
	jq "$1" d/config.json >config.new
	mv config.new d/config.json
}

# refused TEXT: mi-run will not have the directory, and says so.
refused() {
	run_clean 3 mi-run -m d -p x -o out.mi
	says "$1"
	[ ! -e out.mi ]
}

@test "the digest is of what is read, by name" {
	a=$(mi-run -m d --info | sed -n 's/^digest: //p')
	cp d/config.json d/README.md
	[ "$(mi-run -m d --info | sed -n 's/^digest: //p')" = "$a" ]
	change '.eos_token_id = 5'
	[ "$(mi-run -m d --info | sed -n 's/^digest: //p')" != "$a" ]
}

@test "a directory gives what its GGUF file gives, bit for bit" {
	printf '%s\n' '{"id":"a","text":"the truth of the matter"}' \
		'{"id":"b","text":"Paris is in France <|im_end|>"}' >p.jsonl
	for m in llama-f32 qwen2-f16; do
		mi-run -m "$TINY/$m" p.jsonl -o dir.mi
		mi-run -m "$TINY/$m.gguf" p.jsonl -o gguf.mi
		mi-view dir.mi | jq -c 'select(.kind == "run") | del(.seq)' >dir.txt
		mi-view gguf.mi | jq -c 'select(.kind == "run") | del(.seq)' >gguf.txt
		[ -s dir.txt ]
		cmp dir.txt gguf.txt
	done
}

@test "so do directories of every way to store tensors" {
	for m in gemma2 gpt2 gptneox falcon-40b mixtral phi3-short stablelm-12b; do
		d=$FIXTURES/architectures/$m
		mi-run -m "$d" -p 'ab ba cab' --score -o dir.mi
		mi-run -m "$d.gguf" -p 'ab ba cab' --score -o gguf.mi
		mi-view dir.mi | jq -c 'select(.kind == "run") | del(.seq)' >dir.txt
		mi-view gguf.mi | jq -c 'select(.kind == "run") | del(.seq)' >gguf.txt
		[ -s dir.txt ]
		cmp dir.txt gguf.txt
	done
}

@test "capture, patch and directions take a directory" {
	printf '%s\n' '{"id":"a","text":"the truth of the matter","pair":"1","label":1}' \
		'{"id":"b","text":"the truth is the answer","pair":"1","label":0}' >p.jsonl
	mi-capture -m d p.jsonl --at 'resid_post:*' -o dir.mi
	mi-capture -m "$TINY/llama-f32.gguf" p.jsonl --at 'resid_post:*' -o gguf.mi
	mi-view dir.mi | jq -c 'select(.kind == "act")' >dir.txt
	mi-view gguf.mi | jq -c 'select(.kind == "act")' >gguf.txt
	[ -s dir.txt ]
	cmp dir.txt gguf.txt
	mi-run -m d -p 'the truth' --edit 'zero resid_post:0' -o run.mi
	mi-view --check run.mi
	mi-run -m d --selftest >/dev/null
	mi-capture -m d p.jsonl --at 'resid_post:*' | mi-direction fit - -o v.mi
	mi-direction unembed -m d v.mi -o words.mi
	mi-view --check words.mi
}

@test "a chat template and the ids that end a text come from the directory" {
	printf '%s\n' '{"id":"a","messages":[{"role":"user","content":"the truth"}]}' >p.jsonl
	mi-run -m d p.jsonl -o dir.mi
	mi-run -m "$TINY/llama-f32.gguf" p.jsonl -o gguf.mi
	[ "$(mi-view dir.mi | jq -c 'select(.kind == "run").tokens')" = \
		"$(mi-view gguf.mi | jq -c 'select(.kind == "run").tokens')" ]
	rm d/chat_template.jinja
	jq --rawfile t "$TINY/llama-f32/chat_template.jinja" \
		'.chat_template = [{name: "tool_use", template: "no"}, {name: "default", template: $t}]' \
		d/tokenizer_config.json >new
	mv new d/tokenizer_config.json
	mi-run -m d p.jsonl -o dir2.mi
	[ "$(mi-view dir.mi | jq -c 'select(.kind == "run").tokens')" = \
		"$(mi-view dir2.mi | jq -c 'select(.kind == "run").tokens')" ]
}

@test "further chat templates are chosen by name, from a list or from files of their own" {
	printf '%s\n' '{"id":"a","messages":[{"role":"user","content":"the truth"}]}' >p.jsonl
	# text [OPTION...]: the conversation as the model sees it
	text() {
		mi-run -m d p.jsonl "$@" -o t.mi && mi-view t.mi | jq -r 'select(.kind == "run") | .text // .tokens | tostring'
	}
	own=$(text)
	short='{% for m in messages %}{{ m.content }}{% endfor %}'
	mkdir d/additional_chat_templates
	printf '%s' "$short" >d/additional_chat_templates/tool_use.jinja
	printf '%s' "$short!" >d/additional_chat_templates/rag.jinja
	echo nothing >d/additional_chat_templates/README.md
	[ "$(text)" = "$own" ]
	short_text=$(text --template tool_use)
	[ "$short_text" != "$own" ]
	[ "$short_text" = "$(text --template "$short")" ]
	[ "$(text --template rag)" = "$(text --template "$short!")" ]
	run_clean 2 mi-run -m d p.jsonl --template other -o x.mi
	says "no chat template 'other'"
	says ", rag, tool_use;"
	a=$(mi-run -m d --info | sed -n 's/^digest: //p')
	printf '%s' "$short?" >d/additional_chat_templates/rag.jinja
	[ "$(mi-run -m d --info | sed -n 's/^digest: //p')" != "$a" ]
	# files go before the list of tokenizer_config.json
	cp d/tokenizer_config.json settings
	jq --arg s "$short" '.chat_template = [{name: "listed", template: $s}]' settings >d/tokenizer_config.json
	run_clean 2 mi-run -m d p.jsonl --template listed -o x.mi
	rm -r d/additional_chat_templates
	mv d/chat_template.jinja own.jinja
	[ "$(text --template listed)" = "$short_text" ]
	run_clean 3 mi-run -m d p.jsonl -o x.mi
	says "the model has no default chat template; choose --template raw, "
	says ", listed, or a file"
	jq --arg s "$short" --rawfile t own.jinja '.chat_template = [{name: "listed", template: $s},
		{name: "default", template: $t}]' settings >d/tokenizer_config.json
	[ "$(text)" = "$own" ]
	[ "$(text --template listed)" = "$short_text" ]
	for f in '[{name: "a", template: "x"}, {name: "a", template: "y"}]' '[{name: "a"}]' '[{template: "a"}]' '["a"]' \
		'[{name: "a", template: 5}]' '5' '{a: "b"}' '"a\u0000"'; do
		jq ".chat_template = $f" settings >d/tokenizer_config.json
		run_clean 3 mi-run -m d p.jsonl -o x.mi
		says "'tokenizer_config.json': "
		nothing_left x.mi
	done
	# what is no list of files, or too long a one
	cp settings d/tokenizer_config.json
	touch d/additional_chat_templates
	refused "'additional_chat_templates'"
	rm d/additional_chat_templates
	mkdir d/additional_chat_templates
	for i in $(seq 65); do printf x >d/additional_chat_templates/$i.jinja; done
	refused "more than 64 templates"
	rm d/additional_chat_templates/*
	head -c 1048577 /dev/zero >d/additional_chat_templates/a.jinja
	refused "1048577 bytes"
	ln -sf a.jinja d/additional_chat_templates/a.jinja
	run_clean 4 mi-run -m d -p x -o out.mi
	says "symbolic links"
}

@test "--info shows name and licence, as config.json and README.md have them" {
	run ! grep -q '^licence\|^name' <(mi-run -m d --info)
	echo words >d/LICENSE
	mi-run -m d --info | grep -qx 'licence text: LICENSE'
	change '._name_or_path = "owner/small"'
	printf '%s\r\n' --- 'language: en' 'license: "other"' 'license_name: odd' $'license_link: x\e[2J' \
		'base_model:' '- owner/large' '- owner/larger' --- 'license: mit' >d/README.md
	mi-run -m d --info >info
	[ "$(grep -E '^(name|licence|made)' info)" = 'name: owner/small
licence: other
made from: owner/large
licence name: odd
licence text: x\x1b[2J' ]
	change '._name_or_path = "/home/me/small"'
	run ! grep -q '^name' <(mi-run -m d --info)
	# a README that is none of that
	for text in '' --- '---\nlicense' '---\nlicense:' '---\nlicense:\n-' '\xff\0000---'; do
		printf '%b' "$text" >d/README.md
		mi-run -m d --info | grep -qx 'licence text: LICENSE'
	done
	rm d/README.md
	mkfifo d/README.md
	mi-run -m d --info | grep -qx 'licence text: LICENSE'
}

@test "--info shows a directory" {
	run -0 mi-run -m d --info
	[[ $output == *"format: Hugging Face directory, weights in 2 files"* ]]
	[[ $output == *"architecture: llama"* ]]
}

@test "a directory without a configuration is refused" {
	rm d/config.json
	refused "'d': 'config.json' is missing"
	mkdir empty
	run_clean 3 mi-run -m empty -p x -o out.mi
	says "config.json"
}

@test "a configuration that says nonsense is refused" {
	for f in '.hidden_size = "a"' '.hidden_size = 0' '.hidden_size = -1' '.hidden_size = 1e9' \
		'.hidden_size = 33' '.num_attention_heads = 0' '.num_attention_heads = 5' \
		'.num_key_value_heads = 3' '.num_hidden_layers = 3' '.num_hidden_layers = 1' \
		'.num_hidden_layers = 2147483647' '.rms_norm_eps = 0' '.rope_theta = -1' \
		'.rope_theta = "big"' 'del(.hidden_size)' 'del(.model_type)' '.model_type = 5' \
		'.intermediate_size = 65' '.tie_word_embeddings = false' '.head_dim = 6' \
		'.rope_scaling = {rope_type: "linear"}' '.rope_scaling = {type: "linear", factor: -2}' \
		'.rope_scaling = {type: "no such", factor: 2}' '[.]' '.text_config = {}'; do
		cp "$TINY/llama-f32/config.json" d/config.json
		change "$f"
		refused "'d': "
	done
	printf '{"hidden_size": 3' >d/config.json
	refused "'config.json': not JSON"
	printf '{"a": 1, "a": 2}' >d/config.json
	refused "'config.json'"
	head -c 600000 /dev/zero | tr '\0' ' ' >d/config.json
	refused "'config.json': 600000 bytes (limit"
}

@test "a type that is not supported is named, with those like it" {
	change '.model_type = "llamba"'
	refused "model_type 'llamba' is not supported"
	change '.model_type = "qwen2_vl"'
	refused "(near: qwen2"
}

@test "quantised directories are refused by their method" {
	change '.quantization_config = {quant_method: "gptq", bits: 4}'
	refused "'quantization_config' (gptq)"
}

@test "missing and unknown shards are refused" {
	mv d/model-00002-of-00002.safetensors aside
	refused "shard 'model-00002-of-00002.safetensors' is missing"
	mv aside d/model-00002-of-00002.safetensors
	rm d/model.safetensors.index.json
	refused "'model.safetensors.index.json' is missing"
}

@test "only pickled weights: refused with the reason" {
	rm d/*.safetensors d/model.safetensors.index.json
	touch d/pytorch_model.bin
	refused "reading a pickle runs code"
	rm d/pytorch_model.bin
	refused "there is no model.safetensors"
	touch d/m.gguf
	refused "name the .gguf file itself"
}

@test "a shard that was cut is refused" {
	for n in 0 7 8 100 30000 76559; do
		head -c "$n" "$TINY/llama-f32/model-00001-of-00002.safetensors" \
			>d/model-00001-of-00002.safetensors
		refused "model-00001-of-00002.safetensors'"
	done
}

# index FILTER: the index through jq.
index() {
	jq "$1" "$TINY/llama-f32/model.safetensors.index.json" >d/model.safetensors.index.json
}

@test "an index that lies is refused" {
	index '.weight_map["model.norm.weight"] = "model-00001-of-00002.safetensors"'
	refused "tensor 'model.norm.weight' is not in 'model-00001-of-00002.safetensors'"
	index '.weight_map["more"] = "model-00001-of-00002.safetensors"'
	refused "tensor 'more' is not in"
	index 'del(.weight_map["model.norm.weight"])'
	refused "does not have tensor 'model.norm.weight'"
	for name in ../d/model-00002-of-00002.safetensors /etc/passwd '' . .. a/b '.hidden' 'a\\b' \
		'a\u0000b'; do
		index ".weight_map[\"model.norm.weight\"] = \"$name\""
		refused "'model.safetensors.index.json': names"
	done
	index '.weight_map = {}'
	refused "'weight_map' is empty"
	index 'del(.weight_map)'
	refused "'weight_map' is missing"
	index '.weight_map["model.norm.weight"] = 5'
	refused "'model.safetensors.index.json'"
	printf '{"weight_map":{"a":"x","a":"x"}}' >d/model.safetensors.index.json
	refused "tensor 'a' is there twice"
	printf '{"weight_map":{},"weight_map":{}}' >d/model.safetensors.index.json
	refused "twice"
	jq -n '{weight_map: ([range(600) | {key: "t\(.)", value: "f\(.)"}] | from_entries)}' \
		>d/model.safetensors.index.json
	refused "names more than 512 files"
}

@test "symbolic links that go in circles are refused; others serve" {
	mv d/model-00002-of-00002.safetensors blob
	ln -s ../blob d/model-00002-of-00002.safetensors
	mi-run -m d --info >/dev/null
	rm d/model-00002-of-00002.safetensors
	ln -s model-00002-of-00002.safetensors d/model-00002-of-00002.safetensors
	refused "model-00002-of-00002.safetensors"
}

@test "tensors without a place in the model are refused" {
	change '.num_hidden_layers = 1'
	refused "has no place"
	change '.num_hidden_layers = 2 | .model_type = "qwen2"'
	run_clean 3 mi-run -m d -p x -o out.mi
	says "missing"
}

@test "a directory without tokenizer.json is refused" {
	rm d/tokenizer.json
	refused "'d': 'tokenizer.json' is missing"
}

@test "lies cost neither time nor memory" {
	need "${PYTHON:-python3}"
	[ "${MI_MODE:-release}" = release ] || skip "sanitizers take time and memory of their own"
	# headers of 50 MB: a long list, one key, blanks; an index of as much; 6 GiB of nothing
	for lie in '{"a":[1,' '{"' ' '; do
		"${PYTHON:-python3}" - "$lie" <<-'END'
			import struct, sys
			text = (sys.argv[1] + "1," * 25000000).encode()
			with open("d/model.safetensors", "wb") as f:
			    f.write(struct.pack("<Q", len(text)) + text)
		END
		(ulimit -v 500000 && ulimit -t 4 && run_clean 3 mi-run -m d -p x -o out.mi)
	done
	printf '\2\0\0\0\0\0\0\0{}' >d/model.safetensors
	truncate -s 6G d/model.safetensors
	(ulimit -t 2 && run_clean 3 mi-run -m d -p x -o out.mi && says "bytes of data where the header")
	rm d/model.safetensors
	yes '"a",' | tr -d '\n' | head -c 33000000 | cat <(printf '{"metadata":[') - \
		>d/model.safetensors.index.json
	(ulimit -v 500000 && ulimit -t 4 && run_clean 3 mi-run -m d -p x -o out.mi)
}
