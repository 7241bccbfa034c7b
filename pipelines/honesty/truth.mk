# ---- X14 the feature: whether a statement is true, whatever is said of it --------------------------
$O/acts-claims.mi: $P/claims.jsonl $(MODEL) | $O
	$(CAPTURE) --at 'resid_post:*' --pos last $< -o $@
$O/transfer.mi: $O/acts-claims.mi
	$(PROBE) transfer -s $(SEED) --by $(DOMAIN) --sides true,false --method mass-mean --metric auroc $< -o $@
