/* model/pass.h: what the files of the forward pass share. Private to them. */
#ifndef MI_MODEL_PASS_H
#define MI_MODEL_PASS_H

#include "model/forward.h"

/* An array that only grows; its contents are lost when it does. `{0}` is empty. */
struct mi_room {
    void *at;
    size_t bytes;
};
void *mi_room_for(struct mi_room *r, size_t n, size_t size);

/* Memory that outlives a pass. */
struct mi_forward_state {
    struct mi_room x, h, out, q, k, v, z, gate, up, scale; /* per row */
    struct mi_room mlp;                                    /* per row, of parallel blocks */
    struct mi_room routes, gathered, mixed, gathered_rows; /* of mixtures of experts */
    struct mi_room picked, picked_h;                       /* [n_logit_rows, D] */
    struct mi_room logits;                                 /* [block of rows, V] */
    struct mi_room scores;                                 /* [H, n, keys] of one sequence */
    struct mi_room result_tiles;                           /* weights, a tile a thread */
    struct mi_room result, result_before;                  /* [block of rows, H, D] */
    struct mi_room rows, positions, tokens;                /* per row */
    struct mi_room logit_rows, logit_positions, logit_index;
    struct mi_room jobs;                 /* struct mi_attention */
    struct mi_room key_runs, first_rows; /* of sequences with a past */
    struct mi_room wants;
    struct mi_rope rope[2]; /* as config.rotary */
};

/* A set of rows that go through the network together. */
struct mi_rows {
    int n;
    struct mi_row *row; /* [n] */
    int32_t *position;  /* [n] */
};

/* One call of mi_forward. */
struct mi_pass {
    struct mi_forward_state *s;
    const struct mi_model *m;
    const struct mi_sequence *batch;
    int n_sequences;
    int n_layers;           /* blocks to run */
    enum mi_site last_site; /* of the last block: nothing after it is needed; MI_SITES: all is */
    bool has_cache;         /* some sequence keeps keys and values */
    const struct mi_hooks *hooks;
    const bool *wants; /* [L + 1, MI_SITES]; row L: global sites */
    struct mi_error *err;
    struct mi_rows all;     /* every new token of the sequences that have joined */
    int n_rows, n_joined;   /* new tokens in all; sequences that have joined */
    const int *first_row;   /* [n_sequences] where each one's rows begin */
    bool has_past;          /* some sequence goes on behind another's positions */
    struct mi_rows logit;   /* those of logit_rows */
    const int *logit_index; /* [logit.n] into `all` */
    struct mi_rows live;    /* those that are being computed: `all`, in the end `logit` */
    float *x;               /* [live.n, D] the residual stream */
};

bool mi_pass_wants(const struct mi_pass *p, enum mi_site site, int layer);
/* Lets the hooks see (and change) a site, if they want it. */
int mi_pass_visit(struct mi_pass *p, struct mi_view *view) MI_MUST_USE;
/* The same for a site that has all live rows: heads x width numbers, packed. */
int mi_pass_show(struct mi_pass *p, enum mi_site site, int layer, float *x, int n_heads,
                 int64_t width) MI_MUST_USE;

enum { MI_LOGIT_ROWS = 64 }; /* rows of one block of logits */

/* Tokens -> x; x of the rows of `logit` -> final norm, logits. ends.c */
int mi_pass_embed(struct mi_pass *p, const int32_t *tokens) MI_MUST_USE;
int mi_pass_unembed(struct mi_pass *p) MI_MUST_USE;
/* An array of at least the pass's rows. */
float *mi_pass_room(struct mi_pass *p, struct mi_room *room, int64_t width);
/* norm: scale -> normalised -> times weight, plus bias, of x into h, with both sites. layer -1:
 * final norm. */
int mi_pass_norm(struct mi_pass *p, enum mi_site scale_site, int layer, const struct mi_norm *norm,
                 float *h) MI_MUST_USE;
/* The same without sites, in place, for any packed rows y [m, k]. A weight [k], unless the
 * caller multiplies itself (NULL). */
void mi_pass_norm_rows(struct mi_pass *p, const struct mi_norm *norm, float *y, int m, int64_t k);
/* Runs block `layer` on the live rows. */
int mi_pass_block(struct mi_pass *p, int layer) MI_MUST_USE;
/* Keeps only the rows whose logits are wanted. */
void mi_pass_pick(struct mi_pass *p);
/* Attention of one layer: state's q, k, v -> z, through hooks or straight. */
int mi_pass_attend(struct mi_pass *p, int layer) MI_MUST_USE;
/* Query, key and value products of h -> state's q, k, v: ready for attention, keys and values
 * in the caches. Where only some rows go on, *h becomes theirs. block_qkv.c */
int mi_pass_qkv(struct mi_pass *p, int layer, const float **h) MI_MUST_USE;
/* A mixture of experts: h [live, D] -> out [live, D]. experts.c */
void mi_pass_experts(struct mi_pass *p, int layer, const float *h, float *out);
/* Is all done that anyone needs of this pass, once `site` was visited? */
bool mi_pass_is_enough(const struct mi_pass *p, enum mi_site site, int layer);
/* hook_result: what each head writes; edits go into out [live.n, D]. */
int mi_pass_result(struct mi_pass *p, int layer, float *out) MI_MUST_USE;

#endif
