# Streams when the system fails: no wrong result is silent, no half file stands under its name.
bats_require_minimum_version 1.5.0

# lines N WIDTH: a stream as text, N records of WIDTH numbers that do not compress well.
lines() {
	awk -v n="$1" -v w="$2" 'BEGIN {
		srand(7)
		print "{\"kind\":\"header\",\"format\":\"mi-stream\",\"version\":[1,0],\"content\":\"test\"," \
			"\"model\":null,\"tokenizer\":null,\"template\":null,\"sites\":[],\"dtype\":null," \
			"\"shard\":null,\"provenance\":[]}"
		for (i = 0; i < n; i++) {
			printf "{\"kind\":\"x\",\"id\":\"p%d\",\"x\":{\"dtype\":\"f32\",\"shape\":[%d],\"data\":[", i, w
			for (j = 0; j < w; j++)
				printf "%s%.5f", j ? "," : "", rand() - 0.5
			print "]}}"
		}
		print "{\"kind\":\"end\"}"
	}'
}

setup_file() {
	cd "$BATS_FILE_TMPDIR"
	PATH="${MI_BIN:-$BATS_TEST_DIRNAME/../../build/release/bin}:$PATH"
	lines 40 64 >small.jsonl
	mi-view --encode small.jsonl -o small.mi
	lines 120 3000 | mi-view --encode -o large.mi
}

setup() {
	load lib/helper
	IN=$BATS_FILE_TMPDIR
}

# calls LOG CALL: the numbers of those CALLs in a log of strace that are our own, not the
# loader's: what comes after the last shared library or its configuration.
calls() {
	awk -v call="$2" '
		/\.so|ld\.so|libgomp|\/sys\/|\/proc\// { loaded = NR }
		{ line[NR] = $0 }
		END {
			for (i = 1; i <= NR; i++)
				if (line[i] ~ "^[0-9 ]*" call "\\(") {
					n++
					if (i > loaded) print n
				}
		}' "$1"
}

can_trace() {
	need strace
	strace -qq -o /dev/null true 2>/dev/null || skip "strace may not trace here"
	not_under_asan "the leak checker and strace exclude each other"
}

traced=read,write,openat,fsync,close,rename,mmap

# torture WANT OUT COMMAND...: makes each call of the command fail in turn, in each way. Exit 0
# means that OUT is right, every other exit that it is not there; an interruption is harmless.
torture() {
	local want=$1 out=$2 points=0 call n error
	shift 2
	strace -qq -o log -e trace=$traced "$@" || return 1
	cmp "$out" "$want" || return 1
	for call in ${traced//,/ }; do
		for n in $(calls log "$call"); do
			for error in EIO ENOSPC EINTR ENOMEM; do
				[ "$error" != EINTR ] || [[ $call != mmap && $call != rename ]] || continue
				rm -f "$out"
				status=0
				strace -qq -o /dev/null -e trace=$traced \
					-e "inject=$call:error=$error:when=$n" "$@" 2>said || status=$?
				points=$((points + 1))
				if [ "$status" -eq 0 ]; then
					cmp "$out" "$want" || { echo "$call $n $error: wrong, exit 0"; return 1; }
				elif [ "$error" = EINTR ]; then
					echo "$call $n EINTR: exit $status: $(cat said)"
					return 1
				else
					[ "$status" -eq 4 ] || { echo "$call $n $error: exit $status: $(cat said)"; return 1; }
					[ "$(wc -l <said)" -eq 1 ] || { cat said; return 1; }
					# the end of standard output comes after the file, which then stands whole
					! grep -q 'standard output' said || cmp "$out" "$want" || return 1
					grep -q 'standard output' said || nothing_left "$out" ||
						{ echo "$call $n $error"; return 1; }
				fi
			done
		done
	done
	echo "# $points points: $*" >&3
	[ "$points" -ge 20 ]
}

@test "faults: a call that fails never leaves a wrong file behind exit 0 (writing)" {
	can_trace
	cp "$IN/small.mi" want
	torture want out.mi mi-view --encode "$IN/small.jsonl" -o out.mi
}

@test "faults: a call that fails never leaves a wrong file behind exit 0 (reading)" {
	can_trace
	mi-view head -n 20 "$IN/large.mi" -o want.mi
	torture want.mi out.mi mi-view head -n 20 "$IN/large.mi" -o out.mi
}

@test "faults: a call that fails on standard output never passes for success" {
	can_trace
	mi-view "$IN/small.mi" >want
	strace -qq -o log -e trace=write mi-view "$IN/small.mi" >out
	same out want
	for n in $(calls log write); do
		for error in EIO ENOSPC EINTR; do
			status=0
			strace -qq -o /dev/null -e trace=write -e "inject=write:error=$error:when=$n" \
				mi-view "$IN/small.mi" >out 2>said || status=$?
			if [ "$error" = EINTR ]; then
				[ "$status" -eq 0 ]
				same out want
			else
				[ "$status" -eq 4 ]
				grep -q '^mi-view: cannot write standard output: ' said
			fi
		done
	done
	full=$(full_device) || return 0
	run_clean 4 bash -c 'mi-view "$1" >"$2"' - "$IN/small.mi" "$full"
	says "cannot write standard output: No space left on device"
	run_clean 4 bash -c 'mi-view head "$1" >"$2"' - "$IN/large.mi" "$full"
}

@test "faults: on a disk that is too small there is no file, whatever the size" {
	mkdir disk
	mount -t tmpfs -o size=4k none disk 2>/dev/null || skip "no right to mount a small disk"
	mi-view head -n 16 "$IN/large.mi" -o want.mi
	size=$(stat -c %s want.mi)
	made=0
	steps=0
	for ((k = 4; made == 0; k += 4)); do
		mount -o "remount,size=${k}k" disk
		status=0
		mi-view head -n 16 "$IN/large.mi" -o disk/out.mi 2>said || status=$?
		steps=$((steps + 1))
		if [ "$status" -eq 0 ]; then
			cmp disk/out.mi want.mi && made=1 || made=-1
		elif [ "$status" -ne 4 ] || [ -n "$(ls -A disk)" ] || ! grep -q 'No space left' said; then
			cat said
			made=-1
		fi
		[ $((k * 1024)) -lt $((2 * size)) ] || made=${made/#0/-1}
	done
	umount disk
	echo "# $steps sizes up to $((k - 4)) KiB" >&3
	[ "$made" -eq 1 ]
	[ $((k * 1024)) -gt "$size" ]
}

@test "faults: a limit on the size of files is an error like a full disk" {
	run_clean 4 bash -c 'trap "" XFSZ; ulimit -f 8; exec mi-view head -n 1000 "$1" -o out.mi' - "$IN/large.mi"
	says "File too large"
	nothing_left out.mi
}

# whole FILE WANT OLD: the file is absent, or the old one, or the new one, and never a part.
whole() {
	[ ! -e "$1" ] || cmp -s "$1" "$2" || cmp -s "$1" "$3"
}

@test "faults: kill -9 at any call leaves the old file or the new one, and a rerun ends well" {
	can_trace
	mi-view head -n 3 "$IN/small.mi" -o old.mi
	mi-view head -n 30 "$IN/small.mi" -o want.mi
	strace -qq -o log -e trace=$traced mi-view head -n 30 "$IN/small.mi" -o out.mi
	points=0
	for call in ${traced//,/ }; do
		for n in $(calls log "$call"); do
			for before in old.mi none; do
				rm -f out.mi
				[ "$before" = none ] || cp old.mi out.mi
				run strace -qq -o /dev/null -e trace=$traced \
					-e "inject=$call:signal=SIGKILL:when=$n" mi-view head -n 30 "$IN/small.mi" -o out.mi
				whole out.mi want.mi old.mi || { echo "$call $n: a part"; return 1; }
				[ ! -e out.mi ] || mi-view --check out.mi >/dev/null
				[ "$(find . -name '.out.mi.*.part' | wc -l)" -le 1 ] || { ls -A; return 1; }
				mi-view head -n 30 "$IN/small.mi" -o out.mi
				same out.mi want.mi
				[ -z "$(find . -name '.*.part')" ] || { echo "$call $n"; ls -A; return 1; }
				points=$((points + 1))
			done
		done
	done
	echo "# $points points" >&3
	[ "$points" -ge 20 ]
}

@test "faults: kill -9 at random times leaves the old file or the new one" {
	mi-view head -n 3 "$IN/large.mi" -o old.mi
	mi-view head -n 110 "$IN/large.mi" -o want.mi
	cp old.mi out.mi
	# in hundredths of the time that a whole run takes here, so that a fast machine is hit too
	run_us=${EPOCHREALTIME/./}
	for i in 1 2 3 4 5; do
		timeout -s KILL 60 mi-view head -n 110 "$IN/large.mi" -o want.mi
	done
	run_us=$(((${EPOCHREALTIME/./} - run_us) / 5))
	killed=0
	for ((i = 1; i <= 165; i++)); do
		at_us=$(((i * 7 % 100 + 1) * run_us / 100))
		run timeout -s KILL "$((at_us / 1000000)).$(printf %06d $((at_us % 1000000)))" \
			mi-view head -n 110 "$IN/large.mi" -o out.mi
		[ "$status" -eq 0 ] || killed=$((killed + 1))
		whole out.mi want.mi old.mi
		mi-view --check out.mi >/dev/null
		[ "$(find . -name '.out.mi.*.part' | wc -l)" -le 1 ] || { ls -A; return 1; }
		[ $((i % 10)) -ne 0 ] || cp old.mi out.mi
	done
	mi-view head -n 110 "$IN/large.mi" -o out.mi
	same out.mi want.mi
	[ -z "$(find . -name '.*.part')" ]
	echo "# $killed of 165 killed" >&3
	[ "$killed" -gt 20 ]
}

@test "faults: a signal leaves nothing behind" {
	for signal in INT TERM HUP; do
		for i in 02 04 06 1 2; do
			rm -f out.mi
			# an input that does not end: the tool is in its middle whenever the signal comes
			status=0
			timeout --preserve-status -s "$signal" "0.$i" mi-view head -n 110 -o out.mi \
				< <(head -c 300000 "$IN/large.mi"; sleep 5) 3>&- || status=$?
			[ "$status" -gt 128 ]
			nothing_left out.mi
		done
	done
}

# broken HOW N COMMAND...: a stage that goes wrong after N writes or bytes.
broken() {
	local how=$1 n=$2
	shift 2
	case $how in
	cut) "$@" | head -c "$n" ;;
	exit) "$@" | { head -c "$n"; exit 7; } ;;
	kill) strace -qq -o /dev/null -e trace=write -e "inject=write:signal=SIGKILL:when=$n" "$@" ;;
	fail) strace -qq -o /dev/null -e trace=write -e "inject=write:error=EIO:when=$n" "$@" ;;
	esac
}
export -f broken

@test "faults: in a pipeline the last stage refuses what a stage before it did not finish" {
	can_trace
	size=$(mi-view head -n 1000 "$IN/large.mi" | wc -c)
	export LARGE=$IN/large.mi
	points=0
	for how in "cut 0" "cut 10" "cut 20" "cut 200" "cut 100000" "cut $((size - 1))" "exit 5000" \
		"exit $((size - 70))" "kill 1" "kill 2" "fail 1" "fail 2"; do
		for stages in "broken $how mi-view head -n 1000 \$LARGE" \
			"broken $how mi-view head -n 1000 \$LARGE | mi-view filter" \
			"mi-view head -n 1000 \$LARGE | broken $how mi-view filter" \
			"mi-view head -n 1000 \$LARGE | broken $how mi-view filter | mi-view head -n 1000"; do
			rm -f out.mi
			status=0
			bash -c "$stages | mi-view head -n 1000 -o out.mi" 2>said || status=$?
			[ "$status" -eq 3 ] || { echo "$stages: exit $status"; cat said; return 1; }
			[ "$(grep -c '^mi-view: ' said)" -ge 1 ]
			nothing_left out.mi
			run pipeline "$stages 2>&1 | mi-view head -n 1000 -o out.mi"
			[ "$status" -ne 0 ]
			nothing_left out.mi
			points=$((points + 1))
		done
	done
	# text on the way
	for bytes in 0 100 5000; do
		run pipeline "mi-view '$IN/small.mi' | head -c $bytes | mi-view --encode -o out.mi"
		[ "$status" -eq 3 ]
		nothing_left out.mi
	done
	echo "# $points pipelines" >&3
}

@test "faults: a reader that leaves early ends the writer quietly" {
	run_clean 141 bash -c 'mi-view "$1" | head -c 10 >/dev/null; exit "${PIPESTATUS[0]}"' - "$IN/large.mi"
	# with the output elsewhere a pipe's death is no matter
	mi-view head -n 3 "$IN/large.mi" -o out.mi | true
	mi-view --check out.mi
}

@test "faults: bytes that trickle in give the same result" {
	need perl
	mi-view "$IN/small.mi" | head -3 | sed '$s/.*/{"kind":"end"}/' | mi-view --encode -o tiny.mi
	mi-view tiny.mi >want
	perl -e '$| = 1; local $/ = \1; while (<>) { print }' tiny.mi | mi-view >out
	same out want
	perl -e '$| = 1; local $/ = \1; while (<>) { print }' want | mi-view --encode -o again.mi
	same again.mi tiny.mi
	# a standard input that does not block
	(sleep 0.1; cat tiny.mi) 3>&- | perl -MFcntl -e 'fcntl(STDIN, F_SETFL, O_NONBLOCK); exec @ARGV' mi-view >out
	same out want
}

@test "faults: sixteen writers to one name leave one whole file" {
	mi-view head -n 100 "$IN/large.mi" -o want.mi
	seq 64 | xargs -P 16 -I{} mi-view head -n 100 "$IN/large.mi" -o out.mi
	same out.mi want.mi
	[ -z "$(find . -name '.*.part')" ]
}

@test "faults: a file that is changed while it is read is refused" {
	cp "$IN/large.mi" in.mi
	mkfifo gate
	# the reader is slow because nobody takes its text; meanwhile the file grows
	(mi-view in.mi >gate 2>said || echo $? >code) 3>&- &
	exec 4<gate
	head -c 1000 <&4 >/dev/null
	printf x >>in.mi
	cat <&4 >/dev/null
	exec 4<&-
	wait
	[ "$(cat code)" -eq 3 ]
	[ "$(wc -l <said)" -eq 1 ]
}
