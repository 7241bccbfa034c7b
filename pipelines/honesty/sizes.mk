# How much the study runs, and what its verdicts are measured against. All sizes in one place.

# Every FIT_OF statements, FIT of them fit directions and the others test them.
STATEMENTS  ?= 300
FIT_OF      := 3
FIT         := 2
METHODS     := mean-diff,pca-diff,shuffled
DRAWS       := 5
SEED        ?= 1

# The direction that is added back: method, layers as parts of the depth, and the length added
# in units of the distance between the two sides.
STEER_METHOD := mean-diff
STEER_FROM   := 40
STEER_TO     := 60
STEER_BY     := 1.5
STEER_TOKENS := 40
