# Prints an activation stream as JSON Lines for mi-view --encode: PAIRS pairs of prompts, each
# with POS captured positions at LAYERS places resid_post, width D. On the positive side the
# rows of layer l are moved by l * LIFT / LAYERS along one direction, the same for every SEED.
# Variables (all with -v, all optional): PAIRS LAYERS D POS LIFT SEED, FIRST (number of the
# first pair), MODEL (digest), LABELS (1: labels 1 and 0 and no pairs).
function normal() { return sqrt(-2 * log(1 - rand())) * cos(6.283185307179586 * rand()) }
function word(i) { return i == 0 ? "honest" : "untruthful" }
BEGIN {
	PAIRS = PAIRS ? PAIRS : 24; LAYERS = LAYERS ? LAYERS : 3; D = D ? D : 8
	POS = POS ? POS : 2; LIFT = LIFT == "" ? 3 : LIFT; MODEL = MODEL ? MODEL : "a model"
	srand(7)
	for (k = 0; k < D; k++) v[k] = normal()
	srand(SEED ? SEED : 1)
	printf "{\"kind\":\"header\",\"format\":\"mi-stream\",\"version\":[1,0],\"content\":\"act\"," \
	    "\"model\":{\"digest\":\"%s\",\"architecture\":\"llama\",\"n_layers\":%d,\"n_heads\":1," \
	    "\"n_kv_heads\":1,\"d_model\":%d,\"d_head\":%d,\"d_mlp\":%d,\"d_vocab\":99,\"n_ctx\":64}," \
	    "\"tokenizer\":null,\"template\":null,\"sites\":[],\"dtype\":\"f32\",\"shard\":null," \
	    "\"provenance\":[{\"tool\":\"mi-capture\",\"options\":{\"pos\":\"span:statement\"}}]}\n", \
	    MODEL, LAYERS, D, D, D
	n = 0
	for (p = FIRST + 0; p < FIRST + PAIRS; p++)
		for (s = 0; s < 2; s++) {
			id = p "-" word(s)
			printf "{\"kind\":\"prompt\",\"id\":\"%s\",\"tokens\":[1,2,3],\"pieces\":[\"a\",\"b\",\"c\"]," \
			    "\"offsets\":null,\"n_prompt\":3,\"spans\":[],\"roles\":[],\"fields\":" \
			    "{%s,\"topic\":\"%s\"}}\n", id, LABELS ? "\"label\":" (1 - s) : \
			    "\"pair\":" p ",\"side\":\"" word(s) "\"", p % 2 ? "odd" : "even"
			for (l = 0; l < LAYERS; l++) {
				printf "{\"kind\":\"act\",\"id\":\"%s\",\"site\":\"resid_post\",\"layer\":%d,\"head\":null,\"positions\":[", id, l
				for (t = 0; t < POS; t++) printf "%s%d", t ? "," : "", t
				printf "],\"x\":{\"dtype\":\"f32\",\"shape\":[%d,%d],\"data\":[", POS, D
				for (t = 0; t < POS; t++)
					for (k = 0; k < D; k++)
						printf "%s%.6f", t + k ? "," : "", normal() + (s == 0 ? LIFT * l / LAYERS * v[k] : 0)
				printf "]}}\n"
			}
		}
	print "{\"kind\":\"end\"}"
}
