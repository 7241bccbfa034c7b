/* job/fit.h: directions from an activation stream.
 *
 * Holds the wanted rows of every place as floats until the end of the stream (rows x width x
 * 4 bytes a place), then fits the places in parallel. One dir record a place, method and, of
 * the controls, draw, in the order of the stream's places, the methods as given, the draws.
 * Beside the keys of every dir record stand:
 *
 *     threshold      projections above it read as positive
 *     sign_share     share of pairs (without pairs: AUROC) that speaks for the sign
 *     sign_n         pairs (rows) behind that share
 *     cos_mean_diff  cosine with mean-diff of the same rows
 *     variance       of the PCA methods: share of the variance, a number a vector
 *     loss, iterations   of the logistic regression
 *     draw           of the controls: number of the draw
 *     left_out       rows without mate, when there are any
 *     sides          "POSITIVE,NEGATIVE", when they were named
 *     groups         tensor i64 [n]: digests of the groups' names, ascending */
#ifndef MI_JOB_FIT_H
#define MI_JOB_FIT_H

#include "job/acts.h"
#include "method/direction.h"
#include "stream/writer.h"

struct mi_fit_options {
    const enum mi_method *methods; /* [n_methods] without doubles */
    int n_methods;
    int draws; /* of each control */
    int n_components;
    double l2, rtol;
    uint64_t seed;
    int64_t max_memory; /* bytes; 0: job/batch.h's default */
};

/* Rows of all places, held. `{0}` is empty. */
struct mi_held {
    float **x;   /* [n_places] each [n_rows, D] */
    size_t *cap; /* private */
    size_t n_places, cap_places;
};
/* Reads the stream to its end. MI_EXIT_SYS as soon as the rows, and `n_matrices` [D, D] of doubles
 * for each thread that will work on them, need more than max_memory (0: job/batch.h's default). */
int mi_held_read(struct mi_held *h, struct mi_acts *a, int64_t max_memory, int n_matrices,
                 struct mi_error *err) MI_MUST_USE;
void mi_held_free(struct mi_held *h);

/* Reads acts to the end, fits, and writes the dir records. n_dirs: how many. */
int mi_fit(struct mi_acts *acts, const struct mi_fit_options *o, struct mi_writer *out,
           int64_t *n_dirs, struct mi_error *err) MI_MUST_USE;

/* The record's body for a fitted direction; borrows v from d. left_out as above; keep [groups.n]:
 * the groups that it was fitted on, or NULL for all. */
struct mi_value mi_fit_body(struct mi_arena *a, const struct mi_acts *acts, int64_t place,
                            enum mi_method m, int draw, const struct mi_direction *d,
                            const unsigned char *keep, int64_t left_out);

/* "mean-diff,pca-diff" into methods [MI_METHODS]; returns how many. MI_EXIT_USAGE. */
int mi_methods_parse(enum mi_method *methods, const char *text, struct mi_error *err) MI_MUST_USE;

#endif
