# ---- X1 does it do what it is told? ---------------------------------------------------------
$O/behaviour.mi: $P/behaviour.jsonl $(MODEL) | $O
	$(RUN) -n $(ANSWER) --judge $< -o $@
$O/rates.mi: $O/behaviour.mi
	$(PROBE) rate -s $(SEED) --by side $< -o $@
$O/verdict/honest-answers.mi: $O/rates.mi | $O/verdict
	$(PROBE) verdict --claim 'told to be honest, the model states what is true' \
	  --metric rate_target --of side=honest --above $(BEHAVIOUR) $< -o $@
$O/verdict/lies.mi: $O/rates.mi | $O/verdict
	$(PROBE) verdict --claim 'told to be untruthful, it states what is false' \
	  --metric rate_foil --of side=untruthful --above $(BEHAVIOUR) $< -o $@
# what every causal claim stands behind
GATES := $O/verdict/honest-answers.mi $O/verdict/lies.mi
GATE  := $(GATES:%=--gate %)

# ---- X2 the residual stream of every layer, X3 directions from one part of the statements ---
$O/acts-fit.mi $O/acts-test.mi $O/acts-other.mi: $O/acts-%.mi: $P/%.jsonl $(MODEL) | $O
	$(CAPTURE) --at 'resid_post:*' --pos $(READ) $< -o $@
$O/directions.mi: $O/acts-fit.mi
	$(DIRECTION) fit -s $(SEED) --sides $(SIDES) --method $(METHODS),random,shuffled --draws $(DRAWS) $< -o $@
$O/cosines.mi: $O/directions.mi
	$(DIRECTION) compare $< -o $@

# ---- X4 read on the other part, and on another wording --------------------------------------
$O/scores.mi: $O/directions.mi $O/acts-test.mi
	$(PROBE) eval -s $(SEED) -d $^ -o $@
$O/scores-other.mi: $O/directions.mi $O/acts-other.mi
	$(PROBE) eval -s $(SEED) -d $^ -o $@

# The layer that is read: where, on statements of the fit alone, the direction beats its best
# shuffled control by most.
$O/scores-fit.mi: $O/acts-fit.mi
	$(PROBE) fit -s $(SEED) --sides $(SIDES) --method $(METHOD) --draws 10 --metric auroc $< -o $@
MOST_SELECTIVE := map(select(.kind == "score")) | group_by(.layer) | map({layer: .[0].layer, \
  gain: (map(select(.control == null))[0].value - map(select(.control == "shuffled"))[0].hi)}) \
  | max_by(.gain).layer
$O/layer-read: $O/scores-fit.mi
	$(VIEW) $< | jq -s -r '$(MOST_SELECTIVE)' >$@

# the contaminated split of the published notebook, by its recipe
$O/acts-cuts-%.mi: $O/cuts-%.jsonl $(MODEL)
	$(CAPTURE) --at 'resid_post:*' --pos last $< -o $@
$O/directions-cuts.mi: $O/acts-cuts-fit.mi
	$(DIRECTION) fit -s $(SEED) --sides $(SIDES) --method pca-diff $< -o $@
$O/scores-cuts.mi: $O/directions-cuts.mi $O/acts-cuts-test.mi
	$(PROBE) eval -s $(SEED) --allow-leak --metric pair_accuracy,accuracy,auroc -d $^ -o $@

# ---- X6 which tokens it speaks for ----------------------------------------------------------
$O/unembed.mi: $O/steer.mi $(MODEL)
	$(DIRECTION) unembed -s $(SEED) -m $(MODEL) $< -o $@
$O/verdict/unembed.mi: $O/unembed.mi | $O/verdict
	$(PROBE) verdict --claim 'unembedded, the direction is as vague as a random one' \
	  --metric entropy_z --of side=+ --exact --above $(ENTROPY_Z) $< -o $@
