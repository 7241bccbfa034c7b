# The build itself: layers, installation, dependencies.
bats_require_minimum_version 1.5.0

setup() {
	load lib/helper
	# of an outer make only the variables from its command line: its job server talks
	# through descriptors that bats uses
	case ${MAKEFLAGS-} in
	*' -- '*) MAKEFLAGS=${MAKEFLAGS#* -- } ;;
	*) MAKEFLAGS= ;;
	esac
	unset MAKELEVEL MFLAGS
}

@test "build: no layer includes one above it" {
	run_clean 0 make -s -C "$ROOT" check-layers
}

@test "build: check-layers sees a forbidden include" {
	mkdir -p common/base common/data
	echo '#include "data/x.h"' >common/base/x.c
	echo '#include "base/x.h"' >common/data/x.c
	run -1 --separate-stderr sh "$ROOT/scripts/check-layers.sh" base: data:base
	[ "$stderr" = "common/base/x.c: layer base may not include data/" ]
}

@test "build: each package is included from one file only" {
	cd "$ROOT"
	only() {
		found=$(grep -rlE "^[[:space:]]*#[[:space:]]*include <$1" common tools | sort | tr '\n' ' ')
		[ "$found" = "$2 " ] || { echo "$1: in $found, expected $2"; return 1; }
	}
	only 'zstd[a-z_]*\.h>' common/stream/frame.c
	only 'msgpack' common/stream/codec.c
	only 'jansson\.h>' common/data/json.c
	only 'omp\.h>' common/base/par.c
	only 'pcre2\.h>' common/base/regex.c
	only 'utf8proc\.h>' common/text/unicode.c
	only 'xxhash\.h>' common/base/hash.c
	only '(lapacke|cblas)\.h>' common/math/linalg.c
}

@test "build: tools without linear algebra do not load it" {
	need ldd
	for tool in mi-run mi-capture mi-view; do
		[ -x "$MI_BIN/$tool" ] || continue
		[[ $(ldd "$MI_BIN/$tool") != *blas* ]]
	done
}

@test "build: install and uninstall leave nothing" {
	make -s -C "$ROOT" install DESTDIR="$PWD/stage" PREFIX=/usr >log 2>&1 || { cat log; false; }
	[ -x stage/usr/bin/mi-view ] || [ ! -e "$MI_BIN/mi-view" ]
	make -s -C "$ROOT" uninstall DESTDIR="$PWD/stage" PREFIX=/usr >log 2>&1
	[ -z "$(find stage -type f)" ]
}

@test "build: make help lists the targets" {
	run -0 make -s -C "$ROOT" help
	for target in all deps demo check check-asan bench lint install; do
		[[ $output == *"  $target "* ]]
	done
}

@test "build: a missing package is one sentence" {
	run -2 --separate-stderr make -s -C "$ROOT" PKG_CONFIG=false all
	[[ $stderr == *"run 'make deps' first"* ]]
}

@test "build: the sum of the tests sees what did not run" {
	run -1 awk -f "$ROOT/scripts/tap-sum.awk" <<<$'# file a\n1..3\nok 1 - x\nok 2 - y'
	[ "${lines[-1]}" = "2 passed, 1 failed, 0 skipped" ]
	run -1 awk -f "$ROOT/scripts/tap-sum.awk" <<<$'# file a\n# file b\n1..1\nok 1 - x'
	[ "${lines[-1]}" = "1 passed, 1 failed, 0 skipped" ]
	run -0 awk -f "$ROOT/scripts/tap-sum.awk" <<<$'# file a\n1..2\nok 1 - x\nok 2 - # SKIP y'
	[ "${lines[-1]}" = "1 passed, 0 failed, 1 skipped" ]
	run -1 awk -f "$ROOT/scripts/tap-sum.awk" <<<$'# file a\n1..1\nok 1 - x\n# exit 99\n# file b\n1..1\nok 1 - y'
	[ "${lines[0]}" = "a: every test passed, then exit 99" ]
	[ "${lines[-1]}" = "2 passed, 1 failed, 0 skipped" ]
	run -1 awk -f "$ROOT/scripts/tap-sum.awk" <<<$'# file a\n1..1\nnot ok 1 - x\n# exit 1'
	[ "${lines[-1]}" = "0 passed, 1 failed, 0 skipped" ]
	run -1 awk -f "$ROOT/scripts/tap-sum.awk" </dev/null
}
