#!/bin/sh
# usage: deps.sh [--check]
# Looks for every package that building, testing and the demo need; installs what is
# missing with the system's package manager (--check only says). Quiet when all is there.
set -eu
PKG_CONFIG=${PKG_CONFIG:-pkg-config}
only_check=${1-}

has_command() { command -v "$1" >/dev/null 2>&1; }
has_library() {
	for name in "$@"; do
		"$PKG_CONFIG" --exists "$name" 2>/dev/null && return
	done
	return 1
}
# A python of one's own may come first in PATH; the system's packages go to the system's.
has_module() {
	python3 -c "import $1" >/dev/null 2>&1 || /usr/bin/python3 -c "import $1" >/dev/null 2>&1
}
# A link is the only honest answer to "can we compile and link C here?"
has_compiler() {
	dir=$(mktemp -d)
	echo 'int main(void) { return 0; }' >"$dir/x.c"
	r=0
	# shellcheck disable=SC2086  # CC may be several words
	${CC:-cc} -fopenmp -o "$dir/x" "$dir/x.c" >/dev/null 2>&1 || r=1
	rm -rf "$dir"
	return $r
}

# ---- what is missing: one word a thing, translated below ---------------------
find_missing() {
	missing=
	has_compiler || missing="$missing cc"
	has_command "$PKG_CONFIG" || missing="$missing pkg-config"
	has_library libzstd || missing="$missing zstd"
	has_library msgpack-c msgpack || missing="$missing msgpack"
	has_library libpcre2-8 || missing="$missing pcre2"
	has_library libutf8proc || missing="$missing utf8proc"
	has_library jansson || missing="$missing jansson"
	has_library libxxhash || missing="$missing xxhash"
	has_library lapacke || missing="$missing lapacke"
	has_library openblas || missing="$missing openblas"
	has_command bash || missing="$missing bash"
	has_command bats || missing="$missing bats"
	has_command jq || missing="$missing jq"
	has_command zstd || missing="$missing zstd-tool"
	has_command python3 || missing="$missing python"
	python3 -m pip --version >/dev/null 2>&1 || missing="$missing pip"
	has_module zstandard || missing="$missing py-zstandard"
	has_module msgpack || missing="$missing py-msgpack"
	for tool in $only_tests; do
		has_command "$tool" || missing="$missing $tool"
	done
}

# Some tests skip themselves where these are not: wanted, not needed.
only_tests='strace xxd mandoc'
# Is something missing that is more than that?
is_needed() {
	for thing in $missing; do
		case " $only_tests " in
		*" $thing "*) ;;
		*) return 0 ;;
		esac
	done
	return 1
}

# ---- what each system calls it ------------------------------------------------
names_apt='cc=gcc,libc6-dev pkg-config=pkg-config zstd=libzstd-dev msgpack=libmsgpack-dev
	pcre2=libpcre2-dev utf8proc=libutf8proc-dev jansson=libjansson-dev xxhash=libxxhash-dev
	lapacke=liblapacke-dev openblas=libopenblas-openmp-dev bash=bash bats=bats jq=jq
	zstd-tool=zstd python=python3 pip=python3-pip py-zstandard=python3-zstandard
	py-msgpack=python3-msgpack strace=strace xxd=xxd mandoc=mandoc'
names_dnf='cc=gcc pkg-config=pkgconf-pkg-config zstd=libzstd-devel msgpack=msgpack-devel
	pcre2=pcre2-devel utf8proc=utf8proc-devel jansson=jansson-devel xxhash=xxhash-devel
	lapacke=lapack-devel openblas=openblas-devel bash=bash bats=bats jq=jq zstd-tool=zstd
	python=python3 pip=python3-pip py-zstandard=python3-zstandard py-msgpack=python3-msgpack
	strace=strace xxd=vim-common mandoc=mandoc'
names_pacman='cc=gcc pkg-config=pkgconf zstd=zstd msgpack=msgpack-c pcre2=pcre2
	utf8proc=libutf8proc jansson=jansson xxhash=xxhash lapacke=blas-openblas
	openblas=blas-openblas bash=bash bats=bats jq=jq zstd-tool=zstd python=python
	pip=python-pip py-zstandard=python-zstandard py-msgpack=python-msgpack strace=strace
	xxd=tinyxxd mandoc=mandoc'
names_apk='cc=gcc,musl-dev,libgomp pkg-config=pkgconf zstd=zstd-dev msgpack=msgpack-c-dev
	pcre2=pcre2-dev utf8proc=utf8proc-dev jansson=jansson-dev xxhash=xxhash-dev
	lapacke=lapack-dev openblas=openblas-dev bash=bash bats=bats jq=jq zstd-tool=zstd
	python=python3 pip=py3-pip py-zstandard=py3-zstandard py-msgpack=py3-msgpack
	strace=strace xxd=xxd mandoc=mandoc'
names_brew='cc=gcc pkg-config=pkgconf zstd=zstd msgpack=msgpack pcre2=pcre2
	utf8proc=utf8proc jansson=jansson xxhash=xxhash lapacke=lapack openblas=openblas
	bash=bash bats=bats-core jq=jq zstd-tool=zstd python=python pip=python
	py-zstandard=python-zstandard py-msgpack=python-msgpack mandoc=mandoc'

# The names in list $1 of the things in $missing.
packages_of() {
	for thing in $missing; do
		for pair in $1; do
			[ "${pair%%=*}" = "$thing" ] && printf '%s ' "${pair#*=}" | tr , ' '
		done
	done
}

find_missing
[ -n "$missing" ] || exit 0
if [ "$only_check" = --check ] && ! is_needed; then
	exit 0
fi

manager=
for m in apt-get dnf pacman apk brew; do
	has_command $m && manager=$m && break
done
case $manager in
apt-get) packages=$(packages_of "$names_apt") command="apt-get install -y --no-install-recommends" ;;
dnf) packages=$(packages_of "$names_dnf") command="dnf install -y" ;;
pacman) packages=$(packages_of "$names_pacman") command="pacman -S --noconfirm --needed" ;;
apk) packages=$(packages_of "$names_apk") command="apk add" ;;
brew) packages=$(packages_of "$names_brew") command="brew install" ;;
esac

# Ends here with one sentence, unless what is missing is only wanted.
give_up() {
	is_needed || exit 0
	echo "deps: $1" >&2
	exit 1
}

[ -n "$manager" ] ||
	give_up "missing:$missing; no package manager known here, please install them"
[ "$only_check" != --check ] ||
	give_up "missing:$missing; '$command ${packages% }' brings them, or run 'make deps'"
[ -n "$packages" ] || give_up "missing:$missing; no package is known for them here"
sudo=
if [ "$manager" != brew ] && [ "$(id -u)" -ne 0 ]; then
	has_command sudo || give_up "missing:$missing; as root run: $command ${packages% }"
	is_needed || exit 0 # nobody is asked for a password for these
	sudo=sudo
fi
echo "deps: installing ${packages% }"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if [ "$manager" = apt-get ]; then
	export DEBIAN_FRONTEND=noninteractive
	$sudo apt-get update >"$log" 2>&1 || tail -n 3 "$log" >&2
fi
# shellcheck disable=SC2086
if ! $sudo $command $packages >"$log" 2>&1; then
	tail -n 20 "$log" >&2
	give_up "'$command ${packages% }' failed; see the lines above"
fi
find_missing
[ -z "$missing" ] || give_up "still missing after the installation:$missing"
