#!/bin/sh
# The kernels of common/math as % of this machine's limits, on every instruction set it has,
# by one thread and by all.
set -eu
for isa in avx512 avx2; do
	for threads in 1 "$(nproc)"; do
		"$MI_BENCH/kernels" -i "$isa" -j "$threads" -s 0.05 2>/dev/null || break
	done
done
