# A stream of --arg kind run or score, with strings that would act were they not made inert.
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
  {kind: "header", format: "mi-stream", version: [1, 0], content: $kind, model: null,
   tokenizer: null, template: null, sites: [], dtype: null, shard: null,
   provenance: [{tool: "mi-run", version: "0", verb: hostile[0],
                 options: {(hostile[1]): hostile[2]}, edits: [hostile[3]], seed: 0}]};
def score: {kind: "score"} + . + {lo: null, hi: null, n: 1, control: null, seed: 1};

header,
if $kind == "run" then
  hostile as $h | range($h | length) | ($h[.]) as $id | . as $i |
  {kind: "prompt", $id, tokens: [range($h | length + 1)], pieces: (["x"] + $h), offsets: null,
   n_prompt: 4, spans: [], roles: [], fields: {}},
  {kind: "run", $id, tokens: [range($h | length + 1)],
   logp: ([null] + [range($h | length) | -(. + $i) / 7]), text: ($h | join(" ")), top: null,
   target_logp: null, foil_logp: null}
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
