bats_require_minimum_version 1.5.0

setup() {
	load lib/helper
	M=$FIXTURES/tiny/llama-f32.gguf
	mkdir work # bats keeps files of its own in the folder above
	cd work
	printf '%s\n' '{"text": "the city of Paris", "label": 1, "pair": "a", "side": "yes"}' \
		'{"text": "the city of Rome is in Italy", "label": 0, "pair": "a", "side": "no"}' \
		'{"text": "that is true", "label": 1, "pair": "b", "side": "yes"}' \
		'{"text": "this is not true .", "label": 0, "pair": "b", "side": "no"}' \
		'{"text": "the answer", "id": "five", "label": 1}' >p.jsonl
}

digest() {
	mi-view "$1" | tail -n 1 | grep -o '"digest":"[0-9a-f]*"' | head -n 1
}

# Records of one kind, as JSON Lines.
records() {
	mi-view --full "$2" | grep "^{\"kind\":\"$1\""
}

# A stream with another header, as JSON Lines; its digest is forgotten.
change() {
	sed "1s/$1; \$s/\"digest\":\"[0-9a-f]*\",\"inputs\"/\"inputs\"/"
}

# A direction for both layers, from the prompts.
direction() {
	head -n 4 p.jsonl | mi-capture -m "$M" --at 'resid_post:*' -o pairs.mi -
	mi-direction fit --method mean-diff pairs.mi -o d.mi
}

# ---- the contract of every tool --------------------------------------------------

@test "mi-capture: --help goes to stdout and exits 0" {
	run -0 --separate-stderr mi-capture --help
	[[ ${lines[0]} == "usage: mi-capture "* ]]
	[ -z "$stderr" ]
}

@test "mi-capture: --version names the tool" {
	run -0 --separate-stderr mi-capture --version
	[[ ${lines[0]} == "mi-capture (mi-tools) "* ]]
}

@test "mi-capture: an unknown option exits 2 and names what is near" {
	run_clean 2 mi-capture --dtpye f16
	says "unknown option '--dtpye'; is 'dtype' meant?"
}

@test "mi-capture: a bad value of any option exits 2 before a file is made, and names the option" {
	local row
	for row in 'pos ' 'pos x:y' 'pos gen:' 'pos /(/' 'dtype f64' 'dtype ' 'reduce median' \
		'shard 3/3' 'shard x' 'shard 1' 'shard -1/2' 'batch -1' 'batch 1e3' 'threads 1000' 'seed -1' \
		'seed 99999999999999999999' 'max-memory 0' 'max-memory 4Q' 'at foo:3' 'at resid_post' 'at ' \
		'at resid_post:3-1' 'at resid_post:x' 'at z:1.2.3' 'at blocks.x.hook_z'; do
		run_clean 2 mi-capture -m "$M" --at resid_post:0 -p x -o out.mi "--${row%% *}=${row#* }"
		says "--${row%% *}"
		[ "$(ls -A)" = p.jsonl ]
	done
}

@test "mi-capture: what does not go together exits 2" {
	run_clean 2 mi-capture --at resid_post:0 -p x
	says '-m names the model'
	run_clean 2 mi-capture -m "$M" -p x
	says '--at names the sites'
	run_clean 2 mi-capture -m "$M" --at resid_post:0 -p x p.jsonl
	run_clean 2 mi-capture -m "$M" --at resid_post:0 p.jsonl p.jsonl
	run_clean 2 mi-capture -m "$M" --at resid_post:0 --by label p.jsonl
	says '--by'
	run_clean 2 mi-capture -m "$M" --at resid_post:0 --reduce mean --dtype f16 p.jsonl
	run_clean 2 mi-capture -m "$M" --at resid_post:0 --dry-run -o out.mi p.jsonl
	run_clean 2 mi-capture -m "$M" --list p.jsonl
	run_clean 2 mi-capture -m "$M" --at resid_post:0 p.jsonl -o p.jsonl
	says 'the same file'
	run_clean 2 mi-capture -m "$M" --at pattern:0 --reduce mean p.jsonl -o out.mi
	says 'pattern:0'
	nothing_left out.mi
}

@test "mi-capture: a site that the model lacks exits 2 and says what there is" {
	run_clean 2 mi-capture -m "$M" --at resid_pots:1 -p x -o out.mi
	says 'resid_post'
	run_clean 2 mi-capture -m "$M" --at resid_post:2 -p x -o out.mi
	says 'layers 0 to 1'
	run_clean 2 mi-capture -m "$M" --at z:1.4 -p x -o out.mi
	says '0 to 3'
	nothing_left out.mi
}

@test "mi-capture: an output that cannot be made exits 4 before the model is opened" {
	run_clean 4 mi-capture -m no-such-model --at resid_post:0 p.jsonl -o no/such/out.mi
	says 'no/such/out.mi'
	run_clean 4 mi-capture -m no-such-model --at resid_post:0 no-such-prompts -o out.mi
	says 'no-such-prompts'
	run_clean 4 mi-capture -m no-such-model --at resid_post:0 p.jsonl -o out.mi
	says 'no-such-model'
	nothing_left out.mi
}

@test "mi-capture: a full disk exits 4, a reader that leaves ends it quietly" {
	run bash -c 'mi-capture -m "$1" --at "resid_post:*" --pos all p.jsonl >/dev/full' - "$M"
	[ "$status" -eq 4 ]
	[[ $output == "mi-capture: cannot write"* ]]
	for i in $(seq 300); do sed "5d; s/\"pair\": \"/&$i/" p.jsonl; done >many.jsonl
	run bash -c 'mi-capture -m "$1" --at "resid_post:*,mlp_post:*" --pos all many.jsonl 2>err |
		head -c 100 >/dev/null; echo ${PIPESTATUS[0]}; cat err' - "$M"
	[ "$output" = 141 ]
}

# ---- what there is ---------------------------------------------------------------

@test "mi-capture: --list names every site with shape and bytes" {
	run_clean 0 mi-capture -m "$M" --list
	[ "${#lines[@]}" -eq $((1 + 1 + 2 * 21 + 3)) ]
	[[ $output == *"resid_post:1 "*"blocks.1.hook_resid_post "*" [32] "*" 128"* ]]
	[[ $output == *"z:0 "*"blocks.0.attn.hook_z "*" [4, 8] "*" 128"* ]]
	[[ $output == *"k:0 "*"blocks.0.attn.hook_k "*" [2, 8] "*" 64"* ]]
	[[ $output == *"pattern:1 "*"blocks.1.attn.hook_pattern "*" [4, T] "*" 16*T"* ]]
	[[ ${lines[-1]} == "logits "*"unembed.hook_out "*" [300] "*" 1200" ]]
}

@test "mi-capture: every site that --list names can be captured, by either name" {
	mi-capture -m "$M" --list | tail -n +2 >sites
	awk '{ print "--at"; print $1 }' sites | xargs mi-capture -m "$M" --pos all p.jsonl -o short.mi
	awk '{ print "--at"; print $2 }' sites | xargs mi-capture -m "$M" --pos all p.jsonl -o hooks.mi
	same short.mi hooks.mi
	[ "$(records act short.mi | wc -l)" -eq $((5 * $(wc -l <sites))) ]
	mi-view --check short.mi
}

@test "mi-capture: --dry-run tells what a run does" {
	mi-capture -m "$M" --at 'resid_post:*' --pos all --dry-run p.jsonl >plan
	mi-capture -v -m "$M" --at 'resid_post:*' --pos all p.jsonl -o out.mi 2>said
	grep -q '^prompts *5$' plan
	tokens=$(sed -n 's/^tokens *//p' plan)
	grep -q "5 prompts, $tokens tokens" said
	grep -q "$(sed -n 's/^positions *//p' plan) positions" said
	[ "$(records prompt out.mi | grep -o '"tokens":[^]]*' | tr -cd , | wc -c)" -eq $((tokens - 5)) ]
}

# ---- records ----------------------------------------------------------------------

@test "mi-capture: a prompt, then its sites in the order asked" {
	mi-capture -m "$M" --at 'resid_post:1,z:0.3' --at embed p.jsonl -o out.mi
	mi-view out.mi | sed 1d | sed 's/^{"kind":"\([a-z]*\)","id":"\([^"]*\)".*"site":"\([a-z_]*\)".*/\1 \2 \3/;
		s/^{"kind":"prompt","id":"\([^"]*\)".*/prompt \1/; /"kind":"end"/d' >got
	for id in 1 2 3 4 five; do
		printf 'prompt %s\nact %s resid_post\nact %s z\nact %s embed\n' $id $id $id $id
	done >want
	same want got
	records act out.mi | grep '"site":"z"' | head -n 1 | grep -q '"layer":0,"head":3,"positions":\[[0-9]*\],"x":{"dtype":"f32","shape":\[1,8\]'
	records act out.mi | grep '"site":"embed"' | head -n 1 | grep -q '"layer":null,"head":null,.*"shape":\[1,32\]'
}

@test "mi-capture: a default that is written out gives the same stream" {
	mi-capture -m "$M" --at resid_post:0-1 p.jsonl -o a.mi
	mi-capture -m "$M" --at resid_post:0,resid_post:1 --pos last --dtype f32 --batch 3 -j 1 p.jsonl -o b.mi
	same a.mi b.mi
}

@test "mi-capture: positions are those of the prompt" {
	mi-capture -m "$M" --at embed --pos 0,-1 -p 'the city of Paris' | mi-view >got
	n=$(grep -o '"n_prompt":[0-9]*' got | cut -d: -f2)
	grep -q "\"positions\":\[0,$((n - 1))\]" got
	mi-capture -m "$M" --at embed --pos /Paris/ -p 'the city of Paris' | mi-view | grep -q "$((n - 1))\]"
	run_clean 3 mi-capture -m "$M" --at embed --pos 99 p.jsonl -o out.mi
	says "prompt '1': position 99"
	run_clean 3 mi-capture -m "$M" --at embed --pos span:subject p.jsonl -o out.mi
	says "'subject'"
	run_clean 1 mi-capture -m "$M" --at embed --pos gen p.jsonl -o out.mi
	says "'gen'"
	nothing_left out.mi
}

@test "mi-capture: half types hold the rounded values, and an overflow is an error" {
	for t in f32 f16 bf16; do
		mi-capture -m "$M" --at resid_post:1 --dtype $t p.jsonl -o $t.mi
		mi-view --header $t.mi | grep -q "\"dtype\":\"$t\""
	done
	[ "$(digest f16.mi)" != "$(digest bf16.mi)" ]
	run_clean 3 mi-capture -m "$M" --at resid_post:1 --dtype f16 --edit 'scale resid_post:1 * 1e8' \
		p.jsonl -o out.mi
	says "prompt '1': resid_post:1"
	mi-capture -m "$M" --at resid_post:1 --dtype bf16 --edit 'scale resid_post:1 * 1e8' p.jsonl -o out.mi
}

@test "mi-capture: a value that is not finite exits 3 and says where" {
	run_clean 3 mi-capture -m "$M" --at resid_post:1 --edit 'scale resid_post:1 * 1e38 @ 1' \
		--edit 'scale resid_post:1 * 1e38 @ 1' --pos all p.jsonl -o out.mi
	says "prompt '1': resid_post:1: position 1: element"
	nothing_left out.mi
	mi-capture -m "$M" --at attn_scores:0 --pos all p.jsonl | mi-view --full | grep -q '"-Infinity"'
}

# ---- edits ------------------------------------------------------------------------

@test "mi-capture: a site shows the value after the edits there" {
	direction
	mi-capture -m "$M" --at resid_post:0 --edit 'zero resid_post:0' p.jsonl -o out.mi
	records act out.mi | grep -q '"data":\[0.0,0.0,0.0,.*0.0\]'
	[ "$(records act out.mi | grep -o '"data":.*' | sort -u | wc -l)" -eq 1 ]
	mi-capture -m "$M" --at resid_post:0 --edit 'zero resid_post:0' --edit 'add resid_post:0 d.mi * 1' \
		p.jsonl -o out.mi
	v=$(records dir d.mi | grep '"layer":0' | grep -o '"v":{[^}]*}' | grep -o '"data":[^]]*')
	[ "$(records act out.mi | grep -cF "$v")" -eq 5 ]
}

@test "mi-capture: an edit with the value that is there changes no bit" {
	direction
	sites='resid_post:*,z:*,attn_scores:*,pattern:*,mlp_post:*,result:*,attn_out:*,ln1_scale:*,logits'
	sed 's/"pair": "[ab]", "side": "[a-z]*"/"x": 1/' p.jsonl >alone.jsonl
	mi-capture -m "$M" --at "$sites" --pos all alone.jsonl -o base.mi
	mi-view --full base.mi | sed '1d; $d' >base
	for e in 'add resid_post:* d.mi * 0' 'scale z:* * 1' 'clamp mlp_post:* -1e30 1e30' \
		'patch resid_post:0 from base.mi' 'patch z:1 from base.mi' 'patch z:0.1 from base.mi' \
		'patch attn_scores:1 from base.mi' 'patch pattern:0 from base.mi' \
		'patch result:1 from base.mi' 'patch result:0.2 from base.mi' 'patch mlp_post:1 from base.mi' \
		'patch attn_out:0 from base.mi' 'patch ln1_scale:1 from base.mi'; do
		mi-capture -m "$M" --at "$sites" --pos all --edit "$e" alone.jsonl -o out.mi
		mi-view --full out.mi | sed '1d; $d' >got
		same base got
	done
}

@test "mi-capture: a plan is its lines, and its fault is named with the line" {
	direction
	printf '# both\nadd resid_post:0 d.mi * 2 @ all\n\nscale z:1 * 0.5\n' >plan
	mi-capture -m "$M" --at resid_post:1 --plan plan p.jsonl -o a.mi
	mi-capture -m "$M" --at resid_post:1 --edit 'add  resid_post:0  d.mi * 2.0' \
		--edit 'scale z:1 * 0.5 @ all' p.jsonl -o b.mi
	same a.mi b.mi
	printf 'scale z:1 * 0.5\nscael z:1 * 0.5\n' >plan
	run_clean 2 mi-capture -m "$M" --at resid_post:1 --plan plan p.jsonl -o out.mi
	says "'plan': line 2"
	nothing_left out.mi
}

@test "mi-capture: means of statistics can be put in" {
	mi-capture -m "$M" --at 'z:*' --pos all --reduce mean p.jsonl -o stats.mi
	mi-capture -m "$M" --at z:1.2 --edit 'mean-ablate z:1.2 from stats.mi' p.jsonl -o out.mi
	[ "$(records act out.mi | grep -o '"data":.*' | sort -u | wc -l)" -eq 1 ]
	mi-capture -m "$M" --at z:1 --by label --reduce mean p.jsonl -o by.mi
	run_clean 3 mi-capture -m "$M" --at z:1 --edit 'mean-ablate z:1 from by.mi' p.jsonl -o out2.mi
	says 'by class'
	mi-capture -m "$M" --at z:1 --reduce mean --shard 0/2 p.jsonl -o part.mi
	run_clean 3 mi-capture -m "$M" --at z:1 --edit 'mean-ablate z:1 from part.mi' p.jsonl -o out2.mi
	says 'shard'
	nothing_left out2.mi
}

@test "mi-capture: material of another model is refused" {
	direction
	mi-view --full d.mi | change '"digest":"[0-9a-f]/"digest":"x/' | mi-view --encode -o other.mi
	run_clean 3 mi-capture -m "$M" --at resid_post:1 --edit 'add resid_post:0 other.mi' p.jsonl -o out.mi
	says 'other.mi'
	nothing_left out.mi
	mi-capture -m "$M" --at resid_post:1 --other-model --edit 'add resid_post:0 other.mi' p.jsonl -o out.mi
	mi-view --full d.mi | change '"d_model":32/"d_model":64/' | mi-view --encode -o wide.mi
	run_clean 3 mi-capture -m "$M" --at resid_post:1 --other-model --edit 'add resid_post:0 wide.mi' \
		p.jsonl -o out2.mi
}

# ---- runs -------------------------------------------------------------------------

@test "mi-capture: a run stream gives its tokens, and its edits with @run" {
	direction
	mi-run -m "$M" -n 6 p.jsonl -o plain.mi
	mi-capture -m "$M" --at resid_post:1 --pos gen plain.mi -o a.mi
	[ "$(records act a.mi | wc -l)" -eq 5 ]
	mi-run -m "$M" -n 6 --edit 'add resid_post:0 d.mi * 3 @ gen' --edit 'noise resid_post:1 * 0.1' \
		-s 4 p.jsonl -o run.mi
	run_clean 3 mi-capture -m "$M" --at resid_post:1 run.mi -o out.mi
	says '--edit @run'
	nothing_left out.mi
	mi-capture -m "$M" --at resid_post:1 --pos all --edit @run run.mi -o again.mi
	mi-capture -m "$M" --at resid_post:1 --pos all -s 4 --edit none \
		--edit 'add resid_post:0 d.mi * 3 @ gen' --edit 'noise resid_post:1 * 0.1' run.mi -o said.mi
	mi-view --full again.mi | grep '"kind":"act"' >got
	mi-view --full said.mi | grep '"kind":"act"' >want
	same want got
	run_clean 2 mi-capture -m "$M" --at resid_post:1 --edit @run p.jsonl -o out.mi
	says '@run'
}

@test "mi-capture: a run of another tokenizer is refused" {
	mi-run -m "$M" -n 2 p.jsonl -o run.mi
	mi-view --full run.mi | change '"tokenizer":"[0-9a-f]/"tokenizer":"x/' | mi-view --encode -o other.mi
	run_clean 3 mi-capture -m "$M" --at resid_post:1 other.mi -o out.mi
	says 'another tokenizer'
	head -c 500 run.mi >cut.mi
	run_clean 3 mi-capture -m "$M" --at resid_post:1 cut.mi -o out.mi
	says 'cut.mi'
	nothing_left out.mi
}

@test "mi-capture: prompts and runs come by a pipe too" {
	mi-capture -m "$M" --at resid_post:1 p.jsonl -o file.mi
	cat p.jsonl | mi-capture -m "$M" --at resid_post:1 -o pipe.mi
	[ "$(digest file.mi)" = "$(digest pipe.mi)" ]
	cat p.jsonl | mi-capture -m "$M" --at resid_post:1 --shard 1/2 -o half.mi -
	mi-capture -m "$M" --at resid_post:1 --shard 1/2 p.jsonl -o half2.mi
	same half.mi half2.mi
	mi-run -m "$M" -n 3 p.jsonl -o run.mi
	mi-capture -m "$M" --at resid_post:1 --pos gen run.mi -o a.mi
	mi-run -m "$M" -n 3 p.jsonl | mi-capture -m "$M" --at resid_post:1 --pos gen | cat >b.mi
	[ "$(digest a.mi)" = "$(digest b.mi)" ]
}

# ---- statistics -------------------------------------------------------------------

@test "mi-capture: statistics are those of the activations" {
	need python3
	mi-capture -m "$M" --at resid_post:1,z:0 --pos all p.jsonl -o acts.mi
	mi-capture -m "$M" --at resid_post:1,z:0 --pos all --reduce second --by label p.jsonl -o stats.mi
	mi-view --full acts.mi >acts
	mi-view --full stats.mi >stats
	python3 - <<'PY'
import json
acts = [json.loads(l) for l in open("acts")]
stats = [r for r in map(json.loads, open("stats")) if r["kind"] == "stat"]
label = {r["id"]: str(r["fields"]["label"]) for r in acts if r["kind"] == "prompt"}
assert [(s["class"], s["site"]) for s in stats] == [
    ("1", "resid_post"), ("1", "z"), ("0", "resid_post"), ("0", "z")]
for s in stats:
    rows = []
    for r in acts:
        if r["kind"] == "act" and r["site"] == s["site"] and label[r["id"]] == s["class"]:
            x, w = r["x"]["data"], 32
            rows += [x[i:i + w] for i in range(0, len(x), w)]
    n = len(rows)
    assert s["n"] == n and s["by"] == "label" and s["second"]["shape"] == [32, 32]
    for i in range(32):
        mean = sum(r[i] for r in rows) / n
        assert abs(s["mean"]["data"][i] - mean) < 1e-7
        for j in range(32):
            m = sum(r[i] * r[j] for r in rows) / n
            assert abs(s["second"]["data"][32 * i + j] - m) < 1e-6
PY
}

@test "mi-capture: --by a field that a prompt lacks exits 3" {
	run_clean 3 mi-capture -m "$M" --at resid_post:1 --reduce mean --by side p.jsonl -o out.mi
	says "prompt 'five' has no field 'side'"
	nothing_left out.mi
}

# ---- bad input --------------------------------------------------------------------

@test "mi-capture: bad prompts exit 3 with the line, and nothing is left" {
	: >empty
	run_clean 3 mi-capture -m "$M" --at resid_post:1 empty -o out.mi
	says "no prompts in 'empty'"
	head -c 1200 /dev/zero | tr '\0' x | sed 's/x/x /g' >long
	run_clean 3 mi-capture -m "$M" --at resid_post:1 long -o out.mi
	says "'long': line 1"
	says 'the context is 512'
	printf '{"text": "a"}\n{"text": 3}\n' >wrong.jsonl
	run_clean 3 mi-capture -m "$M" --at resid_post:1 wrong.jsonl -o out.mi
	says 'line 2'
	printf '{"text": "a", "pair": 1}\n{"text": "b"}\n{"text": "c", "pair": 1}\n' >torn.jsonl
	run_clean 3 mi-capture -m "$M" --at resid_post:1 torn.jsonl -o out.mi
	says 'line 3'
	says 'not adjacent'
	printf 'a\xff\n' >bytes
	run_clean 3 mi-capture -m "$M" --at resid_post:1 bytes -o out.mi
	says 'line 1'
	nothing_left out.mi
}

@test "mi-capture: a model that is cut or foreign exits 3" {
	head -c 50000 "$M" >cut.gguf
	run_clean 3 mi-capture -m cut.gguf --at resid_post:1 p.jsonl -o out.mi
	says 'cut.gguf'
	run_clean 3 mi-capture -m p.jsonl --at resid_post:1 -p x -o out.mi
	says 'p.jsonl'
	nothing_left out.mi
}

@test "mi-capture: what does not fit is refused up front" {
	run_clean 4 mi-capture -m "$M" --at resid_post:1 --max-memory 100K p.jsonl -o out.mi
	says '--max-memory'
	nothing_left out.mi
}
