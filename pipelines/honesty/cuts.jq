# The published notebook's pairs, from cuts of statements: each under both instructions to fit
# directions; of the second half, an honest cut against the next one's untruthful, to test them.
# usage: jq -c -s -f cuts.jq --arg make fit|test cuts.jsonl
def said($side; $pair): {id: "\($pair)/\($side)", pair: $pair, side: $side, group,
    messages: [{role: "user", content: .[$side]}, {role: "assistant", content: .cut}]};

. as $cut | if $make == "fit" then range(length) as $i
    | $cut[$i] | said("honest"; $i), said("untruthful"; $i)
else range(length / 2 | floor; length - 1) as $i
    | ($cut[$i] | said("honest"; $i)), ($cut[$i + 1] + {group: $cut[$i].group} | said("untruthful"; $i)) end
