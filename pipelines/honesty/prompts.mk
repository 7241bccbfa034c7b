# ---- prompts -------------------------------------------------------------------------------
# Made from facts where PROMPTS names none. A fixed shuffle, so that the relations of the facts
# mix: the first statements fit, the next test.
$O/prompts/%.jsonl: $(FACTS) $(HERE)/prompts.jq | $O/prompts
	shuf --random-source=<(yes $(SEED)) $< | jq -c -s -f $(HERE)/prompts.jq --arg make $* \
	  --argjson fit $(FIT_PAIRS) --argjson test $(TEST_PAIRS) >$@
$O/prompts/aligned.jsonl: $(TOP)/fixtures/pairs/country-of-city.jsonl | $O/prompts
	cp $< $@
$O/prompts/neutral.jsonl: $(TOP)/fixtures/facts/neutral.jsonl | $O/prompts
	cp $< $@

# ---- parts of them -------------------------------------------------------------------------
# What ends where the answer is decided, by side; and as pairs, for patching and paths.
$O/lies.jsonl: $P/$(CHOICE).jsonl | $O
	jq -c 'select(.side == "untruthful")' $< | awk 'NR <= $(CHOICE_PAIRS)' >$@
$O/truths.jsonl: $P/$(CHOICE).jsonl | $O
	jq -c 'select(.side == "honest")' $< | awk 'NR <= $(CHOICE_PAIRS)' >$@
$O/lies-fit.jsonl: $P/$(CHOICE_FIT).jsonl | $O
	jq -c 'select(.side == "untruthful")' $< | awk 'NR <= $(FIND_PROMPTS)' >$@
$O/other.jsonl: $P/$(CHOICE_OTHER).jsonl | $O
	jq -c 'select(.side == "untruthful")' $< | awk 'NR <= $(CHOICE_PAIRS)' >$@
$O/patch.jsonl: $P/$(CHOICE).jsonl | $O
	awk 'NR <= 2 * $(PATCH_PAIRS)' $< >$@
$O/places.jsonl: $P/$(CHOICE).jsonl | $O
	awk 'NR <= 2 * $(PLACE_PAIRS)' $< >$@
$O/paths.jsonl: $P/$(CHOICE).jsonl | $O
	awk 'NR <= 2 * $(PATH_PAIRS)' $< >$@

# Token-aligned pairs: of those prompts the ones that this model's tokenizer makes equally long.
$O/aligned.jsonl: $P/aligned.jsonl $(HERE)/aligned.jq $(MODEL) | $O
	$(RUN) --score --tokens $< | jq -c -s -f $(HERE)/aligned.jq --slurpfile prompts $< | \
	  awk 'NR <= 2 * $(PATCH_PAIRS)' >$@

# The published notebook's pairs: every statement cut after each of its tokens but the last five,
# and tokenised again; its first 512 pairs fit, and 256 to 511 test, an honest cut against the next
# pair's untruthful one. What is tested was fitted on.
$O/cuts.jsonl: $P/statements.jsonl $(MODEL) | $O
	jq -c '{text: .statement} + .' $< | $(RUN) --score --no-bos --tokens | \
	  jq -c '.pieces as $$p | .fields + (range(1; ($$p | length) - 5) | {cut: ($$p[:.] | add)})' | awk 'NR <= 512' >$@
$O/cuts-fit.jsonl $O/cuts-test.jsonl: $O/cuts-%.jsonl: $O/cuts.jsonl $(HERE)/cuts.jq
	jq -c -s -f $(HERE)/cuts.jq --arg make $* $< >$@
