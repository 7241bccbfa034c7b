/* job/material.h: the streams that edits name, held in memory (private to job/editor.c).
 *
 * Directions, statistics and activations are kept as the records they came in, so that the
 * header of a run can carry them and a replay reads them back the same way. Of activations
 * only the wanted sites are kept, of prompts only id, pair and side. */
#ifndef MI_JOB_MATERIAL_H
#define MI_JOB_MATERIAL_H

#include "base/intern.h"
#include "data/site.h"
#include "data/value.h"
#include "stream/record.h"

/* A prompt of an activation stream. */
struct mi_material_prompt {
    const char *pair, *side; /* NULL: none */
    size_t first, n;         /* its act records */
};

struct mi_material {
    char *name;      /* path as written, or the digest of a replayed one */
    char digest[33]; /* of the stream */
    struct mi_arena arena;
    struct mi_value header;  /* nil of a replayed one: it was checked when it was recorded */
    struct mi_value inputs;  /* array: what went into the stream */
    struct mi_value records; /* array of [kind, body] */
    struct mi_dir_record *dir;
    size_t n_dirs, cap_dirs;
    const struct mi_value **stat;
    size_t n_stats, cap_stats; /* bodies */
    struct mi_act_record *act;
    size_t n_acts, cap_acts; /* grouped by prompt */
    struct mi_intern ids;    /* number: index into prompt */
    struct mi_material_prompt *prompt;
    size_t cap_prompts;
};

/* Reads a whole stream; `wanted` are the sites whose activations are kept. */
int mi_material_read(struct mi_material *m, const char *path, const struct mi_places *wanted,
                     struct mi_error *err) MI_MUST_USE;
/* From the records that a header carries under a digest. */
int mi_material_replay(struct mi_material *m, const char *digest, const struct mi_value *records,
                       struct mi_error *err) MI_MUST_USE;

/* The directions for a place, into dir [n_dirs]: same layer (and head, when the place has one),
 * the same site before others, in the order of the stream; the only one of a stream serves every
 * place. How many; MI_EXIT_DATA: none. */
int mi_material_dirs(const struct mi_material *m, const struct mi_place *at,
                     const struct mi_dir_record **dir, struct mi_error *err) MI_MUST_USE;
/* The one direction. NULL with err set: none, or several that fit alike. */
const struct mi_dir_record *mi_material_dir(const struct mi_material *m, const struct mi_place *at,
                                            struct mi_error *err);
/* The mean at a place: the same site, layer and head; of a record of all heads, that head's
 * part: floats [n] from *mean (borrowed until the next call). */
int mi_material_mean(struct mi_material *m, const struct mi_place *at, int64_t n, float *mean,
                     struct mi_error *err) MI_MUST_USE;
/* The prompt that stands in for the prompt (id, pair, side): of the same pair the member of
 * another side, or the only one; without a pair there, the same id. -1 with err set. */
int64_t mi_material_prompt(const struct mi_material *m, const char *id, const char *pair,
                           const char *side, struct mi_error *err);
/* Its activations at a place (or at all heads of the place's site); NULL with err set. */
const struct mi_act_record *mi_material_act(const struct mi_material *m, int64_t prompt,
                                            const struct mi_place *at, struct mi_error *err);
void mi_material_free(struct mi_material *m);

#endif
