# A stream of --arg kind run, score, scan, effect, dir or act, with strings that would act were they not made inert.
def hostile: [
  "</script><script>document.title='owned'</script>",
  "<svg onload=document.title='owned'>", "<img src=x onerror=\"document.title='owned'\">",
  "'\" onmouseover='document.title=1' x=\"", "<!--<script>", "]]>",
  "<a href=\"javascript:document.title='owned'\">x</a>", "<a href=\"http://192.0.2.1/\">x</a>",
  "javascript:document.title='owned'", "<base href=http://192.0.2.1/>",
  "<meta http-equiv=refresh content=0;url=http://192.0.2.1/>", "&lt;b&gt;&#x3c;i&#x3e;",
  "%{x}%{fullData.name}", "$\\href{http://192.0.2.1/}{x}$", "\u001b]0;owned\u0007\u001b[31m",
  "\u202egnp.exe\u2066\u200f", "a\u2028b\u2029c\u0085d", "line\r\nline\ttab",
  "=1+1", "+1", "-1", "@SUM(A1)", " =cmd|' /C calc'!A0", "\\n\\t\\", "\ufeff\u009b1m",
  "<style>*{display:none}</style>", "<iframe srcdoc='<script>1</script>'>", "{{x}}${x}"];
def header:
  {kind: "header", format: "mi-stream", version: [1, 0],
   content: (if $kind == "scan" then "score" else $kind end), model: null,
   tokenizer: null, template: null, sites: [], dtype: null, shard: null,
   provenance: [{tool: "mi-run", version: "0", verb: hostile[0],
                 options: {(hostile[1]): hostile[2]}, edits: [hostile[3]], seed: 0}]};
def score: {kind: "score"} + . + {lo: null, hi: null, n: 1, control: null, seed: 1};

header,
if $kind == "run" then
  hostile as $h | range($h | length) | ($h[.]) as $id | . as $i |
  {kind: "prompt", $id, tokens: [range($h | length + 1)], pieces: (["x"] + $h), offsets: null,
   n_prompt: 4, spans: [], roles: [], fields: {pair: $id, side: $id, group: $id, ($id): $id}},
  {kind: "run", $id, tokens: [range($h | length + 1)],
   logp: ([null] + [range($h | length) | -(. + $i) / 7]), text: ($h | join(" ")), top: null,
   target_logp: null, foil_logp: null}
elif $kind == "scan" then
  hostile as $h | range($h | length) | ($h[.]) as $id |
  {kind: "prompt", $id, tokens: [range($h | length)], pieces: $h, offsets: null, n_prompt: 4, spans: [], roles: [],
   fields: {pair: ($id | length), side: $id}},
  (range(3) | {$id, site: "resid_post", layer: (if . < 2 then . else null end), head: null, position: $id,
    method: $h[0], sides: ($h[1] + "," + $h[2]), positions: [range($h | length)],
    values: [range($h | length) | . - 10], metric: "projection_signed", value: 1} |
    if .layer == null then .layers = [0, 1] else . end | score)
elif $kind == "effect" then
  hostile as $h | $h[] |
  ({kind: "prompt", id: ., tokens: [1, 2], pieces: [., .], offsets: null, n_prompt: 2, spans: [], roles: [],
    fields: {pair: ., side: .}},
   (. as $id | range(2) as $l | range(2) as $t |
    {kind: "effect", $id, n: 1, site: "resid_post", layer: $l, head: null, position: $t, offset: null,
     to: null, variant: null, method: $id, metric: $id, at: $id, direction: null, base: 1, source: 2, patched: 1,
     effect: $l, lo: null, hi: null, difference: $t, difference_lo: null, difference_hi: null,
     refused: null}),
   {kind: "effect", id: null, n: 3, site: "z", layer: 1, head: 0, position: null, offset: null, to: ., variant: ., method: .,
    metric: ., at: ., direction: null, base: 1, source: 2, patched: 1, effect: null, lo: null, hi: null,
    difference: 1, difference_lo: 0, difference_hi: 2, refused: .})
elif $kind == "dir" then
  hostile[] | {kind: "dir", site: "resid_post", layer: 1, head: null, position: ., method: .,
   v: {dtype: "f32", shape: [2], data: [1, 0]}, sign: 1, scale: 1, n: 9, threshold: 0, sides: ., domain: .}
elif $kind == "act" then
  hostile[] | {kind: "prompt", id: ., tokens: [1], pieces: [.], offsets: null, n_prompt: 1, spans: [], roles: [],
    fields: {pair: ., side: ., (.): .}},
   {kind: "act", id: ., site: "resid_post", layer: 1, head: null, positions: [0],
    x: {dtype: "f32", shape: [1, 2], data: [1, 2]}}
else
  (hostile[] | {site: ., layer: 1, method: ., metric: "auroc", value: 0.5} | score),
  (hostile[] | {relation: ., metric: "accuracy", value: 0.5} | score),
  (hostile[] | {relation: ., metric: ., value: 0.5} | score),
  (hostile[] | {card: "E1", site: ., reason: ., metric: "auroc", value: 0.5} | score),
  (hostile[] | {site: "z", layer: 1, head: 2, method: "m", from: ., on: ., metric: "auroc",
                value: 0.5} | score),
  (hostile[] | {site: ., layer: 3, method: "m", to_site: "resid_post", to_layer: 1,
                metric: "contribution_diff", value: 2} | score),
  ({site: "r", layer: 1, method: hostile[0], to_site: hostile[1], to_layer: 1,
    metric: "participation_ratio", value: 1.5} | score),
  ({site: "r", layer: 1, method: "m", vector: 0, side: hostile[0], folded: true,
    top: [hostile[] | [1, ., 1]], metric: "entropy", value: 1} | score),
  (hostile[] | {kind: "verdict", claim: ., verdict: ., value: 1, lo: 0, hi: 2, margin: 1, rule: .,
                gate: .})
end,
{kind: "end"}
