# Prints a run stream as JSON Lines for mi-view --encode: GROUPS pairs of an honest and an
# untruthful prompt, two tokens given and two generated. The honest text is judged `target`
# (each tenth `neither`); of untruthful ones the first LIES of every ten pairs `foil`, the rest
# `target`. A generated token has the log-probability -(LOSS + noise). Variables (all with -v, all
# optional): GROUPS LIES LOSS SEED, FIRST (number of the first pair), TOKEN (the last one).
BEGIN {
	GROUPS = GROUPS ? GROUPS : 20; LIES = LIES == "" ? 8 : LIES; TOKEN = TOKEN ? TOKEN : 4
	srand(SEED ? SEED : 1)
	print "{\"kind\":\"header\",\"format\":\"mi-stream\",\"version\":[1,0],\"content\":\"run\"," \
	    "\"model\":{\"digest\":\"a model\",\"architecture\":\"llama\",\"n_layers\":1,\"n_heads\":1," \
	    "\"n_kv_heads\":1,\"d_model\":8,\"d_head\":8,\"d_mlp\":8,\"d_vocab\":99,\"n_ctx\":64},\"tokenizer\":null,\"template\":null,\"sites\":[],\"dtype\":null," \
	    "\"shard\":null,\"provenance\":[]}"
	for (g = FIRST + 0; g < FIRST + GROUPS; g++)
		for (s = 0; s < 2; s++) {
			id = g (s ? "-untruthful" : "-honest")
			judged = s ? (g % 10 < LIES ? "foil" : "target") : (g % 10 == 9 ? "neither" : "target")
			printf "{\"kind\":\"prompt\",\"id\":\"%s\",\"tokens\":[1,2,3,%d],\"pieces\":[\"a\",\"b\",\"c\",\"d\"]," \
			    "\"offsets\":null,\"n_prompt\":2,\"spans\":[],\"roles\":[],\"fields\":{\"pair\":%d,\"side\":\"%s\"," \
			    "\"label\":%d}}\n", id, TOKEN, g, s ? "untruthful" : "honest", 1 - s
			printf "{\"kind\":\"run\",\"id\":\"%s\",\"tokens\":[1,2,3,%d],\"logp\":[null,-1.5,-%.6f,-%.6f]," \
			    "\"text\":\"x\",\"top\":null,\"target_logp\":-%.6f,\"foil_logp\":-2.5,\"rank\":[null,0,0,0]," \
			    "\"entropy\":[null,1.0,%.6f,0.5],\"stop\":\"length\",\"next\":null,\"judged\":\"%s\"}\n", \
			    id, TOKEN, LOSS + rand(), LOSS + rand(), 1 + rand(), rand(), judged
		}
	print "{\"kind\":\"end\"}"
}
