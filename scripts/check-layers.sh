# shellcheck shell=sh
# usage: check-layers.sh 'LAYER:USED USED...'...
# Fails when a file of common/LAYER/ includes a layer that is not in its list.
set -eu
bad=0
for rule in "$@"; do
	layer=${rule%%:*}
	ok=" $layer ${rule#*:} "
	for f in common/"$layer"/*.[ch]; do
		[ -e "$f" ] || continue
		sed -n 's|^#include "\([^/"]*\)/.*|\1|p' "$f" | while read -r used; do
			case $ok in
			*" $used "*) ;;
			*) echo "$f: layer $layer may not include $used/" ;;
			esac
		done
	done
done | { ! grep . >&2; } || bad=1
exit $bad
