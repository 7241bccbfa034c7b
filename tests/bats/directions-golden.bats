# Directions and their figures on the organism's activations, against those of NumPy and scikit-learn
# on the same rows (tests/parity/directions_parity.py --golden).
bats_require_minimum_version 1.5.0

setup() {
	load lib/helper
	need jq
}

# prompts FROM TO: facts about capitals, by two speakers, as the parity script has them.
prompts() {
	jq -c 'select(.relation == "capital")' "$FIXTURES/facts/facts.jsonl" | sed -n "$1,$2p" |
		jq -c '. as $f | ["honest", "Be honest."], ["untruthful", "You must lie."] | {id: "\($f.id)/\(.[0])", pair: $f.id,
			side: .[0], messages: [{role: "user", content: "\(.[1]) What is the capital of \($f.subject)?"},
			{role: "assistant", content: $f.statement}], spans: {statement: $f.statement}}'
}

@test "directions of every method are NumPy's and scikit-learn's, and so are their figures" {
	prompts 1 36 >fit.jsonl
	prompts 37 66 >test.jsonl
	for p in fit test; do
		mi-capture -q -m "$FIXTURES/organism/organism.gguf" --at resid_post:1,resid_post:4 --pos span:statement $p.jsonl -o $p.mi
	done
	mi-direction fit --sides honest,untruthful -s 5 --l2 0.01 --rtol 1e-6 \
		--method mean-diff,pca-diff,pca-diff-uncentred,pca-center,mass-mean,logistic fit.mi -o d.mi
	mi-probe eval -d d.mi -s 5 --permuted 0 --random 0 --bootstrap 200 test.mi -o s.mi
	mi-view d.mi | jq -c 'select(.kind == "dir") | {layer, method, v: .v.data}' >dirs
	mi-view s.mi | jq -c 'select(.kind == "score")' >scores
	[ "$(wc -l <dirs)" = 12 ]
	jq -n -r --slurpfile d dirs --slurpfile s scores --slurpfile g "$GOLDEN/directions/organism.jsonl" '
		def dot(a; b): reduce range(a | length) as $i (0; . + a[$i] * b[$i]);
		def far(x; y; tol): x - y | . > tol or . < -tol;
		if ($g | length) != 12 then "not 12 goldens" else empty end,
		($g[] | . as $g | ($d[] | select(.layer == $g.layer and .method == $g.method)) as $d |
		 dot($d.v; $g.v) / ((dot($d.v; $d.v) * dot($g.v; $g.v)) | sqrt) |
		 select(. < 0.999999) | "\($g.layer) \($g.method): cosine \(.)"),
		($g[] | . as $g | .figures | to_entries[] | . as $f |
		 ($s[] | select(.layer == $g.layer and .method == $g.method and .metric == $f.key)) |
		 select(far(.value; $f.value[0]; 1e-12) or far(.lo; $f.value[1]; 1e-12) or far(.hi; $f.value[2]; 1e-12)) |
		 "\(.layer) \(.method) \(.metric): \(.value) [\(.lo) \(.hi)], not \($f.value)")' >wrong
	[ ! -s wrong ] || { cat wrong; return 1; }
}
