#!/bin/sh
# picture.sh REPORT.html OUT.png [WIDTH HEIGHT [SECTION...]]: the top of a report, or of its sections of
# these numbers, as a headless Chromium draws it. For docs/report.png: make picture.
set -eu

most=200000 # bytes of a picture in the repository
report=$1 out=$2 width=${3:-1200} height=${4:-1500}
if [ $# -gt 4 ]; then shift 4; else shift $#; fi

for browser in chromium chromium-browser google-chrome ''; do
	command -v "$browser" >/dev/null 2>&1 && break
done
[ -n "$browser" ] || { echo "picture.sh: no Chromium here: install the package chromium" >&2; exit 4; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
page=$folder/page.html
cp "$report" "$page"
if [ $# -gt 0 ]; then # the other sections hidden: a picture of a page far down is of its top
	shown=
	for section; do
		shown="$shown#s$section{display:block}"
	done
	sed -i "s|</style>|section,header nav{display:none}$shown</style>|" "$page"
fi
"$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$folder/profile" \
	--window-size="$width,$height" --virtual-time-budget=8000 --screenshot="$folder/out.png" \
	"file://$page" >/dev/null 2>&1
[ -s "$folder/out.png" ] || { echo "picture.sh: $browser drew nothing" >&2; exit 4; }
size=$(wc -c <"$folder/out.png")
[ "$size" -le "$most" ] || { echo "picture.sh: $size bytes, more than $most: choose a smaller window" >&2; exit 1; }
cp "$folder/out.png" "$out"
