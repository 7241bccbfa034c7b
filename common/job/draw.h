/* job/draw.h: the next token from a row of logits.
 *
 * As transformers does it, in this order: repetition penalty on the tokens seen so far
 * (prompt and generated; Keskar et al. 2019, CTRL, section 4.1: logit / p when above zero, else
 * logit * p), temperature, top-k, top-p (Holtzman et al. 2020: the smallest set of most
 * probable tokens whose probability reaches p). Then one draw, keyed by (seed, "sample", id,
 * step): the same token whoever else is in the batch. Sums in double. */
#ifndef MI_JOB_DRAW_H
#define MI_JOB_DRAW_H

#include <stdint.h>

struct mi_sampling {
    double temperature;        /* 0: greedy, the most probable token */
    int64_t top_k;             /* 0: all */
    double top_p;              /* 1: all */
    double repetition_penalty; /* 1: none */
    uint64_t seed;
};

/* Room for one row; `{0}` is valid, grows on demand, one a thread. */
struct mi_draw_room {
    float *logits;  /* [v] */
    double *weight; /* [v] */
    int32_t *order; /* [v] */
    int64_t v;
};
void mi_draw_room_free(struct mi_draw_room *r);

/* logits [v] stay as they are. seen [n_seen]: ids below v. step: number of the generated
 * token, from 0. */
int32_t mi_draw_token(const struct mi_sampling *s, const float *logits, int64_t v,
                      const int32_t *seen, int64_t n_seen, const char *id, int64_t step,
                      struct mi_draw_room *room);

#endif
