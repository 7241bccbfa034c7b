# ---- X10 what writes the direction: heads and MLPs, which add up to the projection ---------------
$O/parts.mi: $P/test.jsonl $O/layer $(MODEL)
	$(CAPTURE) --at "embed,z:0-$$(cat $O/layer),mlp_out:0-$$(cat $O/layer),$(AT)" --pos $(READ) $< -o $@
$O/written.mi: $O/parts.mi $O/steer.mi $(MODEL)
	$(DIRECTION) attribute -s $(SEED) -m $(MODEL) -d $O/steer.mi $< -o $@
$O/verdict/closes.mi: $O/written.mi | $O/verdict
	$(PROBE) verdict --claim 'the parts add up to the projection' --metric sum_error --exact --below $(CLOSES) $< -o $@
$O/verdict/spread.mi: $O/written.mi $(GATES)
	$(PROBE) verdict --claim 'many parts write the direction' --metric participation_ratio --above $(SPREAD) $(GATE) $< -o $@

# ---- X11 which parts carry it from one prompt to the other: heads and MLPs, then places -----------
$O/sweep-parts.mi: $O/patch.jsonl $O/steer.mi $(MODEL)
	$(PATCH) --sides untruthful,honest --at 'z:*.*,mlp_out:*' --together --pos $(PART_POS) \
	  --metric proj:$O/steer.mi@$(AT) --metric-pos last --aggregate $< -o $@
$O/sweep-places.mi: $O/places.jsonl $O/steer.mi $O/layers $(MODEL)
	$(PATCH) --sides untruthful,honest --at "$$(seq -s , -f resid_post:%g 0 $(PLACE_STEP) $$(cat $O/layers))" \
	  --metric proj:$O/steer.mi@$(AT) --metric-pos last --aggregate $< -o $@
# ---- X13 the baseline: the same parts, token-aligned pairs, one logit against another ---------------
$O/sweep-aligned.mi: $O/aligned.jsonl $(MODEL)
	$(PATCH) --at 'z:*.*,mlp_out:*' --together --metric logit_diff --aggregate $< -o $@
$O/spread-%.mi: $O/sweep-%.mi
	$(PROBE) spread -s $(SEED) --of sweep=$* $< -o $@
# the margin is what the baseline reached
$O/verdict/dense.mi: $O/spread-parts.mi $O/spread-aligned.mi $(GATES)
	$(PROBE) verdict --claim 'more heads carry the direction than carry a token-aligned answer' --metric participation_ratio --of site=z $(GATE) \
	  --above $$($(VIEW) $O/spread-aligned.mi | jq 'select(.metric == "participation_ratio" and .site == "z").hi') $< -o $@

# ---- X12 by which paths: from each part of the layers before to what the heads and the MLP of the layer read -------------
$O/paths.mi: $O/paths.jsonl $O/steer.mi $(MODEL)
	at=$$(cat $O/layer); from=$$((at > $(PATH_LAYERS) ? at - $(PATH_LAYERS) : 0)); \
	$(PATCH) --sides untruthful,honest --at "z:$$from-$$at.*,mlp_out:$$from-$$((at ? at - 1 : 0))" --paths "q:$$at.*,k:$$at.*,v:$$at.*,ln2_normalized:$$at" \
	  --metric proj:$O/steer.mi@resid_post:$$at --metric-pos last --aggregate $< -o $@

# ---- X15 single units that go with the instruction -------------------------------------------------
$O/acts-units.mi: $P/test.jsonl $(MODEL) | $O
	$(CAPTURE) --at 'mlp_post:*' --pos last --dtype f16 $< -o $@
$O/units.mi: $O/acts-units.mi
	$(PROBE) units -s $(SEED) --sides $(SIDES) $< -o $@
