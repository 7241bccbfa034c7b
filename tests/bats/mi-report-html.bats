# mi-report: the HTML form: self-contained, inert, the same for the same streams.
bats_require_minimum_version 1.5.0

setup() {
	load lib/helper
	PAGE=(python3 "$BATS_TEST_DIRNAME/lib/page.py")
	need python3 jq
	# where plotly.js was not fetched, one that draws nothing takes its place
	if [ ! -e "$(dirname "$(command -v mi-report)")/../share/mi-tools/plotly.min.js" ]; then
		echo 'window.Plotly = {react: function () {}};' >plotly.js
		PLOTLY=(--plotly plotly.js)
	else
		PLOTLY=()
	fi
}

hostile() {
	jq -n -c -f "$BATS_TEST_DIRNAME/lib/hostile.jq" --arg kind "$1" | mi-view --encode -o "$1.mi"
}

# effects FILE: a sweep of 3 layers and 4 positions.
effects() {
	jq -n -c '
		{kind: "header", format: "mi-stream", version: [1, 0], content: "effect", model: null,
		 tokenizer: null, template: null, sites: [], dtype: null, shard: null, provenance: []},
		(range(3) as $l | range(4) as $o |
		 {kind: "effect", id: null, n: 9, site: "resid_post", layer: $l, head: null, position: null,
		  offset: ($o - 4), to: null, variant: null, method: "patch", metric: "logit_diff", at: null,
		  direction: null, base: -1, source: 1, patched: 0, effect: ($l * $o / 8), lo: 0.1, hi: 0.2,
		  difference: 1, difference_lo: 0, difference_hi: 2, refused: null}),
		{kind: "end"}' | mi-view --encode -o "$1"
}

@test "mi-report html: one file with charts, the same every time" {
	awk -f "$BATS_TEST_DIRNAME/lib/acts.awk" -v PAIRS=30 </dev/null | mi-view --encode -o fit.mi
	awk -f "$BATS_TEST_DIRNAME/lib/acts.awk" -v PAIRS=30 -v FIRST=100 -v SEED=2 </dev/null |
		mi-view --encode -o test.mi
	mi-direction fit --sides honest,untruthful --method mean-diff,pca-diff,shuffled --draws 3 \
		fit.mi -o d.mi
	mi-probe eval -d d.mi test.mi -o s.mi
	run_clean 0 mi-report "${PLOTLY[@]}" -t 'A study' Reading=s.mi Directions=d.mi -o a.html
	[ -z "$output" ]
	run_clean 0 mi-report "${PLOTLY[@]}" -t 'A study' Reading=s.mi Directions=d.mi --format html
	printf '%s\n' "$output" >b.html
	same a.html b.html
	"${PAGE[@]}" a.html
	grep -q '<title>A study</title>' a.html
	grep -q '<h2>Reading</h2>' a.html
	# the graph: directions lead to scores
	grep -q '>s.mi</text>' a.html
	# every figure of the terminal's table stands in the page's
	mi-report s.mi | grep -oE '[01]\.[0-9]{3} \[[01]\.[0-9]{2} [01]\.[0-9]{2}\]' | sort -u >figures
	[ -s figures ]
	while read -r f; do grep -qF "$f" a.html; done <figures
}

@test "mi-report html: a sweep is a map of layers and positions, in both forms" {
	effects e.mi
	run_clean 0 mi-report --ascii e.mi
	[[ ${lines[0]} == "patch resid_post by position: logit_diff, 9 prompts or pairs" ]]
	[[ $output == *"resid_post:2 "*"#"*"position (negative: from the end) from -4 to -1"* ]]
	run_clean 0 mi-report "${PLOTLY[@]}" e.mi -o e.html
	"${PAGE[@]}" e.html
	grep -q '"type":"heatmap"' e.html
}

@test "mi-report html: the card names all nine conditions and why one is not offered" {
	hostile score
	mi-view score.mi | jq -c 'select(.card or .kind == "header") |
		if .card then .reason = "no place for it" else . end' | head -n 2 >c.json
	echo '{"kind": "end"}' >>c.json
	mi-view --encode c.json -o c.mi
	run_clean 0 mi-report c.mi
	for e in E1 E2 E3 E4 E5 E6 E7 E8 E9; do grep -qE "^$e +" <<<"$output"; done
	[ "$(grep -c 'not offered' <<<"$output")" = 8 ]
	[[ $output == *"no place for it"* ]]
	run_clean 0 mi-report c.mi -o c.html
	"${PAGE[@]}" c.html
	[ "$(grep -c 'not offered' c.html)" = 8 ]
}

@test "mi-report html: hostile strings are inert in the page, on a terminal and as TSV" {
	hostile run
	hostile score
	run_clean 0 mi-report "${PLOTLY[@]}" -t "</title><script>document.title='owned'</script>" \
		"<svg onload>=run.mi" score.mi -o h.html
	"${PAGE[@]}" h.html
	for s in run score; do
		run_clean 0 mi-report --full $s.mi
		[ "$(LC_ALL=C grep -c '[^ -~]' <<<"$output")" = 0 ]
		run_clean 0 mi-report --format tsv $s.mi
		[ "$(LC_ALL=C tr -d '\t' <<<"$output" | LC_ALL=C grep -c '[^ -~]')" = 0 ]
		# one line a record, every line as many cells
		[ "$(awk -F '\t' '{ print NF }' <<<"$output" | sort -u | wc -l)" = 1 ]
	done
	run_clean 0 mi-report --format tsv --spreadsheet run.mi
	[ "$(tail -n +2 <<<"$output" | cut -f 1 | grep -cE '^ *[=+@-]')" = 0 ]
	[[ $output == *$'\n\'=1+1\t'* ]]
}

@test "mi-report html: a browser runs no string and breaks no rule of the policy" {
	local browser
	browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
		skip "no Chromium here"
	[ ${#PLOTLY[@]} -eq 0 ] || skip "plotly.js is not here (make deps)"
	hostile run
	hostile score
	effects e.mi
	mi-report -t Hostile Runs=run.mi Runs=run.mi score.mi e.mi -o h.html
	look() {
		timeout 120 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$PWD/profile" \
			--enable-logging=stderr --virtual-time-budget=8000 --dump-dom "file://$PWD/$1" >dom 2>log 3>&-
	}
	look h.html
	run ! grep -E 'CONSOLE|Refused|Content Security Policy' log
	grep -q '<title>Hostile</title>' dom
	figures=$("${PAGE[@]}" h.html | sed 's/.*: \(.*\) figures/\1/')
	[ "$(grep -o 'class="plot js-plotly-plot"' dom | wc -l)" = "$figures" ]
	# no address to elsewhere came to be
	python3 - <<-'END'
		import re
		dom = re.sub(r"(?s)<script.*?</script>", "", open("dom", encoding="utf-8").read())
		assert not re.search(r'<[^<>]*\s(xlink:)?(href|src)="(http|javascript)', dom)
	END
	# the trap itself: what the policy does not name is refused, and said so
	sed 's#</main>#<script>document.title="owned"</script></main>#' h.html >bad.html
	look bad.html
	grep -q 'Content Security Policy' log
	grep -q '<title>Hostile</title>' dom
}

@test "mi-report html: plotly.js that is absent or unfit is said in one line" {
	effects e.mi
	run_clean 4 mi-report --plotly absent.js e.mi -o e.html
	says "absent.js"
	nothing_left e.html
	echo 'x = "</script>"' >bad.js
	run_clean 3 mi-report --plotly bad.js e.mi -o e.html
	says "cannot stand in a page"
	mkdir -p elsewhere
	cp "$(command -v mi-report)" elsewhere
	if [ ! -e "$HOME/.local/share/mi-tools/plotly.min.js" ]; then
		run_clean 4 elsewhere/mi-report e.mi -o e.html
		says "run 'make deps'"
	fi
	# without charts nothing is needed
	hostile run
	run_clean 0 elsewhere/mi-report run.mi -o r.html
	"${PAGE[@]}" r.html
}

@test "mi-report html: titles make sections, runs of one stand side by side" {
	hostile run
	run_clean 0 mi-report "${PLOTLY[@]}" Two=run.mi Two=run.mi One=run.mi ./run.mi -o t.html
	[ "$(grep -c '<h2>' t.html)" = 4 ]
	[ "$(grep -o 'class="columns"' t.html | wc -l)" = "$((3 * $(mi-view run.mi | grep -c '"kind":"run"')))" ]
	grep -q 'less</span> probable' t.html
}
