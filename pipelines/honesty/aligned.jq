# Token-aligned pairs for this model's tokenizer: of the base prompts those that it makes equally
# long, two by two; what the source is about is the foil.
# usage: mi-run --tokens ... | jq -c -s -f aligned.jq --slurpfile prompts aligned.jsonl
($prompts | map(select(.side == "base") | {(.id | tostring): .}) | add) as $base
| map(select($base[.id])) | group_by(.n_prompt)[] | map($base[.id])
| range(0; length - 1; 2) as $i | .[$i:$i + 2] | select(.[0].target != .[1].target)
| . as [$a, $b] | {pair: "\($a.id) \($b.id)", group: "\($a.id) \($b.id)"} as $both
| ($a + $both + {foil: $b.target}), ($b + $both + {side: "source"} | del(.target, .foil))
