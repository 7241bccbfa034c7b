/* stream/run_record.h: what a model made of a prompt, token by token.
 *
 * run = {id, tokens [T], logp [T], text, top [T] or nil, target_logp, foil_logp,
 *        rank [T], entropy [T], stop, next, judged}
 *
 * The figures at t speak of token t given the tokens before it, under the plain
 * distribution of the model (after edits, before temperature and penalty); those of the
 * first token are nil. Natural logarithms throughout.
 *
 *     logp     log-probability of the token
 *     rank     how many tokens the model held more probable (0: its first choice)
 *     entropy  of the distribution that the token was taken from, in nats
 *     top      the most probable tokens there, best first: [[token, logp] ...]
 *     next     the same for the token that would follow the last; nil when not asked
 *     text     of what was generated, always UTF-8; "" when nothing was
 *     stop     why a generation ended: "end", "string", "length", "context"; nil of a score
 *     judged   what the text answers: "target", "foil" or "neither"; left out when nobody asked
 *     target_logp, foil_logp  summed over the continuation's tokens; nil without one */
#ifndef MI_STREAM_RUN_RECORD_H
#define MI_STREAM_RUN_RECORD_H

#include "base/error.h"
#include "data/value.h"

#include <stdint.h>

enum { MI_RUN_MAX_TOP = 1000 }; /* longest list of most probable tokens */

struct mi_run_record {
    const char *id;
    const int32_t *tokens; /* [n_tokens] */
    int64_t n_tokens;
    const double *logp; /* [n_tokens]; NaN stands for nil */
    const char *text;   /* valid UTF-8 */
    size_t text_len;
    int n_top;                     /* 0: nobody asked */
    const int32_t *top_token;      /* [n_tokens, n_top]; -1 in a row that is nil */
    const double *top_logp;        /* [n_tokens, n_top] */
    double target_logp, foil_logp; /* NaN: nil */
    const int64_t *rank;           /* [n_tokens]; -1: nil */
    const double *entropy;         /* [n_tokens]; NaN: nil */
    const char *stop;              /* NULL: nil */
    const int32_t *next_token;     /* [n_top], or NULL */
    const double *next_logp;
    const char *judged; /* NULL: not asked */
};

/* Numbers and lists are copied into the arena, strings are borrowed. */
struct mi_value mi_run_body(struct mi_arena *a, const struct mi_run_record *r);
/* Arrays are copied into the arena, strings borrowed from the body. Keys after
 * `foil_logp` may be absent. Rows of `top` have one length. */
int mi_run_read(struct mi_arena *a, const struct mi_value *body, struct mi_run_record *r,
                struct mi_error *err) MI_MUST_USE;

#endif
