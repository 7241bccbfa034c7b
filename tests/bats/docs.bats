# Documents say what is there, and what they show is what happens.
bats_require_minimum_version 1.5.0

setup() {
	load lib/helper
	MAN=$ROOT/docs/man
	TOOLS=$(cd "${MI_BIN:-$ROOT/build/release/bin}" && echo mi-*)
	mkdir work # bats keeps files of its own in the folder above
	cd work
}

# options_of COMMAND...: the long options that its help lists.
options_of() {
	"$@" --help | sed -n '/^Options:/,/^$/s/^  \(-.,\|   \) --\([a-z][a-z0-9-]*\).*/\2/p'
}

# unnamed PAGE OPTION...: those that the page does not list, with the page's name.
unnamed() {
	local page=$1 option
	shift
	for option; do
		grep -qE "Fl -$option( |\$)" "$MAN/$page" || echo "$page: --$option"
	done
}

@test "docs: every tool has a page, and every long option of it and its verbs stands there" {
	local bad='' verb
	for tool in $TOOLS; do
		[ -e "$MAN/$tool.1" ] || { bad+="no $tool.1"$'\n' && continue; }
		# shellcheck disable=SC2046
		bad+=$(unnamed "$tool.1" $(options_of "$tool"))
		for verb in $(verbs_of "$tool"); do
			# shellcheck disable=SC2046
			bad+=$(unnamed "$tool.1" $(options_of "$tool" "$verb"))
		done
	done
	[ -z "$bad" ] || { sort -u <<<"$bad"; false; }
}

@test "docs: every verb stands in the page of its tool" {
	local n=0 bad='' verb
	for tool in $TOOLS; do
		for verb in $(verbs_of "$tool"); do
			n=$((n + 1))
			grep -qE "Cm $verb( |\$)" "$MAN/$tool.1" || bad+=" $tool $verb"
		done
	done
	[ -z "$bad" ] || { echo "not in the man page:$bad"; false; }
	[ "$n" -ge 10 ]
}

@test "docs: no page lists an option that its tool does not have" {
	local bad='' option verb
	for tool in $TOOLS; do
		{ options_of "$tool"; for verb in $(verbs_of "$tool"); do options_of "$tool" "$verb"; done; } >there
		while read -r option; do
			grep -qxF -- "$option" there || bad+=" $tool:--$option"
		done < <(sed -n '/^\.Sh OPTIONS/,/^\.Sh INPUT/p' "$MAN/$tool.1" | grep '^\.It Fl ' |
			grep -oE 'Fl -[a-z][a-z0-9-]*' | sed 's/^Fl -//')
	done
	[ -z "$bad" ] || { echo "in the man page only:$bad"; false; }
}

# What mandoc may say: lines of sentences are longer than 80 bytes here, sections have names
# of their own, and our pages and those of other programs need not be installed.
@test "docs: mandoc finds nothing in the pages" {
	need mandoc
	for page in "$MAN"/*.[1-9]; do
		mandoc -T lint "$page" 2>err | grep -v -e 'STYLE: input text line longer than' \
			-e 'STYLE: referenced manual not found' -e 'STYLE: possible typo in section name' || :
	done >found
	[ ! -s found ] || { cat found; false; }
}

@test "docs: pages refer to pages that are there, under their own names" {
	local name section
	for page in "$MAN"/*.[1-9]; do
		name=${page##*/}
		section=${name##*.} name=${name%.*}
		grep -qix "\.Dt $name $section" "$page" || echo "$page: .Dt"
		grep -qx "\.Nm $name" "$page" || echo "$page: .Nm"
		sed -n 's/^\.Xr \(mi-[a-z]*\) \([1-9]\).*/\1.\2/p' "$page" | sort -u | while read -r other; do
			[ -e "$MAN/$other" ] || echo "$page: .Xr $other"
		done
	done >found
	[ ! -s found ] || { cat found; false; }
}

@test "docs: mi-tools(7) has every site, in both spellings, with its shape" {
	# layer 1 stands for all; sizes of the model by their letters
	mi-capture -m "$FIXTURES/tiny/llama-f32.gguf" --list | sed '1d; /:0 /d' |
		awk -F '  +' '{ print ".It " $1 " Ta " $2 " Ta " $3 }' |
		sed 's/:1 /:L /; s/blocks\.1\./blocks.L./
			s/\[4, 8\]/[H, K]/; s/\[2, 8\]/[KV, K]/; s/\[4, T\]/[H, T]/; s/\[4, 32\]/[H, D]/
			s/\[32\]/[D]/; s/\[64\]/[M]/; s/\[300\]/[V]/' | sort >want
	sed -n '/^\.Sh SITES/,/^\.Sh EDITS/s/^\(\.It .*\)$/\1/p' "$MAN/mi-tools.7" | grep -v 'Sy short' | sort >got
	diff -u want got
	[ "$(wc -l <got)" -eq 25 ]
}

# known_in FILE PATTERN: what the pattern's \1 gives in a file of the sources, one a line.
known_in() {
	sed -n "s/$2/\\1/p" "$ROOT/$1" | sort -u
}

@test "docs: mi-tools(7) has every edit, metric and type of weights" {
	known_in common/data/edit.c '.*{\.name = "\([a-z-]*\)".*' >names
	[ "$(wc -l <names)" -ge 9 ]
	while read -r name; do
		grep -qE "^\.It Cm $name Ar sites" "$MAN/mi-tools.7" || echo "edit $name"
	done <names >found
	known_in common/data/metric.c '^    {"\([a-z0-9_]*\)", .*' >names
	[ "$(wc -l <names)" -ge 15 ]
	while read -r name; do
		sed -n '/^\.Sh METRICS/,/^\.Sh MODELS/p' "$MAN/mi-tools.7" | grep -qwE "^\.It Va (.* , )?$name" ||
			echo "metric $name"
	done <names >>found
	grep -oE '\{MI_Q_[A-Z0-9_]*, "[A-Z0-9_]*"' "$ROOT/common/math/quant.c" | cut -d '"' -f 2 >types
	[ "$(wc -l <types)" -ge 10 ]
	while read -r name; do
		sed -n '/^\.Sh MODELS/,/^\.Sh ENV/p' "$MAN/mi-tools.7" | grep -qw "$name" || echo "model $name"
	done <types >>found
	[ ! -s found ] || { echo "not in mi-tools(7):"; cat found; false; }
}

@test "docs: mi-tools(7) has the table of architectures that the code prints" {
	mi-run --architectures |
		awk -F '\t' 'NR > 1 { print ".It " $1; print $4 ($2 == "-" ? "" : " (" $2 ")") ": " $3 }' >want
	sed -n '/^\.Bl -tag -width "hunyuan-dense"/,/^\.El/p' "$MAN/mi-tools.7" | grep -v '^\.[BE]l' >got
	diff -u want got
	[ "$(grep -c '^\.It' got)" -ge 30 ]
}

@test "docs: links between documents lead somewhere" {
	for file in "$ROOT"/*.md "$ROOT"/docs/*.md; do
		grep -oE '\]\([^)#:]+\)' "$file" | sed 's/^](//; s/)$//' | while read -r target; do
			[ -e "$(dirname "$file")/$target" ] || echo "$file: $target"
		done
	done >found
	[ ! -s found ] || { cat found; false; }
}

# ---- commands that stand in documents ----------------------------------------------

# shows FILE: its console blocks print what stands there. The chat model is not run under
# the sanitizers.
shows() {
	local no_model=
	[ "${MI_MODE:-release}" != asan ] || no_model=--no-model
	# shellcheck disable=SC2086
	sh "$ROOT/scripts/run-cookbook.sh" $no_model "$1"
}

@test "docs: the commands of the cookbook print what stands there" {
	need jq python3 xargs
	shows "$ROOT/docs/cookbook.md"
	[ "$(grep -c '^\$ ' "$ROOT/docs/cookbook.md")" -ge 40 ]
}

@test "docs: the commands of the README print what stands there" {
	need jq
	shows "$ROOT/README.md"
}

@test "docs: what documents show is compared in earnest" {
	# the first line of a block's output, changed
	cat >a.md <<-'END'
		```console
		$ mi-view --version | cut -d ' ' -f 1
		mi-view
		$ x=2; cat <<EOF
		> a
		>
		> EOF
		a

		```
		```sh
		$ never run
		```
		```console
		$ echo $x; cat no-such-file || echo "exit $?"
		2
		cat: no-such-file: No such file or directory
		exit 1
		```
	END
	shows a.md
	sed 's/^mi-view$/mi-run/' a.md >b.md
	run ! shows b.md
	[[ $output == *"-mi-run"*"+mi-view"* ]]
	sh "$ROOT/scripts/run-cookbook.sh" --regold b.md
	same a.md b.md
}

@test "docs: a command that fails is seen, and never taken for what was meant" {
	printf '```console\n$ echo a; exit_with() { return $1; }; exit_with 3\na\n```\n' >a.md
	cp a.md b.md
	run ! shows a.md
	[[ $output == *"+[exit 3]"* ]]
	run ! sh "$ROOT/scripts/run-cookbook.sh" --regold a.md
	same a.md b.md
	printf '```console\n$ echo a\n' >open.md
	run ! shows open.md
	printf '```console\n$ echo "$ a"\n```\n' >like.md
	run ! shows like.md
}

@test "docs: a block whose model is not there is left alone" {
	printf '```console\n$ mi-run -m models/no-such.gguf --info\nanything\n```\n' >a.md
	shows a.md
}
