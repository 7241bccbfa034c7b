# Hostile strings (in prompts, ids, fields, pieces, names of files and options, model files) act nowhere:
# not on a terminal, not in a table, not in a message.
bats_require_minimum_version 1.5.0

setup() {
	load lib/helper
	need python3 jq
	M=$FIXTURES/organism/organism.gguf
	INERT="python3 $BATS_TEST_DIRNAME/lib/inert.py"
	KINDS='run score scan effect dir act'
	for k in $KINDS; do
		jq -n -c -f "$BATS_TEST_DIRNAME/lib/hostile.jq" --arg kind "$k" | mi-view --encode -o "$k.mi"
	done
	NAME=$'\e[31m\u202e"><img onerror>\r\n\u2028.mi'
}

# inert COMMAND...: its output and its messages act on no terminal.
inert() {
	"$@" >out 2>err || true
	$INERT out err || { echo "of: $*"; return 1; }
}

@test "hostile: the trap itself: what acts is seen" {
	for bad in $'\e[31m' $'a\rb' $'\u202e' $'\u2028' $'\xff' $'\u009b1m' $'\ufeff'; do
		printf '%s\n' "$bad" >bad
		run ! $INERT bad
	done
	printf 'plain \u00e9 \u4e2d\ttext\n' >good
	$INERT good
	printf '\e[30;48;5;69mx\e[0m\r\n' >good
	$INERT --colour good
	printf '\e[2Jx' >bad
	run ! $INERT --colour bad
}

@test "hostile: mi-report as text, wide and narrow, in UTF-8 and in ASCII" {
	for k in $KINDS; do
		for how in '' --full --ascii '-w 40' --dry-run; do
			inert mi-report $how $k.mi
			[ ! -s err ] || { cat err; return 1; }
			[ -s out ]
			LC_ALL=C.UTF-8 inert mi-report $how "$NAME=$k.mi" ./$k.mi
		done
	done
	inert mi-report run.mi run.mi
	inert mi-report -t "$NAME" score.mi
}

@test "hostile: mi-report as TSV has one line a record and as many cells in each" {
	for k in $KINDS; do
		for how in '' --spreadsheet; do
			inert mi-report --format tsv $how $k.mi
			[ "$(awk -F '\t' '{ print NF }' out | sort -u | wc -l)" = 1 ]
			[ "$how" = '' ] || ! tail -n +2 out | tr '\t' '\n' | grep -E '^[=+@-]' | grep -vqE '^[+-]?[0-9.]+(e[+-]?[0-9]+)?$'
		done
	done
	# of a scan a line a token
	mi-report --format tsv scan.mi >out
	[ "$(wc -l <out)" = $((1 + 3 * 28 * 28)) ]
	# what is escaped reads back
	printf '%b' "$(mi-report --format tsv run.mi | sed -n 2p | cut -f 1)" >id
	[ "$(mi-view run.mi | jq -r 'select(.kind == "run").id' | head -n 1)" = "$(cat id)" ]
}

@test "hostile: mi-view shows every kind and prints nothing that acts" {
	for k in $KINDS; do
		for how in '' --full; do
			inert mi-view $how $k.mi
		done
		mi-view $k.mi >out
		$INERT out
		mi-view --encode out -o again.mi
		same again.mi $k.mi
	done
}

@test "hostile: on a terminal, with colours and without" {
	need script
	for k in $KINDS; do
		script -qec "mi-report $k.mi" /dev/null >on_tty </dev/null
		$INERT --colour on_tty || { echo "$k"; return 1; }
		TERM=xterm script -qec "mi-view $k.mi" /dev/null </dev/null | tr -d '\r' >on_tty
		$INERT on_tty || { echo "mi-view $k"; return 1; }
	done
	grep -q . on_tty
	NO_COLOR=1 script -qec 'mi-report scan.mi' /dev/null </dev/null | tr -d '\r' >on_tty
	$INERT on_tty
	TERM=xterm script -qec 'mi-report scan.mi' /dev/null </dev/null >on_tty
	grep -q $'\e\[30;48;5;' on_tty
	# a model that reads, and may repeat, such a text; its ids, tokens and spans
	jq -c -n '"\u001b[31m\u202eWhere is Oslo?\u0007\u009b1m" as $t | {id: $t, text: $t, spans: {($t): "Oslo"}, ($t): $t}' >p.jsonl
	for how in '-n 4' --tokens '-n 4 --text' '--score' --dry-run; do
		TERM=xterm script -qec "mi-run -q -m '$M' $how p.jsonl" /dev/null </dev/null 2>/dev/null | tr -d '\r' >on_tty
		$INERT on_tty || { echo "mi-run $how"; return 1; }
	done
}

@test "hostile: the page of every kind holds no script, handler or address but its own" {
	if [ ! -e "$(dirname "$(command -v mi-report)")/../share/mi-tools/plotly.min.js" ]; then
		echo 'window.Plotly = {react: function () {}};' >plotly.js
		PLOTLY=(--plotly plotly.js)
	else
		PLOTLY=()
	fi
	for k in $KINDS; do
		run_clean 0 mi-report "${PLOTLY[@]}" -t "$NAME" "$NAME=$k.mi" -o $k.html
		python3 "$BATS_TEST_DIRNAME/lib/page.py" $k.html
		sed 's/<script.*//' $k.html | python3 -c 'import sys; sys.exit("\x1b" in sys.stdin.read())'
	done
}

@test "hostile: messages are one safe line, whatever they name" {
	cp act.mi "$NAME" 2>/dev/null || NAME=$'\e[31m\u202e.mi'
	cp act.mi "$NAME"
	head -c 300 act.mi >"cut$NAME"
	local bad=$'\e[31m\u202e\r\n\x07'
	local command
	while IFS= read -r command; do
		eval "$command" >out 2>err && { echo "passed: $command"; return 1; }
		$INERT err out || { echo "of: $command"; return 1; }
		grep -v '^usage: \|^Try ' err >lines
		[ "$(wc -l <lines)" -le 1 ] || { cat err; echo "of: $command"; return 1; }
	done <<-'END'
		mi-report "cut$NAME"
		mi-view "cut$NAME"
		mi-view "$bad"
		mi-direction fit "$NAME"
		mi-direction fit --sides "$bad,b" "$NAME"
		mi-direction fit --sides a,b --method "$bad" "$NAME"
		mi-direction fit --sides a,b --at "$bad" "$NAME"
		mi-direction fit --sides a,b --group-by "$bad" "$NAME"
		mi-direction select --method "$bad" dir.mi
		mi-direction "$bad"
		mi-direction compare "$bad" "$bad"
		mi-probe eval -d dir.mi "$NAME"
		mi-probe project -d dir.mi --mean "$bad" "$NAME"
		mi-probe project -d "$bad" "$NAME"
		mi-probe transfer --by "$bad" --sides a,b "$NAME"
		mi-probe rate run.mi
		mi-probe rate --by "$bad" run.mi
		mi-probe diff --metric "$bad" run.mi run.mi
		mi-probe verdict --claim "$bad" --metric auroc --of "$bad=$bad" --above 0 score.mi
		mi-probe verdict --claim c --metric "$bad" --above 0 score.mi
		mi-probe rate --of "$bad" run.mi
		mi-report --metric "$bad" score.mi
		mi-report --"$bad" score.mi
		mi-report --format "$bad" score.mi
		mi-run -m "$M" -n 2 --edit "$bad" run.mi
		mi-run -m "$NAME" -n 2 run.mi
		mi-capture -m "$M" --at resid_post:1 --pos "$bad" run.mi
		mi-capture -m "$M" --at resid_post:1 --pos "span:$bad" run.mi
		mi-patch -m "$M" --at resid_post:1 --metric kl effect.mi
		mi-run -m "$M" -n 2 <<<"{\"id\": \"\\u001b[1m\\u202e\", \"text\": 3}"
		mi-run -m "$M" -n 2 <<<"{\"text\": \"a\", \"spans\": {\"\\u001b[1m\\u202e\": \"b\"}}"
	END
}

@test "hostile: a model file whose name, tokens and template are hostile" {
	# other bytes of the same length: the name, a special token, the template's first bytes
	python3 -c '
import sys
data = open(sys.argv[1], "rb").read()
for old, new in ((b"llama-f32", b"\x1b[31m\xe2\x80\xaex"), (b"<|im_start|>", b"<svg/\x1b[31m>")):
    assert old in data
    data = data.replace(old, new.ljust(len(old), b"\x07"), 1)
open(sys.argv[2], "wb").write(data)' "$FIXTURES/tiny/llama-f32.gguf" evil.gguf
	for how in --info '--tokens -p the' '--text -p the -n 3'; do
		inert mi-run -q -m evil.gguf $how
	done
	mi-run -q -m evil.gguf --parse-special -n 2 -p $'<svg/\e[31m>\a the' -o e.mi || mi-run -q -m evil.gguf -n 2 -p 'the' -o e.mi
	inert mi-report e.mi
	inert mi-view e.mi
	inert mi-capture -q -m evil.gguf --list
}
