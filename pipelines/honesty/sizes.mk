# How much the study runs, and the margins of its verdicts: all written down before the run.
# Prompts of one's own (PROMPTS=dir) may bring a sizes.mk, which is read after this one.

SEED         ?= 1

# ---- prompts made from facts: so many pairs fit directions, so many statements test them ----
FIT_PAIRS    ?= 200
TEST_PAIRS   ?= 100
# of the test, for what costs more: steered answers, patching, paths
CHOICE_PAIRS ?= 40
PATCH_PAIRS  ?= 12
PLACE_PAIRS  ?= 8
# and every so many layers
PLACE_STEP   ?= 3
# prompts of the fit that choose the layer to steer
FIND_PROMPTS ?= 24
PATH_PAIRS   ?= 8
# layers before the steered one that paths begin in
PATH_LAYERS  ?= 5

# ---- where ----------------------------------------------------------------------------------
# Tokens that directions are fitted and tested on; where the direction is added; tokens whose
# parts are patched; the field that makes the domains of the claims;
# where a part of one run is put into another.
READ         ?= span:statement
INJECT       ?= all
PART_POS     ?= span:statement
DOMAIN       ?= kind
CARRY        ?= span:statement
# files of prompts that end where the answer is decided
CHOICE       ?= choice
CHOICE_FIT   ?= choice-fit
CHOICE_OTHER ?= choice-other

# ---- directions -----------------------------------------------------------------------------
METHODS      := mean-diff,pca-diff,pca-diff-uncentred,pca-center,mass-mean,logistic
# the one that is added, removed, patched and attributed
METHOD       := mean-diff
DRAWS        := 20
CONTROLS     := 0 1 2 3 4
# doses in units of the distance between the sides; the dose of the verdicts
DOSES        := -4 -2 -1.5 -1 -0.5 0.5 1 1.5 2 4
DOSE         := 1.5

# ---- texts ----------------------------------------------------------------------------------
ANSWER       ?= 12
STORY        ?= 40
GEN_STEPS    := 1 2 4 8
# of these the one after which, if anywhere, the text should go on by itself
STOP         ?= 4
TALES        ?= 24
# and of them told with every dose
DOSED        ?= 8
# the dose where it is added at every token
DOSE_ALL     := 1
# the tokens it is added at then, and those of them that stand in the prompt
TALE_AT      ?= all
TALE_PROMPT  ?= prompt

# answers that are scanned, and texts that the report shows
SCANS        := 2
TEXTS        := 12

# what a folder of results was made with
SIZES := SEED FIT_PAIRS TEST_PAIRS CHOICE_PAIRS PATCH_PAIRS PLACE_PAIRS PLACE_STEP FIND_PROMPTS PATH_PAIRS PATH_LAYERS READ INJECT PART_POS DOMAIN CARRY \
  CHOICE CHOICE_FIT CHOICE_OTHER METHODS METHOD DRAWS CONTROLS DOSES DOSE ANSWER STORY GEN_STEPS STOP \
  TALES DOSED DOSE_ALL TALE_AT TALE_PROMPT SCANS TEXTS

# ---- margins --------------------------------------------------------------------------------
# the behaviour: more than this share of answers true under the honest instruction, and false
# under the other
BEHAVIOUR    := 0.5
# reading: AUROC on held-out statements
READING      := 0.9
# an intervention counts when it moves p(true) - p(false) by more than this: half of the way from
# one answer to the other
EFFECT       := 1
# and when it carries more than this share of the difference between the sides
SHARE        := 0.5
# divergence on neutral texts, in nats a token
SIDE_EFFECT  := 0.5
# continual injection is needed: nats a token that the text loses when it stops
CONTINUAL    := 0.1
# standard deviations of random directions' entropy; below, a direction speaks for few tokens
ENTROPY_Z    := -2
# writers are spread when they are as many as so many equal ones
SPREAD       := 5
# relative error of a sum of parts
CLOSES       := 0.001
# what the part that nothing reads may move, in logits
ILLUSION     := 0.1
