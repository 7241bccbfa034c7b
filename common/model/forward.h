/* model/forward.h: the forward pass over packed rows, with every site open to a callback.
 *
 * A batch is a list of sequences; their new tokens are packed as rows, without padding, in
 * the order given. Linear layers see all rows at once; attention runs per sequence. The bits
 * of a row depend on its own sequence only: not on the batch, on how the sequence was cut
 * into passes over a cache, on threads or instruction set.
 *
 * The seam to everything else is one callback, called at each site that the caller wants, in
 * the order of enum mi_site, with the values in place: it may read them and it may write
 * them, and what follows is computed from what it left. Sites that nobody wants cost nothing.
 * Work stops after the last layer that anyone needs. */
#ifndef MI_MODEL_FORWARD_H
#define MI_MODEL_FORWARD_H

#include "base/error.h"
#include "data/site.h"
#include "model/model.h"

#include <stdbool.h>
#include <stdint.h>

/* Keys (rotated) and values of one sequence, all layers: grows as tokens are added. */
struct mi_cache {
    float **layer_keys, **layer_values; /* [L] each [capacity, KV * K] */
    int64_t n;                          /* positions filled */
    int64_t capacity;
    int n_layers;
    int n_filled;  /* layers that hold all n positions */
    int64_t width; /* KV * K */
};
void mi_cache_init(struct mi_cache *c, const struct mi_model *m, int64_t capacity);
void mi_cache_reserve(struct mi_cache *c, int64_t capacity); /* room for as many positions */
void mi_cache_truncate(struct mi_cache *c, int64_t n);       /* forget positions >= n */
/* The first n positions, into an initialised cache of the same model. */
void mi_cache_copy(struct mi_cache *to, const struct mi_cache *from, int64_t n);
size_t mi_cache_bytes(const struct mi_model *m, int64_t capacity);
void mi_cache_free(struct mi_cache *c);

/* One sequence of a pass. Work that sequences have in common is done once: a sequence may go
 * on behind positions that others computed (`past` or `before`), and join a pass in the middle
 * (first_layer) where its residual stream is known. The bits are those of the whole sequence. */
struct mi_sequence {
    const int32_t *tokens; /* [n] new tokens */
    int n;
    struct mi_cache *cache; /* NULL: positions start at 0 or n_past and nothing is kept */
    const int *logit_rows; /* [n_logit_rows] indices into the new tokens: whose logits are wanted */
    int n_logit_rows;
    /* Without `cache`: the n_past positions before the new tokens are read, never written, from
     * a cache that many may share, or from an earlier sequence of this batch (its own past
     * included). Both NULL: there are none. */
    const struct mi_cache *past;
    const struct mi_sequence *before;
    int64_t n_past;
    /* Joins before block first_layer with these rows [n, D] of the residual stream; the sites
     * before do not show it. In a batch first_layer never decreases; no `cache` when not 0. */
    int first_layer;
    const float *resid;
    /* Logits of these tokens only, in this order (views are as wide); NULL: of the vocabulary.
     * The same list for all sequences of a batch. */
    const int32_t *logit_ids;
    int n_logit_ids;
};

/* Which row is what. */
struct mi_row {
    int sequence;     /* index into the batch */
    int index;        /* in the sequence's new tokens */
    int32_t position; /* in the sequence */
};

/* The values at one site, for the callback. Row r, head h, number i is
 * x[r * ld + h * ld_head + i]; it may be written in place. The final norm's sites and logits
 * have the rows of logit_rows only, sequence by sequence in the order given. */
struct mi_view {
    enum mi_site site;
    int layer;                /* -1 for global sites */
    int n_rows;               /* rows of this view */
    const struct mi_row *row; /* [n_rows] */
    float *x;
    int64_t ld;
    int n_heads; /* 1 where the site has none */
    int64_t ld_head;
    int64_t width;   /* K, D, M, V or 1; for keys sites: keys of this sequence */
    bool is_written; /* out: the callback changed something (needed only where a change
                                 costs extra: result, scores, pattern) */
};

struct mi_hooks {
    void *self;
    /* Is the site at this layer wanted (layer -1 for global sites)? Asked once a pass and layer. */
    bool (*wants)(void *self, enum mi_site site, int layer);
    /* Reads or writes. < 0 stops the pass (err filled by the callback). Sites with keys
     * (attn_scores, pattern) come once a sequence; logits in blocks of rows; result in blocks
     * of rows; all others once with all rows. Called from the caller's thread only. */
    int (*at)(void *self, struct mi_view *view, struct mi_error *err);
};

/* Working memory of passes over one model, grown on demand, reused. `{0}` is valid. */
struct mi_forward {
    struct mi_forward_state *state; /* private */
};

/* Runs the batch through blocks 0 .. n_layers-1 (0 or less: all) and, for sequences with
 * logit_rows, the final norm and the unembedding (needs all layers). Cached sequences continue
 * at cache->n, which grows by n when the pass succeeds; a pass that ran fewer layers leaves a
 * cache that can be continued through those only. Writing attn_scores or pattern where a key
 * is masked has no effect. hooks may be NULL. A token id outside the vocabulary or a position
 * beyond the model's context is MI_EXIT_DATA. */
int mi_forward(struct mi_forward *f, const struct mi_model *m, const struct mi_sequence *batch,
               int n_sequences, int n_layers, const struct mi_hooks *hooks,
               struct mi_error *err) MI_MUST_USE;
/* Bytes of working memory that a pass of n_rows rows (longest sequence n_ctx) needs; a hook on
 * attn_scores or pattern adds 4 H n_rows n_ctx. */
size_t mi_forward_bytes(const struct mi_model *m, int n_rows, int64_t n_ctx);
void mi_forward_free(struct mi_forward *f);

#endif
