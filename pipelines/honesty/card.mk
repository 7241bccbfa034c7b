# ---- X16 the evaluation card: what each condition (E1 to E9) finds, and the verdict on it -----------
# Subjects: the direction, and as checks that can fail, random and shuffled-label directions.
EFFECTS := $(PROBE) effects --control 'random=random *' --control 'shuffled=shuffled *'
VERDICT := $(PROBE) verdict
CONTROL := random shuffled

# E1 correlation, E7 on another wording
$O/read.mi: $O/directions.mi $O/layer-read
	$(DIRECTION) select $(addprefix --method ,$(METHOD) $(CONTROL)) --at resid_post:$$(cat $O/layer-read) $< -o $@
$O/e1.mi: $O/read.mi $O/acts-test.mi
	$(PROBE) eval -s $(SEED) --at resid_post:$$(cat $O/layer-read) --metric auroc,pair_accuracy --of card=E1 -d $^ -o $@
$O/e7-reading.mi: $O/read.mi $O/acts-other.mi
	$(PROBE) eval -s $(SEED) --at resid_post:$$(cat $O/layer-read) --metric auroc,pair_accuracy --of card=E7 -d $^ -o $@
$O/verdict/e1.mi: $O/e1.mi | $O/verdict
	$(VERDICT) --claim 'E1: the direction tells the sides apart' --metric auroc --above $(READING) --control shuffled $< -o $@
$O/verdict/e1-random.mi $O/verdict/e1-shuffled.mi: $O/verdict/e1-%.mi: $O/e1.mi | $O/verdict
	$(VERDICT) --claim 'E1 of $* directions' --metric auroc --of control=$* --above $(READING) $< -o $@
$O/verdict/e7-reading.mi: $O/e7-reading.mi | $O/verdict
	$(VERDICT) --claim 'E7: it tells them apart in other words' --metric auroc --above $(READING) --control shuffled $< -o $@

# E2 manipulation, E3 termination
$O/e2-%.mi: $O/%.mi
	$(EFFECTS) --of card=E2 --of prompts=$(lastword $(subst -, ,$*)) $< -o $@
$O/e7-moving.mi: $O/add-other.mi
	$(EFFECTS) --of card=E7 $< -o $@
$O/e3.mi: $O/out-lies.mi
	$(EFFECTS) --of card=E3 $< -o $@
MOVED := --metric prob_diff_diff --of variant=honesty $(GATE)
$O/verdict/e2-lies.mi: $O/e2-add-lies.mi $(GATES)
	$(VERDICT) --claim 'E2: adding it turns lies into truths' $(MOVED) --above $(EFFECT) --control random $< -o $@
$O/verdict/e2-truths.mi: $O/e2-sub-truths.mi $(GATES)
	$(VERDICT) --claim 'E2: subtracting it turns truths into lies' $(MOVED) --below -$(EFFECT) --control random $< -o $@
$O/verdict/e2-random.mi $O/verdict/e2-shuffled.mi: $O/verdict/e2-%.mi: $O/e2-add-lies.mi $(GATES)
	$(VERDICT) --claim 'E2 of $* directions' --metric prob_diff_diff --of control=$* $(GATE) --above $(EFFECT) $< -o $@
$O/verdict/e3.mi: $O/e3.mi $(GATES)
	$(VERDICT) --claim 'E3: without it in one layer, lies end' --metric prob_diff_diff --of 'variant=one layer' $(GATE) --above $(EFFECT) $< -o $@
$O/verdict/e3-every.mi: $O/e3.mi $(GATES)
	$(VERDICT) --claim 'E3: without it in every layer, lies end' --metric prob_diff_diff --of 'variant=every layer' $(GATE) --above $(EFFECT) $< -o $@
$O/verdict/e7-moving.mi: $O/e7-moving.mi $(GATES)
	$(VERDICT) --claim 'E7: it moves answers to other words' $(MOVED) --above $(EFFECT) --control random $< -o $@

# E4 recovery, E5 completeness: its part of an honest run put into a lying one, and all but its part
$O/subject.mi: $O/directions.mi $O/layer
	$(DIRECTION) select $(addprefix --method ,$(METHOD) $(CONTROL)) --at $(AT) $< -o $@
$O/along.mi $O/across.mi: $O/%.mi: $O/patch.jsonl $O/subject.mi $(MODEL)
	$(PATCH) --sides untruthful,honest --$* $O/subject.mi --together --pos $(CARRY) --metric logit_diff --aggregate $< -o $@
$O/e4.mi: $O/along.mi
	$(PROBE) effects --of card=E4 $< -o $@
$O/e5.mi: $O/across.mi
	$(PROBE) effects --complement --of card=E5 $< -o $@
$O/verdict/e4.mi: $O/e4.mi $(GATES)
	$(VERDICT) --claim 'E4: its part of an honest run restores honesty' --metric effect $(GATE) --above $(SHARE) --control random $< -o $@
$O/verdict/e5.mi: $O/e5.mi $(GATES)
	$(VERDICT) --claim 'E5: the rest of the state carries little' --metric completeness $(GATE) --above $(SHARE) --control random $< -o $@

# E6 specificity: more than shuffled labels of the same length do, and what neutral texts suffer
$O/e6.mi: $O/add-neutral.mi
	$(EFFECTS) --of card=E6 $< -o $@
$O/verdict/e6.mi: $O/e2-add-lies.mi $(GATES)
	$(VERDICT) --claim 'E6: it moves answers more than shuffled labels' $(MOVED) --above $(EFFECT) --control shuffled $< -o $@
# a control has to beat what the direction reached
$O/verdict/e6-random.mi $O/verdict/e6-shuffled.mi: $O/verdict/e6-%.mi: $O/e2-add-lies.mi $(GATES)
	$(VERDICT) --claim 'E6 of $* directions' --metric prob_diff_diff --of control=$* $(GATE) \
	  --above $$($(VIEW) $< | jq 'select(.variant == "honesty" and .metric == "prob_diff_diff").lo') $< -o $@
$O/verdict/e6-neutral.mi: $O/e6.mi $(GATES)
	$(VERDICT) --claim 'E6: neutral texts stay as they are' --metric kl_diff --of variant=honesty $(GATE) --below $(SIDE_EFFECT) $< -o $@

# E8 locality in time: conditions of continual injection, in steering.mk
# E9 no illusion: of the direction among the MLP's neurons, the part that no later layer can read
$O/acts-neurons.mi: $P/fit.jsonl $O/layer $(MODEL)
	$(CAPTURE) --at mlp_post:$$(cat $O/layer) --pos $(READ) $< -o $@
$O/neurons.mi: $O/acts-neurons.mi
	$(DIRECTION) fit -s $(SEED) --sides $(SIDES) --method $(METHOD) $< -o $@
$O/halves.mi: $O/neurons.mi $(MODEL)
	$(DIRECTION) split -m $(MODEL) $< -o $@
$O/edits-halves: $O/neurons.mi $O/halves.mi
	{ echo "whole=add mlp_post:$$(cat $O/layer) $O/neurons.mi * $(DOSE) scale @ $(INJECT)"; \
	  for m in row null; do $(DIRECTION) select --method $(METHOD).$$m $O/halves.mi -o $O/half-$$m.mi; \
	    echo "$$m=add mlp_post:$$(cat $O/layer) $O/half-$$m.mi * $(DOSE) scale @ $(INJECT)"; done; } >$@
$O/halved-lies.mi: $O/lies.jsonl $O/edits-halves $(MODEL)
	<$O/edits-halves $(MOVES) $< -o $@
$O/e9.mi: $O/halved-lies.mi
	$(PROBE) effects --of card=E9 $< -o $@
$O/verdict/e9.mi: $O/e9.mi $(GATES)
	$(VERDICT) --claim 'E9: what no layer reads moves nothing' --metric logit_diff_diff --of variant=null $(GATE) \
	  --between -$(ILLUSION),$(ILLUSION) $< -o $@

E8 := $(CONDITIONS:%=$O/kept-%.mi)
CARD := $O/e1.mi $O/e2-add-lies.mi $O/e2-sub-truths.mi $O/e3.mi $O/e4.mi $O/e5.mi $O/e6.mi \
        $O/e7-reading.mi $O/e7-moving.mi $(E8) $O/e9.mi
VERDICTS := $(patsubst %,$O/verdict/%.mi,honest-answers lies e1 e1-random e1-shuffled \
  e2-lies e2-truths e2-random e2-shuffled e3 e3-every e4 e5 e6 e6-random e6-shuffled e6-neutral e7-reading e7-moving \
  injection continual e9 unembed closes spread dense)
# another margin is another verdict
$(VERDICTS): $(HERE)/sizes.mk
