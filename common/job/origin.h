/* job/origin.h: where a result comes from: options for the header, inputs for the end record. */
#ifndef MI_JOB_ORIGIN_H
#define MI_JOB_ORIGIN_H

#include "data/value.h"
#include "stream/reader.h"

/* Names of files, fields and the like, as the user gave them. */
struct mi_names {
    const char *const *item; /* [n] */
    int n;
};

/* `{0}` is valid and empty. */
struct mi_origin {
    struct mi_arena arena;
    struct mi_value options; /* {name: text}; nil while empty */
    struct mi_value inputs;  /* [{name, digest} ...]; nil while empty */
};

/* For mi_opt_each_that_matters. Names of files stay out (their digests stand among the
 * inputs), and so does the seed, which has its own place. An option given several times has
 * one line a value. */
void mi_origin_option(void *origin, const char *name, const char *value);
/* The options as a map, for mi_header_step. */
struct mi_value mi_origin_options(struct mi_origin *o);
/* After the reader saw the end: its inputs, and itself. One that is there already is not
 * added again. */
void mi_origin_input(struct mi_origin *o, const struct mi_reader *r);
/* A file that is no stream, by its digest. */
void mi_origin_file(struct mi_origin *o, const char *name, const struct mi_digest *d);
/* The header of a stream made from two: mi_header_from(from), with the steps of `also` (NULL:
 * none) that are not there yet before the new one. The shard is left out. */
struct mi_value mi_origin_header(struct mi_origin *o, const struct mi_value *from,
                                 const struct mi_value *also, const char *content, const char *tool,
                                 const char *verb, int64_t seed);
void mi_origin_free(struct mi_origin *o);

#endif
