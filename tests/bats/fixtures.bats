# Fixtures are what their descriptions say.
bats_require_minimum_version 1.5.0

setup() {
	load lib/helper
	need jq
}

# lengths MODEL FILE NAME: the pairs of FILE that say they are aligned for NAME, and are not.
misaligned() {
	jq -c --arg name "$3" 'select(.aligned | index($name))' "$2" >pairs.jsonl
	[ -s pairs.jsonl ] || echo "no pairs for $3"
	mi-run -m "$1" --tokens pairs.jsonl | jq -r '"\(.fields.pair) \(.tokens | length) \(.spans | map(.end - .begin) | join(","))"' |
		sort -u | awk '{ if ($1 == last) print $1; last = $1 }'
}

# Two lines a pair: one side each; targets where the base is.
is_paired() {
	jq -e -s 'group_by(.pair) | all(length == 2 and (map(.side) | sort) == ["base", "source"] and
		(map(.group) | unique | length) == 1 and (.[] | select(.side == "base") | .target and .foil and .target != .foil))' "$1" >/dev/null
}

@test "fixtures: pairs have equally many tokens, their spans too, for the organism" {
	for f in country-of-city country-of-city-chat ioi; do
		is_paired "$FIXTURES/pairs/$f.jsonl"
		run misaligned "$FIXTURES/organism/organism.gguf" "$FIXTURES/pairs/$f.jsonl" organism
		[ -z "$output" ] || { echo "$f: $output"; return 1; }
	done
	[ "$(jq -r .group "$FIXTURES"/pairs/*.jsonl | sort -u | wc -l)" -ge 60 ]
}

@test "fixtures: pairs have equally many tokens, their spans too, for the chat model" {
	need_model
	for f in country-of-city ioi; do
		[ "$(jq -r 'select(.aligned | index("smollm2") | not)' "$FIXTURES/pairs/$f.jsonl" | wc -l)" = 0 ]
		run misaligned "$MODEL" "$FIXTURES/pairs/$f.jsonl" smollm2
		[ -z "$output" ] || { echo "$f: $output"; return 1; }
	done
	# the script makes the same files again
	need python3
	mkdir -p again/pairs
	cp -r "$FIXTURES/facts" again
	cp "$FIXTURES/pairs/make_pairs.py" again/pairs
	python3 again/pairs/make_pairs.py "$(command -v mi-run)" "$MODEL" "$FIXTURES/organism/organism.gguf"
	for f in again/pairs/*.jsonl; do
		same "$f" "$FIXTURES/pairs/${f##*/}"
	done
}

@test "fixtures: an aligned pair that is not would be seen" {
	printf '{"pair": 1, "side": "%s", "text": "%s", "spans": {"subject": "%s"}, "aligned": ["organism"]}\n' \
		base 'The city of Perth' Perth source 'The city of Johannesburg' Johannesburg >bad.jsonl
	[ "$(misaligned "$FIXTURES/organism/organism.gguf" bad.jsonl organism)" = 1 ]
}

@test "fixtures: neutral texts are many, short, of many styles, and silent on honesty" {
	local f=$FIXTURES/facts/neutral.jsonl
	[ "$(wc -l <"$f")" -ge 60 ]
	[ "$(jq -r .style "$f" | sort -u | wc -l)" -ge 10 ]
	[ "$(jq -r .id "$f" | sort -u | wc -l)" = "$(wc -l <"$f")" ]
	[ "$(jq -r .text "$f" | sort -u | wc -l)" -ge "$(wc -l <"$f")" ]
	run ! grep -iwE 'honest(y|ly)?|dishonest|truth(ful|fully)?|true|false|lies?|liar|lying|sincere|deceive|deceptive' "$f"
	[ -e "$MODEL" ] || return 0
	mi-run -m "$MODEL" --tokens "$f" | jq -e -s 'all(.tokens | length >= 20 and length <= 60)' >/dev/null
}
