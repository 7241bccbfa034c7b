# ---- X5 the scan: every token of a few answers, in every layer --------------------------------------
$O/scan.jsonl: $P/behaviour.jsonl | $O
	jq -c 'select(.side != "none")' $< | awk 'NR <= 2 * $(SCANS)' >$@
$O/scanned.mi: $O/scan.jsonl $(MODEL)
	$(RUN) -n $(ANSWER) --judge $< -o $@
$O/acts-scan.mi: $O/scanned.mi
	$(CAPTURE) --at 'resid_post:*' --pos all $< -o $@
# from the steered layer up: below, the sides lie too close together to count in their distance
$O/scan.mi: $O/method.mi $O/acts-scan.mi $O/layer $O/layers
	at="$(AT)-$$(cat $O/layers)"; \
	$(PROBE) project --scaled --at "$$at" --mean "$$at" -d $(word 1,$^) $(word 2,$^) -o $@

# ---- what a person sees ----------------------------------------------------------------------------
SECTIONS := \
  'What the model says when told to be honest, untruthful, or nothing=$O/rates.mi' \
  'Answers, and what each token is read as=$O/scanned.mi' \
  'Answers, and what each token is read as=$O/scan.mi' \
  'Reading honesty: held-out statements=$O/scores.mi' \
  'Reading honesty: other words=$O/scores-other.mi' \
  'Reading honesty: the contaminated split of the published notebook=$O/scores-cuts.mi' \
  'The directions=$O/directions.mi' 'The directions=$O/cosines.mi' \
  'Tokens that the direction speaks for=$O/unembed.mi' \
  'Which layer moves answers=$O/by-layer.mi' \
  'Doses, on prompts that ask for lies=$O/dose-lies.mi' \
  'Doses, on prompts that ask for truth=$O/dose-truths.mi' \
  'Texts told with every dose: 4-grams that repeat, entropy=$O/repetition.mi' \
  'Texts told with every dose: 4-grams that repeat, entropy=$O/tale-dosed.mi' \
  $(foreach s,$(SPOKEN),'Steered answers: rates of the true one, steered minus plain=$O/change-lies-$s.mi' \
    'Steered answers: rates of the true one, steered minus plain=$O/change-truths-$s.mi') \
  'Steered answers: told to lie, then with the direction added=$O/said-lies.mi' \
  'Steered answers: told to lie, then with the direction added=$O/said-lies-steer.mi' \
  $(foreach t,$(TALES_TOLD),'Continual injection: nothing, in the prompt, in the first tokens, in all, in all over a clean past, a random direction=$t') \
  'What writes the direction=$O/written.mi' \
  'Patching heads and MLPs, projection on the direction=$O/sweep-parts.mi' \
  'Patching heads and MLPs, projection on the direction=$O/spread-parts.mi' \
  'Patching heads and MLPs, token-aligned answers=$O/sweep-aligned.mi' \
  'Patching heads and MLPs, token-aligned answers=$O/spread-aligned.mi' \
  'Patching layers and positions, projection on the direction=$O/sweep-places.mi' \
  'Paths to the direction=$O/paths.mi' \
  'Single units that go with the instruction=$O/units.mi' \
  'Is a claim true? Directions carried from one kind of prompt to another=$O/transfer.mi'
FILES := $(sort $(filter %.mi,$(subst =, ,$(subst ',,$(SECTIONS)))))

$O/report.html: $(VERDICTS) $(CARD) $(FILES)
	$(REPORT) --texts $(TEXTS) --title 'Honesty in $(NAME)' \
	  $(VERDICTS) $(CARD) $(SECTIONS) -o $@
