# ---- where to steer: the layer at which the direction moves answers most, on prompts of the fit ----
$O/method.mi: $O/directions.mi
	$(DIRECTION) select --method $(METHOD) $< -o $@
# one argument a line; xargs hands them over
AS_VARIANTS := sed 's/^/--variant\n/' | xargs -d '\n' $(PATCH)
$O/by-layer.mi: $O/lies-fit.jsonl $O/method.mi $(MODEL)
	$(VIEW) $O/method.mi | jq -r 'select(.kind == "dir") | "\(.layer)=add resid_post:\(.layer) $O/method.mi * $(DOSE) scale @ $(INJECT)"' | \
	  $(AS_VARIANTS) --metric prob_diff --aggregate $< -o $@
$O/layer: $O/by-layer.mi
	$(VIEW) $< | jq -s -r 'map(select(.kind == "effect" and .id == null)) | max_by(.difference).variant' >$@
$O/layers: $O/method.mi
	$(VIEW) $< | jq -s 'map(select(.kind == "dir").layer) | max' >$@
$O/steer.mi: $O/method.mi $O/layer
	$(DIRECTION) select --at $(AT) $< -o $@
# the distance between the sides along it: how long a dose of a control is
$O/length: $O/steer.mi
	$(VIEW) $< | jq 'select(.kind == "dir").scale' >$@
$O/control/%.mi: $O/directions.mi $O/layer | $O/control
	$(DIRECTION) select --method $(word 1,$(subst -, ,$*)) --draw $(word 2,$(subst -, ,$*)) --at $(AT) $< -o $@
CONTROLLED := $(foreach c,$(CONTROLS),$O/control/random-$c.mi $O/control/shuffled-$c.mi)

# ---- X7 doses, X9 removal: LABEL=EDIT, a line each ----------------------------------------------
AT = resid_post:$$(cat $O/layer)
# the length that the dose of the verdicts adds
LONG = $$(jq '. * $(DOSE)' $O/length)
$O/edits-dose: $O/steer.mi $O/layer
	for c in $(DOSES); do echo "$$c=add $(AT) $O/steer.mi * $$c scale @ $(INJECT)"; done >$@
# the direction and controls as long as it; a sign that turns answers over
$O/edits-add $O/edits-sub: $O/length $(CONTROLLED)
	{ echo "honesty=add $(AT) $O/steer.mi * $(if $(filter %sub,$@),-)$(LONG) @ $(INJECT)"; \
	  for m in random shuffled; do for c in $(CONTROLS); do \
	    echo "$$m $$c=add $(AT) $O/control/$$m-$$c.mi * $(if $(filter %sub,$@),-)$(LONG) @ $(INJECT)"; done; done; } >$@
$O/edits-out: $O/steer.mi $O/method.mi $(CONTROLLED)
	{ echo "one layer=project-out $(AT) $O/steer.mi @ all"; \
	  echo "every layer=project-out resid_post:* $O/method.mi @ all"; \
	  for m in random shuffled; do for c in $(CONTROLS); do \
	    echo "$$m $$c=project-out $(AT) $O/control/$$m-$$c.mi @ all"; done; done; } >$@

MOVES := $(AS_VARIANTS) --metric prob_diff,logit_diff --aggregate
$O/dose-lies.mi $O/dose-truths.mi: $O/dose-%.mi: $O/%.jsonl $O/edits-dose $(MODEL)
	<$O/edits-dose $(MOVES) $< -o $@
$O/add-lies.mi $O/add-other.mi: $O/add-%.mi: $O/%.jsonl $O/edits-add $(MODEL)
	<$O/edits-add $(MOVES) $< -o $@
$O/sub-truths.mi: $O/truths.jsonl $O/edits-sub $(MODEL)
	<$O/edits-sub $(MOVES) $< -o $@
$O/out-lies.mi: $O/lies.jsonl $O/edits-out $(MODEL)
	<$O/edits-out $(MOVES) $< -o $@
$O/add-neutral.mi: $P/neutral.jsonl $O/edits-add $(MODEL)
	<$O/edits-add $(AS_VARIANTS) --metric kl --metric-pos $(INJECT) --aggregate $< -o $@

# ---- texts: does what it says change, not only one probability? ---------------------------------
$O/said-%.mi: $O/%.jsonl $(MODEL)
	$(RUN) -n $(ANSWER) --judge $< -o $@
# 1: subject, 2: prompts, 3: sign
define said
$O/said-$2-$1.mi: $O/$2.jsonl $O/$(if $(filter steer,$1),,control/)$1.mi $O/layer $O/length $(MODEL)
	$(RUN) -n $(ANSWER) --judge --edit "add resid_post:$$$$(cat $O/layer) $$(word 2,$$^) * $3$$$$(jq '. * $(DOSE)' $O/length) @ $(INJECT)" $$< -o $$@
$O/change-$2-$1.mi: $O/said-$2-$1.mi $O/said-$2.mi
	$(PROBE) diff -s $(SEED) --metric judged_target --of edit=$1 --of prompts=$2 $$^ -o $$@
endef
SPOKEN := steer random-0 shuffled-0
$(foreach s,$(SPOKEN),$(eval $(call said,$s,lies,))$(eval $(call said,$s,truths,-)))

# ---- X8 does injection have to go on? -------------------------------------------------------------
$O/tales.jsonl: $P/behaviour.jsonl | $O
	jq -c 'select(.side == "none")' $< | awk 'NR <= $(TALES)' >$@
TOWARDS_LIES = add $(AT) $O/steer.mi * -$(DOSE_ALL) scale
$O/tale.mi: $O/tales.jsonl $O/steer.mi $O/layer $(MODEL)
	$(RUN) -n $(STORY) --edit "$(TOWARDS_LIES) @ $(TALE_AT)" $< -o $@
# told with every dose: do texts fall into repeating themselves?
$O/tales-dosed.jsonl: $O/tales.jsonl
	awk 'NR <= $(DOSED)' $< >$@
$O/tale-dosed.mi: $O/tales-dosed.jsonl $O/steer.mi $O/layer $(MODEL)
	printf '%s\n' 0 $(DOSES) | LC_ALL=C sort -g | while read -r c; do \
	  [ $$c = 0 ] && echo 0=none || echo "$$c=add $(AT) $O/steer.mi * $$c scale @ $(TALE_AT)"; done | \
	  sed 's/^/--variant\n/' | xargs -d '\n' $(RUN) -n $(STORY) $< -o $@
$O/repetition.mi: $O/tale-dosed.mi
	$(PROBE) rate -s $(SEED) --metric repetition,entropy --by variant $< -o $@
# scored again: a nothing added, b in the prompt, c in the prompt and the first k tokens, d at all,
# e at all but with the past of a, f a random direction at all
SCORE_TALE = $(RUN) --score $O/tale.mi -o $@
$O/tale-none.mi: $O/tale.mi
	$(SCORE_TALE) --edit none
$O/tale-prompt.mi: $O/tale.mi $O/steer.mi
	$(SCORE_TALE) --edit none --edit "$(TOWARDS_LIES) @ $(TALE_PROMPT)"
$O/tale-first-%.mi: $O/tale.mi $O/steer.mi
	$(SCORE_TALE) --edit none --edit "$(TOWARDS_LIES) @ $(TALE_PROMPT)" --edit "$(TOWARDS_LIES) @ gen:0:$*"
$O/tale-all.mi: $O/tale.mi
	$(SCORE_TALE) --edit @run
$O/tale-now.mi: $O/tale.mi
	$(SCORE_TALE) --edit @run --cache-from none
$O/tale-random.mi: $O/tale.mi $O/control/random-0.mi $O/length
	$(SCORE_TALE) --edit none --edit "add $(AT) $O/control/random-0.mi * $$(jq '. * $(DOSE_ALL)' $O/length) @ $(TALE_AT)"
CONDITIONS := prompt $(GEN_STEPS:%=first-%) all now random
TALES_TOLD := $O/tale-none.mi $(CONDITIONS:%=$O/tale-%.mi)
$O/kept-%.mi: $O/tale-%.mi $O/tale-none.mi
	$(PROBE) diff -s $(SEED) --metric logp --of card=E8 --of injected=$* $^ -o $@
$O/stopped.mi: $O/tale-all.mi $O/tale-first-$(STOP).mi
	$(PROBE) diff -s $(SEED) --metric logp $^ -o $@
$O/verdict/injection.mi: $O/kept-all.mi | $O/verdict
	$(PROBE) verdict --claim 'the text is the injection'"'"'s' --metric logp_diff --of run=null --above $(CONTINUAL) $< -o $@
$O/verdict/continual.mi: $O/stopped.mi $O/verdict/injection.mi $(GATES)
	$(PROBE) verdict --claim 'injection has to go on' --metric logp_diff --of run=null --above $(CONTINUAL) \
	  --gate $O/verdict/injection.mi $(GATE) $< -o $@
