# mi-view: any stream as text and back; check; head, filter, merge.
bats_require_minimum_version 1.5.0

setup() {
	load lib/helper
	STREAMS=$GOLDEN/stream
}

# header CONTENT [SHARD]: a header line.
header() {
	printf '{"kind":"header","format":"mi-stream","version":[1,0],"content":"%s",' "$1"
	printf '"model":null,"tokenizer":null,"template":null,"sites":[],"dtype":null,'
	printf '"shard":%s,"provenance":[]}\n' "${2:-null}"
}

# prompt N: the prompt record of unit N, of four tokens, the last generated.
prompt() {
	printf '{"kind":"prompt","id":"p%d","tokens":[1,2,3,4],"pieces":["a","b","c","d"],' "$1"
	printf '"offsets":[0,1,2,3],"n_prompt":3,"spans":[{"name":"s","begin":1,"end":2}],"roles":[],'
	printf '"fields":{"label":%d,"group":"g%d"}}\n' $(($1 % 2)) $(($1 / 2))
}

# act N LAYER: activations of all four tokens of unit N.
act() {
	printf '{"kind":"act","id":"p%d","site":"resid_post","layer":%d,"head":null,' "$1" "$2"
	printf '"positions":[0,1,2,3],"x":{"dtype":"f32","shape":[4,2],"data":['
	printf '%d.5,1.0,2.0,-3.25,4.0,5.0,6.0,7.0]}}\n' "$1"
}

# acts FIRST LAST [SHARD]: a stream of units FIRST to LAST - 1, three layers each.
acts() {
	header act "${3:-null}"
	for ((i = $1; i < $2; i++)); do
		prompt "$i"
		for l in 0 1 2; do act "$i" "$l"; done
	done
	echo '{"kind":"end","inputs":[{"name":"prompts","digest":"aa"}]}'
}

# shard I N U: part I of N of a run of U units.
shard() {
	local first=$(($3 * $1 / $2)) last=$(($3 * ($1 + 1) / $2))
	acts $first $last "{\"index\":$1,\"of\":$2,\"units\":$3,\"first\":$first,\"last\":$last}"
}

digest() {
	mi-view --check "$1" | sed 's/.*digest //'
}

@test "mi-view: golden streams print as their text, and go back to the same digest and file" {
	for name in tiny two-frames layers; do
		mi-view "$STREAMS/$name.mi" >out.jsonl
		same out.jsonl "$STREAMS/$name.jsonl"
		mi-view --encode out.jsonl -o one.mi
		mi-view one.mi | mi-view --encode -o two.mi
		same one.mi two.mi
		[ "$(digest one.mi)" = "$(digest "$STREAMS/$name.mi")" ]
		mi-view one.mi | mi-view --encode | mi-view >again.jsonl
		same again.jsonl out.jsonl
	done
}

@test "mi-view: standard input by default and by -, a file by -o" {
	mi-view <"$STREAMS/tiny.mi" >a
	mi-view - <"$STREAMS/tiny.mi" >b
	mi-view "$STREAMS/tiny.mi" -o c
	same a b
	same a c
	run_clean 2 mi-view --check - - </dev/null
	says "standard input is named twice"
}

@test "mi-view: text is JSON that jq reads" {
	need jq
	[ "$(mi-view "$STREAMS/layers.mi" | jq -r 'select(.kind=="act" and .site=="z").x.dtype' | head -1)" = f16 ]
	[ "$(mi-view "$STREAMS/layers.mi" | jq -s length)" = 21 ]
}

@test "mi-view: on a terminal tensors are shortened, unless --full" {
	need script
	script -qec "mi-view '$STREAMS/layers.mi'" /dev/null </dev/null >short
	script -qec "mi-view --full '$STREAMS/layers.mi'" /dev/null </dev/null | tr -d '\r' >full
	grep -q '"\.\.\."' short
	same full "$STREAMS/layers.jsonl"
	# a verb's stream is shown there too, and never as bytes
	script -qec "mi-view head -n 1 '$STREAMS/layers.mi'" /dev/null </dev/null >shown
	[ "$(wc -l <shown)" -eq 2 ]
	run script -qec "mi-view --encode '$STREAMS/tiny.jsonl'" /dev/null </dev/null
	[ "$status" -eq 2 ]
	[[ $output == *"binary output; use -o FILE, or pipe to mi-view"* ]]
}

@test "mi-view --check: one line a stream, and goes on after a bad one" {
	run_clean 0 mi-view --check "$STREAMS/tiny.mi"
	[ "$output" = "$STREAMS/tiny.mi: 2 records, 199 bytes, digest d058e307d5644fc98bfd4d80bddf5ce3" ]
	head -c 200 "$STREAMS/tiny.mi" >cut.mi
	run_clean 3 mi-view --check cut.mi "$STREAMS/layers.mi"
	says "'cut.mi': ends "
	[[ $output == *"layers.mi: 20 records"* ]]
	run_clean 4 mi-view --check missing.mi
	says "cannot open 'missing.mi': No such file"
	run_clean 3 mi-view --check .
	says "is a directory"
}

@test "mi-view --header: the header alone, whatever follows" {
	head -c 250 "$STREAMS/layers.mi" >cut.mi
	if ! mi-view --header cut.mi >out; then
		head -c 400 "$STREAMS/layers.mi" >cut.mi
		mi-view --header cut.mi >out
	fi
	head -1 "$STREAMS/layers.jsonl" >want
	same out want
	run_clean 3 mi-view cut.mi
}

@test "mi-view: what is no stream is refused by name" {
	printf '\x1f\x8b\x08\x00aaaaaaaaaaaaaaaaaa' >a.gz
	run_clean 3 mi-view a.gz
	says "'a.gz': not a stream of mi-tools (looks like gzip)"
	run_clean 3 mi-view "$STREAMS/tiny.jsonl"
	says "looks like JSON; text goes back through mi-view --encode"
	: >empty
	run_clean 3 mi-view empty
	says "'empty': empty, expected a stream"
	cat "$STREAMS/tiny.mi" "$STREAMS/tiny.mi" >two.mi
	run_clean 3 mi-view -o out two.mi
	says "a second stream after the end record (byte 280); join streams with mi-view merge"
	nothing_left out
	printf '\x53\x2a\x4d\x18\x0c\x00\x00\x00mi-stream\x07\x00\x00' >new.mi
	run_clean 3 mi-view new.mi
	says "'new.mi': format 7.x, this is a reader for 1.x"
}

@test "mi-view --encode: text that is cut, changed or wrong makes no stream" {
	head -n -1 "$STREAMS/layers.jsonl" >cut.jsonl
	run_clean 3 mi-view --encode cut.jsonl -o x.mi
	says "'cut.jsonl': ends after line 20 without a line of kind 'end'"
	nothing_left x.mi
	sed 's/"auroc":0.75/"auroc":0.76/' "$STREAMS/layers.jsonl" >changed.jsonl
	run_clean 3 mi-view --encode changed.jsonl -o x.mi
	says "'changed.jsonl': line 21: the lines were changed"
	nothing_left x.mi
	sed 's/"digest":"960[^,]*,//' changed.jsonl | run_clean 0 mi-view --encode -o x.mi
	[ "$(mi-view x.mi | grep -c 0.76)" -eq 1 ]
	(cat "$STREAMS/tiny.jsonl"; echo '{"kind":"x"}') >behind.jsonl
	run_clean 3 mi-view --encode behind.jsonl -o y.mi
	says "'behind.jsonl': line 4: a line after the end"
	tail -n +2 "$STREAMS/tiny.jsonl" >headless.jsonl
	run_clean 3 mi-view --encode headless.jsonl -o y.mi
	says "'headless.jsonl': line 1: the first line must be the header"
	(head -1 "$STREAMS/tiny.jsonl"; echo '{"kind":"x",') >broken.jsonl
	run_clean 3 mi-view --encode broken.jsonl -o y.mi
	says "'broken.jsonl': line 2: not JSON"
	(head -1 "$STREAMS/tiny.jsonl"; echo '{"kind":"act","x":{"dtype":"f32","shape":[1],"data":["NaN"]}}') >nan.jsonl
	run_clean 3 mi-view --encode nan.jsonl -o y.mi
	says "'nan.jsonl': line 2: act record: element 0 of 'x' is NaN"
	run_clean 3 mi-view --encode /dev/null -o y.mi
	nothing_left y.mi
}

@test "mi-view --encode: blank lines and a missing last newline are fine" {
	(sed 's/^/  /; s/$/\r/' "$STREAMS/tiny.jsonl"; printf '\n\n') | mi-view --encode -o a.mi
	printf %s "$(cat "$STREAMS/tiny.jsonl")" | mi-view --encode -o b.mi
	same a.mi b.mi
	[ "$(digest a.mi)" = d058e307d5644fc98bfd4d80bddf5ce3 ]
}

@test "mi-view head: the first records as a stream of their own" {
	acts 0 5 | mi-view --encode -o a.mi
	mi-view head -n 3 a.mi -o h.mi
	mi-view --check h.mi
	[ "$(mi-view h.mi | sed -n '2,4p')" = "$(mi-view a.mi | sed -n '2,4p')" ]
	[ "$(mi-view h.mi | wc -l)" -eq 5 ]
	mi-view h.mi | tail -1 | grep -q "\"digest\":\"aa\"},{\"name\":\"act\",\"digest\":\"$(digest a.mi)\"}"
	mi-view --header h.mi | grep -q '"tool":"mi-view".*"verb":"head","options":{"count":"3"}'
	mi-view head -n 0 a.mi | mi-view --check
	# what comes later must still be right
	head -c -30 a.mi >cut.mi
	run_clean 3 mi-view head -n 1 cut.mi -o x.mi
	nothing_left x.mi
	run_clean 2 mi-view head -n -1 a.mi
	run_clean 2 mi-view head -n x a.mi
}

@test "mi-view filter: by id, label, group, layer, site, kind" {
	need jq
	acts 0 6 | mi-view --encode -o a.mi
	pick() {
		mi-view filter "$@" a.mi | mi-view | jq -r 'select(.id) | "\(.kind):\(.id):\(.layer)"' | paste -sd' '
	}
	[ "$(pick --id p3 --layer 1)" = "prompt:p3:null act:p3:1" ]
	[ "$(pick --label 1 --layer 2)" = "prompt:p1:null act:p1:2 prompt:p3:null act:p3:2 prompt:p5:null act:p5:2" ]
	[ "$(pick --group g2 --layer 0-1 --id p4 --id p0)" = "prompt:p4:null act:p4:0 act:p4:1" ]
	[ "$(pick --id p0 --layer 0,2)" = "prompt:p0:null act:p0:0 act:p0:2" ]
	[ "$(pick --id p0 --site resid_post --layer 2)" = "prompt:p0:null act:p0:2" ]
	[ "$(pick --label 0 --kind prompt)" = "prompt:p0:null prompt:p2:null prompt:p4:null" ]
	[ "$(pick --id p1)" = "prompt:p1:null act:p1:0 act:p1:1 act:p1:2" ]
	[ "$(pick | wc -w)" -eq 24 ]
	mi-view filter a.mi | mi-view | sed '1d;$d' >all
	mi-view a.mi | sed '1d;$d' | cmp - all
}

@test "mi-view filter --position: cuts the rows" {
	need jq
	acts 0 2 | mi-view --encode -o a.mi
	rows() {
		mi-view filter --layer 1 --id p1 --position "$1" a.mi | mi-view |
			jq -c 'select(.kind=="act") | [.positions, .x.shape, .x.data]'
	}
	[ "$(rows last)" = '[[2],[1,2],[4,5]]' ]
	[ "$(rows 0,gen)" = '[[0,3],[2,2],[1.5,1,6,7]]' ]
	[ "$(rows span:s)" = '[[1],[1,2],[2,-3.25]]' ]
	[ "$(rows all)" = '[[0,1,2,3],[4,2],[1.5,1,2,-3.25,4,5,6,7]]' ]
	[ "$(rows '/b|c/')" = '[[1,2],[2,2],[2,-3.25,4,5]]' ]
}

@test "mi-view filter: nothing kept is exit 1; wrong words are exit 2" {
	acts 0 2 | mi-view --encode -o a.mi
	run_clean 1 mi-view filter --id nobody a.mi -o none.mi
	mi-view --check none.mi
	run_clean 1 mi-view filter --position 17 a.mi -o none.mi
	run_clean 2 mi-view filter --site resid_pst a.mi -o x.mi
	says "did you mean 'resid_p"
	run_clean 2 mi-view filter --layer 4-2 a.mi -o x.mi
	says "no layer or range"
	run_clean 2 mi-view filter --position lst a.mi -o x.mi
	says "no position"
	nothing_left x.mi
}

@test "mi-view merge: the parts of a run are the run, for 1, 2, 3 and 7 parts in any order" {
	acts 0 7 | mi-view --encode -o whole.mi
	for n in 1 2 3 7; do
		parts=()
		for ((i = n - 1; i >= 0; i--)); do
			shard "$i" "$n" 7 | mi-view --encode -o "part.$i.mi"
			parts+=("part.$i.mi")
		done
		mi-view merge "${parts[@]}" -o merged.mi
		same merged.mi whole.mi
	done
	# through pipes, which can be read only once
	mi-view merge <(cat part.1.mi) part.0.mi <(cat part.[2-6].mi >/dev/null; cat part.2.mi) \
		part.3.mi part.4.mi part.5.mi - <part.6.mi | mi-view --check >line
	grep -q "$(digest whole.mi)" line
	# more parts than units: some are empty
	for i in 0 1 2 3; do shard "$i" 4 2 | mi-view --encode -o "part.$i.mi"; done
	acts 0 2 | mi-view --encode -o whole.mi
	mi-view merge part.[0-3].mi -o merged.mi
	same merged.mi whole.mi
}

@test "mi-view merge: a missing, doubled, foreign or damaged part is refused" {
	for i in 0 1 2; do shard "$i" 3 7 | mi-view --encode -o "p.$i.mi"; done
	run_clean 3 mi-view merge p.0.mi p.2.mi -o x.mi
	says "part 1 of 3 is missing"
	run_clean 3 mi-view merge p.0.mi p.1.mi -o x.mi
	says "part 2 of 3 is missing"
	run_clean 3 mi-view merge p.1.mi p.2.mi -o x.mi
	says "part 0 of 3 is missing"
	cp p.1.mi copy.mi
	run_clean 3 mi-view merge p.0.mi p.1.mi copy.mi p.2.mi -o x.mi
	says "part 1 of 3 stands twice: "
	shard 1 3 8 | mi-view --encode -o other.mi
	run_clean 3 mi-view merge p.0.mi other.mi p.2.mi -o x.mi
	says "are no parts of the same run"
	shard 1 3 7 | sed 's/"dtype":null/"dtype":"f16"/' | mi-view --encode -o other.mi
	run_clean 3 mi-view merge p.0.mi other.mi p.2.mi -o x.mi
	says "are no parts of the same run"
	shard 1 3 7 | sed 's/"first":2/"first":1/' | mi-view --encode -o other.mi
	run_clean 3 mi-view merge p.0.mi other.mi p.2.mi -o x.mi
	says "'other.mi' begins at unit 1, expected 2"
	acts 0 7 | mi-view --encode -o whole.mi
	run_clean 3 mi-view merge whole.mi -o x.mi
	says "'whole.mi' is no part of a sharded run"
	head -c -80 p.1.mi >cut.mi
	run_clean 3 mi-view merge p.0.mi cut.mi p.2.mi -o x.mi
	says "'cut.mi': "
	nothing_left x.mi
	run_clean 2 mi-view merge p.0.mi p.1.mi p.2.mi -o p.1.mi
	says "'p.1.mi' is input and output"
	run_clean 2 mi-view merge
	says "which parts?"
}

@test "mi-view: an output that is an input, or cannot be made, is found first" {
	cp "$STREAMS/tiny.mi" a.mi
	run_clean 2 mi-view head a.mi -o ./a.mi
	same a.mi "$STREAMS/tiny.mi"
	run_clean 4 mi-view head a.mi -o nowhere/b.mi
	says "cannot create 'nowhere/b.mi'"
	run_clean 2 mi-view a.mi a.mi
	says "one stream at a time"
	run_clean 2 mi-view --check --encode a.mi
	run_clean 2 mi-view --max-record 0 a.mi
	run_clean 3 mi-view --max-record 100 "$STREAMS/layers.mi" -o x
	says "the limit is 100"
	nothing_left x
}

@test "mi-view: a record of 5 GiB is refused by its limit, or for want of memory" {
	need python3
	# the header's frame of a stream without a table, then 5 GiB of zeros: four bytes per 128 KiB
	mi-view --encode "$GOLDEN/stream/tiny.jsonl" | python3 -c '
import struct, sys
data = sys.stdin.buffer.read()
head = data[:data.index(b"\x28\xb5\x2f\xfd", 24)]
blocks = 5 << 13
sys.stdout.buffer.write(head + b"\x28\xb5\x2f\xfd\xc4\x50" + struct.pack("<Q", 5 << 30) +
                        b"\x02\0\x10\0" * (blocks - 1) + b"\x03\0\x10\0" + bytes(4))' >five.mi
	[ "$(stat -c %s five.mi)" -lt 200000 ]
	run_clean 3 mi-view --check five.mi
	says "record 1 (byte "
	says "claims 5368709120 bytes; the limit is 1073741824"
	not_under_asan "address space is limited here"
	(ulimit -v 3000000 && run_clean 4 mi-view --check --max-record 6G five.mi &&
		says "out of memory for a block of 5368709120 bytes")
}

@test "mi-view: names that are hostile to a terminal are shown escaped" {
	name=$'bad\e[31mname\n.mi'
	printf 'x' >"$name"
	run_clean 3 mi-view "$name"
	says "'bad\\x1b[31mname\\n.mi'"
	(header x; printf '{"kind":"x","s":"\\u001b[31m\\u202e\\u0085"}\n{"kind":"end"}\n') |
		mi-view --encode | mi-view >out
	grep -q '"s":"\\u001b\[31m\\u202e\\u0085"' out
}

@test "mi-stream: the worked example in the format's header file is a stream" {
	need xxd
	sed -n 's/^ \* \{5\}[0-9a-f]\{4\}  \(\([0-9a-f][0-9a-f] \)*[0-9a-f][0-9a-f]\)  .*/\1/p' \
		"$ROOT/common/stream/format.h" | xxd -r -p >example.mi
	mi-view example.mi >out
	same out "$STREAMS/tiny.jsonl"
	[ "$(head -c 17 example.mi | tail -c 9)" = mi-stream ]
}

@test "mi-stream: zstd decompresses a stream, and nothing but records comes out" {
	need zstd xxd
	zstd -dcq <"$STREAMS/layers.mi" >raw
	[ "$(head -c 9 raw | xxd -p)" = 9300a6686561646572 ]
	zstd -tq <"$STREAMS/layers.mi"
	mi-view "$STREAMS/layers.mi" | mi-view --encode -o ours.mi
	zstd -tq <ours.mi
}

@test "mi-stream: the manual shows the same worked example" {
	grep -o '[0-9a-f]\{4\}  \([0-9a-f][0-9a-f] \)\{3,16\} .*' "$ROOT/docs/man/mi-stream.5" >manual
	grep -o '[0-9a-f]\{4\}  \([0-9a-f][0-9a-f] \)\{3,16\} .*' "$ROOT/common/stream/format.h" >source
	[ "$(wc -l <manual)" -eq 23 ]
	same manual source
}

@test "mi-stream: the manual's Python program reads streams" {
	python=${PYTHON:-python3}
	"$python" -c 'import msgpack, zstandard' 2>/dev/null ||
		skip "$python has no msgpack and zstandard (PYTHON=... names another)"
	sed -n '/^import sys, msgpack/,/^\.Ed/{/^\.Ed/d;p;}' "$ROOT/docs/man/mi-stream.5" >read.py
	[ "$(grep -c . read.py)" -le 10 ]
	mi-view "$STREAMS/layers.mi" | mi-view --encode -o file.mi
	mi-view file.mi | mi-view --encode >pipe.mi
	"$python" read.py file.mi >out
	"$python" read.py pipe.mi | cmp out
	[ "$(wc -l <out)" -eq 21 ]
	[ "$(sed -n 4p out)" = "3 act id site layer head positions x" ]
	# with the data: shuffled and not, they are the same numbers
	sed '/t\["data"\] = /a\        if "x" in body: print(body["x"]["data"].hex())' read.py >data.py
	"$python" data.py file.mi >shuffled
	"$python" data.py pipe.mi >plain
	same shuffled plain
	[ "$(grep -c '^[0-9a-f]*$' plain)" -ge 14 ]
	# a cut at the border of a frame is seen
	head -c $(($(stat -c %s pipe.mi) - $(mi-view pipe.mi | tail -1 | wc -c) - 1)) pipe.mi >cut.mi
	run "$python" read.py cut.mi
	[ "$status" -ne 0 ]
}

@test "mi-view, mi-stream: the manuals are well formed" {
	need mandoc
	for page in mi-view.1 mi-stream.5; do
		run mandoc -T lint -W warning "$ROOT/docs/man/$page"
		[ -z "$output" ]
	done
}

@test "mi-view: every option of --help is in the manual" {
	for verb in "" head filter merge; do
		# shellcheck disable=SC2086 # no verb is no word
		for option in $(mi-view $verb --help | sed -n 's/^ *\(-[a-zA-Z], \)\{0,1\}--\([a-z-]*\).*/\2/p'); do
			grep -q "Fl -$option" "$ROOT/docs/man/mi-view.1" || { echo "--$option"; return 1; }
		done
	done
}
