bats_require_minimum_version 1.5.0

setup() {
	load lib/helper
	TINY=$FIXTURES/tiny
	M=$TINY/llama-f32.gguf
	P=$GOLDEN/run/llama-f32.jsonl
	mkdir work # bats keeps files of its own in the folder above
	cd work
}

# The digest of a stream: equal for equal records.
digest() {
	mi-view "$1" | tail -n 1 | grep -o '"digest":"[0-9a-f]*"' | head -n 1
}

# The run records of a stream, as JSON Lines.
runs() {
	mi-view "$1" | grep '^{"kind":"run"'
}

# One key of JSON Lines whose values hold no braces.
key() {
	sed "s/.*\"$1\":\([^]}]*[]}]\).*/\1/"
}

# ---- the contract of every tool --------------------------------------------------

@test "mi-run: --help goes to stdout and exits 0" {
	run -0 --separate-stderr mi-run --help
	[[ ${lines[0]} == "usage: mi-run "* ]]
	[ -z "$stderr" ]
}

@test "mi-run: --version names the tool" {
	run -0 --separate-stderr mi-run --version
	[[ ${lines[0]} == "mi-run (mi-tools) "* ]]
}

@test "mi-run: an unknown option exits 2 and names what is near" {
	run -2 --separate-stderr mi-run --temperatur 1
	[ -z "$output" ]
	[ "${stderr_lines[0]}" = "mi-run: unknown option '--temperatur'; is 'temperature' meant?" ]
}

@test "mi-run: a bad value of any option exits 2 before a file is made, and names the option" {
	local row option value
	for row in 'new-tokens -1' 'new-tokens x' 'new-tokens 1e3' 'top -1' 'top 1001' 'top ' \
		'temperature -1' 'temperature nan' 'temperature 1e9999' 'top-k -2' 'top-p 1.1' 'top-p -0' \
		'top-p inf' 'repetition-penalty 0' 'repetition-penalty x' 'seed -1' 'seed 99999999999999999999' \
		'batch -1' 'threads 1000' 'threads 0x2' 'shard 3/3' 'shard x' 'shard 1' 'max-memory 0' \
		'max-memory 4Q' 'max-memory -1' 'stop '; do
		option=${row%% *}
		value=${row#* }
		[ "$row" != 'top-p -0' ] || continue # minus zero is zero
		run -2 --separate-stderr mi-run -m "$M" -p x -o out.mi "--$option=$value"
		[ -z "$output" ]
		[[ ${stderr_lines[0]} == *"--$option"* ]]
		[ -z "$(ls -A)" ]
	done
}

@test "mi-run: an option without its value exits 2 and names the option" {
	local option
	for option in model prompt output new-tokens top temperature top-k top-p repetition-penalty stop \
		seed edit plan template system shard batch max-memory threads; do
		run -2 --separate-stderr mi-run "--$option"
		[ "${stderr_lines[0]}" = "mi-run: option '--$option' needs a value" ]
	done
}

@test "mi-run: options that contradict each other exit 2" {
	run -2 mi-run -m "$M" -p x --score -n 4
	run -2 mi-run -m "$M" -p x --score --text
	run -2 mi-run -m "$M" -p x --text -o out.mi
	run -2 mi-run -m "$M" -p x --top-p 0.5
	run -2 mi-run -m "$M" -p x --top-k 5
	run -2 mi-run -m "$M" -p x --info --tokens
	run -2 mi-run -m "$M" -p x --info -o out.mi
	run -2 mi-run -m "$M" -p x prompts.jsonl
	run -2 mi-run -m "$M" a b
	run -2 mi-run -p x
	run -2 mi-run -m "$M" -p x --template alpaca -o out.mi
	run -2 mi-run -m "$M" -p x --edit 'ad resid_post:1 v.mi' -o out.mi
	run -2 mi-run -m "$M" -p x --edit 'zero z:0' --variant a= -o out.mi
	run -2 mi-run -m "$M" -p x --plan plan --variant a= -o out.mi
	run -2 mi-run -m "$M" -p x --score --cache-from none --variant a= -o out.mi
	run -2 mi-run -m "$M" -p x --variant a -o out.mi
	run -2 mi-run -m "$M" -p x --variant =a -o out.mi
	run -2 mi-run -m "$M" -p x --variant a= --variant 'b/c=zero z:0' -o out.mi
	run -2 mi-run -m "$M" -p x --variant a= --variant 'b=zero z:7' -o out.mi
	run -2 mi-run -m "$M" -p x --edit 'zero resid_post:7' -o out.mi
	run -2 mi-run -m "$M" -p x --edit 'zero resid_post:1 @ gen:-1' -o out.mi
	[ -z "$(ls -A)" ]
}

@test "mi-run: a missing model, prompt file or plan exits 4 and names it" {
	run -4 --separate-stderr mi-run -m absent.gguf -p x -o out.mi
	[ "$stderr" = "mi-run: cannot open 'absent.gguf': No such file or directory" ]
	run -4 --separate-stderr mi-run -m "$M" absent.jsonl -o out.mi
	[ "$stderr" = "mi-run: cannot open 'absent.jsonl': No such file or directory" ]
	run -4 --separate-stderr mi-run -m "$M" -p x --plan absent.plan -o out.mi
	[ "$stderr" = "mi-run: cannot open 'absent.plan': No such file or directory" ]
	[ -z "$(ls -A)" ]
}

@test "mi-run: an output that cannot be made exits 4 before the model is looked at" {
	run -4 --separate-stderr mi-run -m absent.gguf -p x -o no/such/folder/out.mi
	[[ $stderr == "mi-run: cannot create 'no/such/folder/out.mi': "* ]]
	mkdir folder
	run -4 --separate-stderr mi-run -m absent.gguf -p x -o folder
	[[ $stderr == "mi-run: "*"'folder'"* ]]
}

@test "mi-run: input and output may not be the same file" {
	echo hello >p.txt
	run -2 mi-run -m "$M" p.txt -o p.txt
	[ "$(cat p.txt)" = hello ]
}

@test "mi-run: an empty input, or one without prompts, exits 3" {
	: >empty
	run -3 --separate-stderr mi-run -m "$M" empty -o out.mi
	[[ $stderr == "mi-run: no prompts in 'empty'"* ]]
	printf '\n\n' >blank
	run -3 mi-run -m "$M" blank -o out.mi
	run -3 mi-run -m "$M" -o out.mi </dev/null
	[ ! -e out.mi ]
}

@test "mi-run: a prompt longer than the context exits 3 and names the line" {
	{
		echo short
		printf 'x%.0s' {1..600}
		echo
	} >p.txt
	run -3 --separate-stderr mi-run -m "$M" p.txt -o out.mi
	[[ $stderr == "mi-run: 'p.txt': line 2: "*"context"* ]]
	[ "$(ls -A)" = p.txt ]
}

@test "mi-run: damaged models and streams exit 3" {
	head -c 50000 "$M" >cut.gguf
	run -3 mi-run -m cut.gguf -p x -o out.mi
	echo '{"id": 1}' >json.gguf
	run -3 mi-run -m json.gguf -p x -o out.mi
	mi-run -m "$M" -p hello -n 4 -o run.mi
	head -c 300 run.mi >cut.mi
	run -3 mi-run -m "$M" --score cut.mi -o out.mi
	[ ! -e out.mi ]
}

@test "mi-run: a run stream of another model exits 3" {
	mi-run -m "$M" -p hello -n 4 -o run.mi
	run -3 --separate-stderr mi-run -m "$TINY/qwen2-f16.gguf" --score run.mi -o out.mi
	[[ $stderr == "mi-run: 'run.mi'"* ]]
	mi-run -m "$TINY/qwen2-f16.gguf" --score --other-model run.mi -o out.mi
}

@test "mi-run: a full disk is an error, not a silent loss" {
	FULL=$(full_device) || skip "no always-full device here"
	run -4 bash -c 'mi-run -m "$1" -p hello -n 4 >"$2"' - "$M" "$FULL"
	run -4 bash -c 'mi-run -m "$1" -p hello -n 4 --text >"$2"' - "$M" "$FULL"
	run -4 bash -c 'mi-run -m "$1" --info >"$2"' - "$M" "$FULL"
}

@test "mi-run: a reader that leaves ends it quietly" {
	yes hello | head -n 3000 >many.txt
	run -0 --separate-stderr bash -c \
		'mi-run -m "$1" --tokens many.txt | head -n 1; [ "${PIPESTATUS[0]}" -eq 141 ]' - "$M"
	[ -z "$stderr" ]
}

@test "mi-run: silence when all is well, one line with -v" {
	run -0 mi-run -m "$M" -p hello -n 4 -o run.mi
	[ -z "$output" ]
	run -0 mi-run -m "$M" -p hello -n 4 -o run.mi -v
	[ "${#lines[@]}" -eq 1 ]
	[[ $output =~ ^mi-run:\ 1\ prompts,\ [0-9]+\ tokens\ given\ \(0\ shared,\ [0-9.]+/s\),\ 4\ generated ]]
}

@test "mi-run: binary output to a terminal is refused with a hint" {
	need script
	run -2 script -qec "mi-run -m $M -p hello --score" /dev/null
	[[ $output == *"mi-view"* ]]
}

# ---- what it shows ----------------------------------------------------------------

@test "mi-run: on a terminal it prints the text, not records" {
	need script
	mi-run -m "$M" -p 'the city' -n 12 --text >plain
	script -qec "mi-run -m $M -p 'the city' -n 12" /dev/null </dev/null | tr -d '\r' >shown
	[ -s shown ]
	run -1 grep '[^[:print:][:space:]]' <(tr -d '\200-\377' <shown)
	[ "$(head -c 3 plain)" = "$(head -c 3 shown)" ]
}

@test "mi-run: --text of several prompts names each" {
	printf 'one\ntwo\n' >p.txt
	run -0 mi-run -m "$M" p.txt -n 3 --text
	[ "$(grep -c '^\[[12]\]$' <<<"$output")" -eq 2 ]
}

@test "mi-run: --info says what the model is" {
	run -0 --separate-stderr mi-run -m "$M" --info
	[ -z "$stderr" ]
	local line
	for line in 'architecture: llama' 'n_layers: 2' 'n_heads: 4' 'n_kv_heads: 2' 'd_model: 32' \
		'd_vocab: 300' 'context: 512' 'parameters: 28192' 'tensors F32: 20, 110.1 KiB' "template: the model's own" 'tokens: 300'; do
		[[ $'\n'$output$'\n' == *$'\n'"$line"$'\n'* ]] || { echo "no '$line'"; false; }
	done
	[[ $output == *"memory at 512 tokens: "* ]]
	[[ $output == *$'\n''group attn_q.weight: 2, 8.0 KiB, F32'$'\n'* ]]
	[[ $output == *$'\n''rotation: base 10000, 8 of 8 coordinates'$'\n'* ]]
	run -0 --separate-stderr mi-run -m "$FIXTURES/tiny/llama-mixed.gguf" --info --context 100
	[[ $output == *"memory at 100 tokens: "* && $output != *"memory at 512"* ]]
	run_clean 2 mi-run -m "$M" --info --context 513
}

@test "mi-run: --selftest passes, a line a check" {
	run -0 --separate-stderr mi-run -m "$M" --selftest
	[ -z "$stderr" ]
	[ "${#lines[@]}" -eq 9 ]
	local line
	for line in "${lines[@]}"; do
		[[ $line =~ ^'ok     '[a-z]+': '.*[0-9] ]] || { echo "$line"; false; }
	done
	run_clean 2 mi-run -m "$M" --selftest -o out.mi
	run_clean 2 mi-run -m "$M" --selftest --info
	run_clean 3 mi-run -m "$FIXTURES/tiny/llama-k.gguf" --selftest
}

@test "mi-run: --tokens prints one JSON object a prompt" {
	printf '%s\n' '{"text": "the city", "spans": {"what": "city"}, "target": " is"}' \
		'{"messages": [{"role": "user", "content": "hi"}]}' >p.jsonl
	run -0 --separate-stderr mi-run -m "$M" --tokens p.jsonl
	[ "${#lines[@]}" -eq 2 ]
	[[ ${lines[0]} == '{"id":"1","tokens":['*'"spans":[{"name":"what",'*'"target":['* ]]
	[[ ${lines[1]} == *'"pieces":["<|im_start|>","user"'*'<|im_start|>","assistant"'* ||
		${lines[1]} == *'"pieces":["<|im_start|>"'*'"roles":[{"name":"user"'* ]]
}

@test "mi-run: --dry-run says what would be computed and makes nothing" {
	printf 'one\ntwo\n' >p.txt
	run -0 --separate-stderr mi-run -m "$M" p.txt -n 10 --dry-run
	[[ ${lines[0]} == "prompts: 2" ]]
	[[ $output == *"tokens generated, at most: 20"*"peak memory: at most "* ]]
	[ "$(ls)" = p.txt ]
}

@test "mi-run: --max-memory that is too small exits 4 and says how much is needed" {
	run -4 --separate-stderr mi-run -m "$M" -p hello --max-memory 100K -o out.mi
	[[ $stderr == "mi-run: "*"MiB"*"--max-memory"* ]]
	[ -z "$(ls -A)" ]
}

# ---- prompts ------------------------------------------------------------------------

@test "mi-run: -p, a file and standard input give the same records" {
	printf 'the city of Rome\n' >p.txt
	mi-run -m "$M" -p 'the city of Rome' -n 6 -o a.mi
	mi-run -m "$M" p.txt -n 6 -o b.mi
	mi-run -m "$M" -n 6 -o c.mi <p.txt
	mi-run -m "$M" - -n 6 <p.txt >d.mi
	[ "$(runs a.mi)" = "$(runs b.mi)" ]
	[ "$(digest b.mi)" = "$(digest c.mi)" ]
	[ "$(digest b.mi)" = "$(digest d.mi)" ]
}

@test "mi-run: messages open the assistant's turn when generating, on request when scoring" {
	echo '{"messages": [{"role": "user", "content": "hi"}]}' >p.jsonl
	mi-run -m "$M" --tokens p.jsonl >generate
	mi-run -m "$M" --tokens --score p.jsonl >score
	mi-run -m "$M" --tokens --score --add-generation-prompt p.jsonl >both
	run -1 cmp -s generate score
	cmp generate both
	mi-run -m "$M" --tokens -p hi --template chatml | sed 's/"fields":.*//' >single
	[ "$(sed 's/"fields":.*//' generate)" = "$(cat single)" ]
}

@test "mi-run: messages are refused when the template is raw or unknown" {
	echo '{"messages": [{"role": "user", "content": "hi"}]}' >p.jsonl
	run -3 mi-run -m "$TINY/llama-k.gguf" p.jsonl -o out.mi
	[ ! -e out.mi ]
}

@test "mi-run: the text of control tokens is only text, unless --parse-special" {
	mi-run -m "$M" --tokens -p '<|im_end|>' >plain
	mi-run -m "$M" --tokens --parse-special -p '<|im_end|>' >special
	grep -q '"tokens":\[2\]' special
	! grep -q '"tokens":\[2\]' plain
}

# ---- generation ---------------------------------------------------------------------

@test "mi-run: a stop string ends the text before it, across tokens too" {
	mi-run -m "$M" -p 'the city' -n 40 --text >all
	local stop
	stop=$(head -n 1 all | cut -c 5-7)
	[ -n "$stop" ]
	mi-run -m "$M" -p 'the city' -n 40 --text --stop "$stop" >"cut"
	[ "$(cat cut)" = "$(head -c "$(grep -obaF -m 1 -- "$stop" all | head -n 1 | cut -d : -f 1)" all)" ]
	mi-run -m "$M" -p 'the city' -n 40 --stop "$stop" -o run.mi
	runs run.mi | grep -q '"stop":"string"'
}

@test "mi-run: -n is the number of tokens, and stop says why it ended" {
	mi-run -m "$M" -p 'the city' -n 5 -o run.mi
	runs run.mi | grep -q '"stop":"length"'
	mi-run -m "$M" -p 'the city' -n 0 -o none.mi
	mi-run -m "$M" -p 'the city' --score -o score.mi
	[ "$(runs none.mi)" = "$(runs score.mi)" ]
	printf 'x%.0s' {1..508} >p.txt
	mi-run -m "$M" p.txt -n 400 -o full.mi
	runs full.mi | grep -qE '"stop":"(context|end)"'
}

@test "mi-run: the same seed draws the same text, another one another" {
	mi-run -m "$M" -p 'the city' -n 30 --temperature 2 -s 1 -o a.mi
	mi-run -m "$M" -p 'the city' -n 30 --temperature 2 -s 1 -o b.mi
	mi-run -m "$M" -p 'the city' -n 30 --temperature 2 -s 2 -o c.mi
	cmp a.mi b.mi
	[ "$(runs a.mi)" != "$(runs c.mi)" ]
}

@test "mi-run: a run can be continued" {
	mi-run -m "$M" -p 'the city' -n 6 -o six.mi
	mi-run -m "$M" six.mi -n 6 -o more.mi
	mi-run -m "$M" -p 'the city' -n 12 -o twelve.mi
	[ "$(runs more.mi)" = "$(runs twelve.mi)" ]
}

# ---- the same bytes ------------------------------------------------------------------

@test "mi-run: threads, batches and instruction sets change no byte" {
	local j isa
	mi-run -m "$M" "$P" -n 16 --top 3 --temperature 1.1 -o want.mi
	for j in 1 2 3 7; do
		mi-run -m "$M" "$P" -n 16 --top 3 --temperature 1.1 -j $j --batch $j -o got.mi
		cmp want.mi got.mi
	done
	for isa in portable avx2 avx512; do
		MI_ISA=$isa mi-run --version >/dev/null || continue # this processor has no such set
		MI_ISA=$isa mi-run -m "$M" "$P" -n 16 --top 3 --temperature 1.1 -o got.mi
		cmp want.mi got.mi
	done
}

@test "mi-run: the order of the prompts changes no record" {
	mi-run -m "$M" "$P" -n 16 -o a.mi
	tac "$P" | mi-run -m "$M" -n 16 -o b.mi
	[ "$(runs a.mi | sort)" = "$(runs b.mi | sort)" ]
}

@test "mi-run: prompts alone give what they give together" {
	mi-run -m "$M" "$P" -n 16 --temperature 0.8 -o all.mi
	while read -r line; do
		mi-run -m "$M" -n 16 --temperature 0.8 <<<"$line" -o one.mi
		runs one.mi
	done <"$P" >one
	diff <(runs all.mi) one
}

@test "mi-run: prompts that begin alike are computed once, and give what they give alone" {
	local i stem='the city of Rome is in Italy . that is true . '
	for i in France Italy Paris 'the answer'; do
		printf '{"text": "%s%s", "target": " is", "foil": " of Rome"}\n' "$stem" "$i"
	done >p.jsonl
	printf '{"text": "%s"}\n' "$stem" "the city" >>p.jsonl
	mi-run -m "$M" p.jsonl -n 12 --top 2 --temperature 1 -v -o all.mi 2>"talk"
	grep -qE '\([1-9][0-9]+ shared' talk
	mi-run -m "$M" p.jsonl -n 12 --top 2 --temperature 1 -v --batch 1 -o alone.mi 2>"talk"
	grep -q '(0 shared' talk
	cmp all.mi alone.mi
}

@test "mi-run: scoring a generated text gives the generation's figures" {
	mi-run -m "$M" "$P" -n 16 --temperature 1 -o made.mi
	mi-run -m "$M" --score made.mi -o scored.mi
	diff <(runs made.mi | sed 's/"target_logp.*"rank/"rank/; s/"stop":[^,]*//') \
		<(runs scored.mi | sed 's/"target_logp.*"rank/"rank/; s/"stop":[^,]*//')
}

@test "mi-run: shards merge to the single run" {
	local n i
	for i in {1..7}; do echo "the city of $i"; done >p.txt
	mi-run -m "$M" p.txt -n 4 -o all.mi
	for n in 1 2 3 7; do
		for ((i = 0; i < n; i++)); do mi-run -m "$M" p.txt -n 4 --shard $i/$n -o part.$i.mi; done
		mi-view merge part.*.mi -o merged.mi
		[ "$(digest merged.mi)" = "$(digest all.mi)" ]
		rm part.*.mi
	done
}

# ---- edits ---------------------------------------------------------------------------

@test "mi-run: an edit changes the text, and the header carries it" {
	mi-run -m "$M" -p 'the city' -n 8 -o plain.mi
	mi-run -m "$M" -p 'the city' -n 8 --edit 'zero mlp_out:* @ all' -o zero.mi
	[ "$(runs plain.mi)" != "$(runs zero.mi)" ]
	mi-view zero.mi | head -n 1 | grep -q '"edits":\["zero mlp_out:\*'
	printf '# a plan\n\nzero mlp_out:* @ all\n' >plan
	mi-run -m "$M" -p 'the city' -n 8 --plan plan -o planned.mi
	[ "$(digest zero.mi)" = "$(digest planned.mi)" ]
}

@test "mi-run: an edit that changes nothing changes no bit" {
	mi-run -m "$M" -p 'the city' -n 8 -o plain.mi
	mi-run -m "$M" -p 'the city' -n 8 --edit 'scale resid_post:* * 1 @ all' -o same.mi
	[ "$(runs plain.mi)" = "$(runs same.mi)" ]
}

@test "mi-run: an edit at gen leaves the prompt's figures alone" {
	mi-run -m "$M" -p 'the city of Rome is' -n 8 -o plain.mi
	mi-run -m "$M" -p 'the city of Rome is' -n 8 --edit 'zero mlp_out:* @ gen' -o gen.mi
	local n
	n=$(mi-view plain.mi | grep -o '"n_prompt":[0-9]*' | cut -d : -f 2)
	n=$((n + 1)) # the first generated token follows from the prompt alone
	[ "$(runs plain.mi | key logp | cut -d , -f 1-$n)" = "$(runs gen.mi | key logp | cut -d , -f 1-$n)" ]
	[ "$(runs plain.mi | key logp)" != "$(runs gen.mi | key logp)" ]
}

@test "mi-run: a run made with edits is scored again only when it is said how" {
	mi-run -m "$M" -p 'the city' -n 8 --edit 'zero mlp_out:1 @ all' -o zero.mi
	run -3 --separate-stderr mi-run -m "$M" --score zero.mi -o out.mi
	[[ $stderr == *"@run"*"none"* ]]
	mi-run -m "$M" --score zero.mi --edit @run -o again.mi
	[ "$(runs zero.mi | key logp)" = "$(runs again.mi | key logp)" ]
	mi-run -m "$M" --score zero.mi --edit none -o none.mi
	[ "$(runs zero.mi | key logp)" != "$(runs none.mi | key logp)" ]
}

@test "mi-run: edits change no byte by batch, order of passes or threads" {
	local edits=(--edit 'zero z:1.2 @ all' --edit 'noise resid_pre:1 * 0.3 @ all'
		--edit 'scale pattern:0 * 0.9 @ prompt' -s 4)
	mi-run -m "$M" "$P" -n 12 "${edits[@]}" -o want.mi
	mi-run -m "$M" "$P" -n 12 "${edits[@]}" --batch 1 -j 1 -o got.mi
	cmp want.mi got.mi
	mi-run -m "$M" "$P" -n 12 "${edits[@]}" --batch 2 -j 3 -o got.mi
	cmp want.mi got.mi
	mi-run -m "$M" --score want.mi --edit @run -o again.mi
	diff <(runs want.mi | key logp) <(runs again.mi | key logp)
}

# ---- variants --------------------------------------------------------------------------

# alone LABEL STREAM EDIT...: the stream has for LABEL the records of a run with these edits alone.
alone() {
	local label=$1 stream=$2 edit edits=()
	for edit in "${@:3}"; do edits+=(--edit "$edit"); done
	mi-run -m "$M" "${how[@]}" "${edits[@]}" -o one.mi
	runs_of one.mi >want
	runs_of "$stream" | jq -c --arg l "/$label" 'select(.id | endswith($l)) | .id |= .[:-($l | length)]' >got
	[ -s want ]
	same want got
}

# The run records in full, as jq writes them.
runs_of() {
	mi-view --full "$1" | grep '^{"kind":"run"' | jq -c .
}

@test "mi-run: a variant has the records of a run of its own, to the bit" {
	need jq
	printf '%s\n' '{"id": "x", "text": "the city of Rome is in France and not that of Paris", "target": " in the"}' \
		'{"id": "y", "text": "the city of Rome is in France, true", "foil": " true", "target": "."}' \
		'{"id": "z/1", "text": "that is not"}' >q.jsonl
	mi-capture -m "$M" --at resid_post:0 --pos -2 q.jsonl -o a.mi
	local how all=(--variant plain= --variant 'zero=zero z:1.2 @ all' --variant 'b c=scale result:1 * 0.5 @ last'
		--variant 'two=noise resid_pre:1 * 0.3 @ all' --variant 'frozen=zero mlp_out:0 @ all'
		--variant 'two=scale pattern:0 * 0.9 @ prompt' --variant 'frozen=freeze pattern:* @ all'
		--variant 'patched=patch resid_post:0 from a.mi @ -2' --variant 'gen=zero mlp_out:* @ gen')
	for how in '--score --top 2' '-n 9 --top 1' '-n 6 --temperature 1 --repetition-penalty 1.2 -s 5'; do
		read -ra how <<<"$how"
		how+=(q.jsonl)
		run_clean 0 mi-run -m "$M" "${how[@]}" "${all[@]}" -o all.mi
		alone plain all.mi
		alone zero all.mi 'zero z:1.2 @ all'
		alone 'b c' all.mi 'scale result:1 * 0.5 @ last'
		alone two all.mi 'noise resid_pre:1 * 0.3 @ all' 'scale pattern:0 * 0.9 @ prompt'
		alone frozen all.mi 'zero mlp_out:0 @ all' 'freeze pattern:* @ all'
		alone patched all.mi 'patch resid_post:0 from a.mi @ -2'
		alone gen all.mi 'zero mlp_out:* @ gen'
		[ "$(runs_of all.mi | wc -l)" -eq 21 ]
	done
	# by prompt, and of each in the order in which the labels came
	[ "$(runs_of all.mi | head -n 8 | jq -r .id | xargs)" = "x/plain x/zero x/b c x/two x/frozen x/patched x/gen y/plain" ]
	[ "$(mi-view all.mi | jq -r 'select(.kind == "prompt").fields.variant' | sort -u | wc -l)" -eq 7 ]
}

@test "mi-run: variants share what comes before their first edit" {
	need jq
	echo 'the city of Rome is in France and not that of Paris' >q.txt
	shared() {
		mi-run -v -m "$M" --score q.txt "$@" -o out.mi 2>&1 | sed 's/.*(\([0-9]*\) shared.*/\1/'
	}
	n=$(mi-run -m "$M" --tokens q.txt | jq .n_prompt)
	[ "$(shared --variant a= --variant b= --variant c=)" -eq $((2 * (n - 1))) ]
	[ "$(shared --variant a= --variant 'b=zero z:0 @ -3' --variant 'c=zero z:1 @ 9')" -eq $((n - 3 + 9)) ]
	[ "$(shared --variant 'b=zero z:0 @ all' --variant 'c=zero z:1 @ 9')" -eq 0 ]
	[ "$(shared --variant a= --variant 'b=freeze z:0 @ last')" -eq 0 ]
}

@test "mi-run: variants are told apart by readers" {
	need jq
	printf '{"id":"%s","text":"the city","target":"zzz","foil":"yyy","topic":"t%s"}\n' a 1 b 2 >p.jsonl
	run_clean 0 mi-run -m "$M" -n 4 --variant plain= --variant 'x=zero mlp_out:*' p.jsonl -o j.mi \
		--judge-command 'while read -r x; do echo "$x" >>seen; echo foil; done'
	# who judges is not told the variant
	[ "$(jq -r '.id + .fields.topic' seen | xargs)" = "at1 at1 bt2 bt2" ]
	run ! grep -q variant seen
	mi-probe rate --bootstrap 0 --by variant j.mi | mi-view | jq -r 'select(.kind == "score").variant' >labels
	[ "$(sort -u labels | xargs)" = "plain x" ]
	[ "$(mi-view --header j.mi | jq -c '.edits, .variants.x.edits, .provenance[-1].edits' | xargs)" = \
		"null [zero mlp_out:* @ all] [plain=,x=zero mlp_out:* @ all]" ]
	mi-report j.mi >page
	[ "$(head -n 2 page)" = $'A, plain: no edits\nB, x: zero mlp_out:* @ all' ]
	[ "$(grep -c '^\[[ab]\]$' page)" -eq 2 ]
	mi-view filter --id b/x j.mi | mi-report | grep -q '^\[b\]$'
	# the edits are each one's own: the stream is read as a plain one, or not at all
	run_clean 3 mi-run -m "$M" --score j.mi -o out.mi
	says '--edit none'
	run_clean 3 mi-run -m "$M" --score --edit @run j.mi -o out.mi
	says 'the run had variants'
	run_clean 3 mi-capture -m "$M" --at resid_post:1 --edit @run j.mi -o out.mi
	says 'the run had variants'
	run_clean 0 mi-run -m "$M" --score --edit none j.mi -o out.mi
	run_clean 3 mi-run -m "$M" --score --variant a=none j.mi -o out2.mi
	says "has a field 'variant' already"
	nothing_left out2.mi
}

@test "mi-run: a run made with edits has variants on top of them" {
	need jq
	mi-run -m "$M" -p 'the city' -n 8 --edit 'zero mlp_out:1 @ all' -o zero.mi
	run_clean 3 mi-run -m "$M" --score --variant a= zero.mi -o out.mi
	local how=(--score zero.mi)
	mi-run -m "$M" "${how[@]}" --variant a=@run --variant a='zero z:0.1 @ all' --variant b=none -o all.mi
	alone a all.mi @run 'zero z:0.1 @ all'
	alone b all.mi none
}

@test "mi-run: text of variants names each, --dry-run counts them, shards merge" {
	local v=(--variant plain= --variant 'x=zero mlp_out:*')
	run_clean 0 mi-run -m "$M" -p 'the city' -n 4 --text "${v[@]}"
	[ "$(grep -c '^\[1/' <<<"$output")" -eq 2 ]
	mi-run -m "$M" "$P" --dry-run >plain
	mi-run -m "$M" "$P" --dry-run "${v[@]}" >both
	[ "$(sed -n 's/^prompts: //p' both)" -eq $((2 * $(sed -n 's/^prompts: //p' plain))) ]
	mi-run -m "$M" "$P" -n 3 "${v[@]}" -o all.mi
	mi-run -m "$M" "$P" -n 3 "${v[@]}" --shard 0/2 -o 0.mi
	mi-run -m "$M" "$P" -n 3 "${v[@]}" --shard 1/2 -o 1.mi
	mi-view merge 0.mi 1.mi -o merged.mi
	[ "$(digest merged.mi)" = "$(digest all.mi)" ]
}

# ---- judging ---------------------------------------------------------------------------

@test "mi-run: texts are judged by rules" {
	mi-run -m "$M" -p 'the city' -n 8 --text >text
	jq -nc --rawfile t text '{text: "the city", target: "zzz", foil: "yyy", aliases: [$t]},
		{text: "the city", target: "zzz", foil: "yyy"},
		{text: "the city", target: "zzz", foil: "yyy", foil_aliases: $t}' >p.jsonl
	sed 's/ *$//' text | grep -q '[A-Za-z0-9]' || skip "the tiny model says no word"
	run_clean 0 mi-run -m "$M" -n 8 --judge p.jsonl -o j.mi
	[ "$(mi-view j.mi | jq -r 'select(.judged).judged' | xargs)" = "target neither foil" ]
	# not asked: no key; asked of a text that was given: the same answer
	[ "$(mi-view j.mi | jq -c 'select(.kind == "run") | has("judged")' | sort -u)" = true ]
	mi-run -m "$M" -n 8 p.jsonl -o plain.mi
	[ "$(mi-view plain.mi | jq -c 'select(.kind == "run") | has("judged")' | sort -u)" = false ]
	mi-run -m "$M" --score --judge plain.mi -o again.mi
	[ "$(mi-view again.mi | jq -r 'select(.judged).judged' | xargs)" = "target neither foil" ]
}

@test "mi-run: a prompt that cannot be judged is named" {
	run_clean 3 mi-run -m "$M" -p 'the city' -n 2 --judge -o j.mi
	says "has no text in 'target' or 'foil'"
	nothing_left j.mi
	run_clean 2 mi-run -m "$M" -p 'the city' -n 2 --judge --text
}

@test "mi-run: texts are judged by a command, in order, by one process" {
	printf '{"id":"%s","text":"the city","topic":"t%s"}\n' a 1 b 2 c 3 >p.jsonl
	run_clean 0 mi-run -m "$M" -n 4 --batch 2 p.jsonl -o j.mi --judge-command \
		'echo $$ >>pids; while read -r x; do echo "$x" >>seen; case $x in *t2*) echo foil;; *) echo neither;; esac; done'
	[ "$(wc -l <pids)" -eq 1 ]
	[ "$(jq -r '.id + .fields.topic' seen | xargs)" = "at1 bt2 ct3" ]
	[ "$(jq -r '.text | type' seen | sort -u)" = string ]
	[ "$(mi-view j.mi | jq -r 'select(.judged).judged' | xargs)" = "neither foil neither" ]
}

@test "mi-run: a command that does not judge is an error" {
	local bad
	for bad in 'exit 0' 'while read x; do echo maybe; done' 'while read x; do echo foil; done; exit 7' \
		'while read x; do echo foil; echo foil; done' 'no-such-command 2>/dev/null'; do
		run_clean 3 mi-run -m "$M" -p 'the city' -n 2 -o j.mi --judge-command "$bad"
		says "judging"
		nothing_left j.mi
	done
}

# ---- keys and values of another run ------------------------------------------------------

@test "mi-run: keys and values of a run under the same edits are one's own, to the bit" {
	local edits=(--edit 'zero z:1.2 @ all' --edit 'noise resid_pre:1 * 0.3 @ gen' -s 4)
	printf '%s\n' 'zero z:1.2 @ all' 'noise resid_pre:1 * 0.3 @ gen' >plan
	mi-run -m "$M" "$P" -n 8 -o y.mi
	mi-run -m "$M" --score --top 2 y.mi "${edits[@]}" -o own.mi
	run_clean 0 mi-run -m "$M" --score --top 2 y.mi "${edits[@]}" --cache-from plan -o crossed.mi
	diff <(runs own.mi) <(runs crossed.mi)
	mi-run -m "$M" --score --top 2 y.mi "${edits[@]}" --cache-from plan --batch 1 -j 1 -o one.mi
	cmp crossed.mi one.mi
	mi-run -m "$M" --score y.mi -o plain.mi
	mi-run -m "$M" --score y.mi --cache-from none -o none.mi
	diff <(runs plain.mi) <(runs none.mi)
}

@test "mi-run: an edit reaches later tokens through keys and values alone" {
	mi-run -m "$M" -p 'the city of Rome is' -n 8 -o y.mi
	mi-run -m "$M" --score y.mi -o plain.mi
	echo 'zero attn_out:0 @ prompt' >plan
	# edited at the prompt only: what it left behind is all that generated tokens feel
	mi-run -m "$M" --score --edit 'zero attn_out:0 @ prompt' y.mi -o edited.mi
	mi-run -m "$M" --score --cache-from plan y.mi -o past.mi
	mi-run -m "$M" --score --edit 'zero attn_out:0 @ prompt' --cache-from none y.mi -o now.mi
	local n
	n=$(mi-view y.mi | jq 'select(.kind == "prompt").n_prompt')
	lp() { runs "$1" | jq -c "[.logp[$2]]"; }
	# behind the first generated token
	[ "$(lp edited.mi "$((n + 1)):")" = "$(lp past.mi "$((n + 1)):")" ]
	[ "$(lp plain.mi "$((n + 1)):")" = "$(lp now.mi "$((n + 1)):")" ]
	[ "$(lp plain.mi "$((n + 1)):")" != "$(lp edited.mi "$((n + 1)):")" ]
	[ "$(lp plain.mi "2:$n")" != "$(lp now.mi "2:$n")" ]
}

@test "mi-run: a stream with another run's keys and values says so, and is not repeated" {
	echo 'zero mlp_out:1 @ all' >plan
	mi-run -m "$M" -p 'the city' -n 4 -o y.mi
	mi-run -m "$M" --score --cache-from plan y.mi -o x.mi
	[ "$(mi-view x.mi | jq -r 'select(.kind == "header") | .cache_from.edits[0], .provenance[-1].options["cache-from"]' |
		sort -u)" = 'zero mlp_out:1 @ all' ]
	run_clean 3 mi-run -m "$M" --score --edit @run x.mi -o z.mi
	says "--cache-from"
	run_clean 3 mi-run -m "$M" --score x.mi -o z.mi
	run_clean 0 mi-run -m "$M" --score --edit none x.mi -o z.mi
	run_clean 2 mi-run -m "$M" -n 4 --cache-from none y.mi -o z.mi
	run_clean 4 mi-run -m "$M" --score --cache-from no-such-plan y.mi -o z.mi
	says "--cache-from"
	# @run: the edits of the run that is read
	mi-run -m "$M" -p 'the city' -n 4 --plan plan -o e.mi
	mi-run -m "$M" --score --edit none --cache-from @run e.mi -o a.mi
	mi-run -m "$M" --score --edit none --cache-from plan e.mi -o b.mi
	diff <(runs a.mi) <(runs b.mi)
}

# ---- the chat model --------------------------------------------------------------------

@test "mi-run: the first command of the README, on the chat model" {
	need_model
	run -0 --separate-stderr mi-run -m "$MODEL" -p 'The capital of France is' -n 8 --text
	[ "$output" = $' Paris.\n\nThe answer is:' ] # as transformers goes on
	[ -z "$stderr" ]
}

@test "mi-run: a pipe of records into mi-view, on the chat model" {
	need_model
	echo '{"text": "The capital of France is", "target": " Paris", "foil": " London"}' >p.jsonl
	run -0 --separate-stderr bash -o pipefail -c 'mi-run -m "$1" --score p.jsonl | mi-view' - "$MODEL"
	[ "${#lines[@]}" -eq 4 ]
	# as transformers has them in f32 on the dequantised weights, within 2e-5
	[[ ${lines[2]} == *'"target_logp":-0.2580'*'"foil_logp":-4.3843'* ]]
}

@test "mi-run: a swap is what mi-patch does along a direction, to the bit" {
	need jq
	printf '%s\n' \
		'{"id": "a1", "pair": "a", "side": "base", "text": "the city of Paris is", "target": " in the"}' \
		'{"id": "a2", "pair": "a", "side": "source", "text": "the city of Rome is"}' \
		'{"id": "b1", "pair": "b", "side": "base", "text": "that is true", "target": " in"}' \
		'{"id": "b2", "pair": "b", "side": "source", "text": "this is not true"}' >p.jsonl
	mi-capture -m "$M" --at 'resid_post:0,z:1,z:1.2' --pos -2 p.jsonl -o a.mi
	mi-direction fit --sides base,source --method mean-diff a.mi -o d.mi
	mi-patch -m "$M" --along d.mi --pos -2 --metric logp p.jsonl | mi-view - | grep '"kind":"effect"' >e
	for place in resid_post:0 z:1 z:1.2; do
		run_clean 0 mi-run -m "$M" --score --edit "swap $place d.mi from a.mi @ -2" p.jsonl -o r.mi
		runs r.mi | jq -c 'select(.target_logp) | [.id, .target_logp]' >want
		jq -c --arg p "$place" 'select("\(.site):\(.layer)" + (if .head == null then "" else ".\(.head)" end) == $p)
			| [.id, .patched]' e >got
		[ "$(wc -l <got)" -eq 2 ]
		cmp want got
		mi-run -m "$M" --score r.mi --edit @run -o again.mi
		diff <(runs r.mi | key logp) <(runs again.mi | key logp)
		mi-run -m "$M" --score --edit "swap $place d.mi from a.mi @ -2" p.jsonl --batch 1 -j 1 -o one.mi
		cmp r.mi one.mi
	done
	mi-view r.mi | head -n 1 | grep -qE 'swap z:1.2 [0-9a-f]{32} from [0-9a-f]{32} @ -2 align end'
}

@test "mi-run: what is frozen is what the unedited run has there" {
	need jq
	local edits=(--edit 'zero mlp_out:0 @ all' --edit 'noise resid_pre:1 * 0.5 @ all')
	# all of the last layer's output: the plain run, to the bit, generated tokens too
	mi-run -m "$M" "$P" -n 8 -o plain.mi
	mi-run -m "$M" "$P" -n 8 "${edits[@]}" --edit 'freeze resid_post:1' -o whole.mi
	diff <(runs plain.mi) <(runs whole.mi)
	# at the prompt a freeze is a patch from a capture of the plain run
	printf '%s\n' '{"id": "x", "text": "the city of Rome is", "target": " in the"}' \
		'{"id": "y", "text": "that is not", "target": " true"}' >q.jsonl
	for sites in 'pattern:*' 'attn_scores:1' 'mlp_out:1,z:1.2' 'ln1_scale:*,ln2_scale:*' 'attn_out:*' 'k:1,v:1.0'; do
		mi-capture -m "$M" --at "$sites" --pos all q.jsonl -o clean.mi
		mi-run -m "$M" --score q.jsonl "${edits[@]}" --edit "freeze $sites @ prompt" -o f.mi
		mi-run -m "$M" --score q.jsonl "${edits[@]}" --edit "patch $sites from clean.mi @ prompt" -o p.mi
		diff <(runs f.mi | jq -c '[.id, .logp]') <(runs p.mi | jq -c '[.id, .logp]')
		[ "$(runs f.mi)" != "$(mi-run -m "$M" --score q.jsonl "${edits[@]}" | runs -)" ]
		# captured under the same edits it is the plain run's
		mi-capture -m "$M" --at "$sites" --pos all q.jsonl "${edits[@]}" --edit "freeze $sites" -o again.mi
		diff <(mi-view --full clean.mi | grep '"kind":"act"') <(mi-view --full again.mi | grep '"kind":"act"')
	done
}

@test "mi-run: a freeze changes no byte by batch, order of passes or threads" {
	local edits=(--edit 'zero mlp_out:0 @ all' --edit 'freeze pattern:* @ all' --edit 'freeze ln2_scale:1 @ gen')
	mi-run -m "$M" "$P" -n 10 "${edits[@]}" -o want.mi
	for how in '--batch 1 -j 1' '--batch 2 -j 3' '--batch 400'; do
		# shellcheck disable=SC2086
		mi-run -m "$M" "$P" -n 10 "${edits[@]}" $how -o got.mi
		cmp want.mi got.mi
	done
	mi-run -m "$M" --score want.mi --edit @run -o again.mi
	diff <(runs want.mi | key logp) <(runs again.mi | key logp)
	mi-capture -m "$M" --at 'resid_post:1' --pos all want.mi --edit @run -o a.mi
	mi-capture -m "$M" --at 'resid_post:1' --pos all want.mi --edit @run --batch 1 -j 1 -o b.mi
	cmp a.mi b.mi
}

@test "mi-run: what cannot be frozen is refused" {
	run_clean 2 mi-run -m "$M" -p x -n 1 --edit 'freeze ln_final_scale' -o out.mi
	says 'comes after the blocks'
	run_clean 2 mi-run -m "$M" -p x -n 1 --edit 'freeze result:1' -o out.mi
	says 'freeze z'
	mi-run -m "$M" -p 'the city' -n 4 -o y.mi
	run_clean 2 mi-run -m "$M" --score y.mi --edit 'freeze z:1' --cache-from none -o out.mi
	says '--cache-from'
	run_clean 2 mi-patch -m "$M" --variant 'x=freeze z:1' --metric kl -p x -o out.mi
	says 'freeze is of mi-run and mi-capture'
	nothing_left out.mi
}
