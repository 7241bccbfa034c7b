/* job/survey.h: what streams hold, counted, for --dry-run: they are read to their ends, checked
 * as always, and nothing is computed. */
#ifndef MI_JOB_SURVEY_H
#define MI_JOB_SURVEY_H

#include "base/buf.h"
#include "base/intern.h"
#include "job/origin.h"

struct mi_acts_options;

/* Sums over streams. `{0}` is empty; free with mi_survey_free. */
struct mi_survey {
    int n_streams;
    int64_t n_prompts, n_groups;
    int64_t n_acts, n_rows, n_places; /* records, rows that are wanted, places */
    int64_t n_numbers;                /* of all rows together */
    int64_t n_dirs, n_controls;       /* directions; how many of them are controls */
    struct mi_intern kinds;           /* of other records, prompts apart */
    int64_t *count;                   /* [kinds.n] */
    size_t cap;                       /* private */
};

/* Adds a stream. Activations are taken as `o` says (NULL: all of them, no sides asked for),
 * directions at the places o->at. Fails as the reader or mi_acts_next do. */
int mi_survey_stream(struct mi_survey *s, const char *path, const struct mi_acts_options *o,
                     struct mi_error *err) MI_MUST_USE;
int mi_survey_streams(struct mi_survey *s, const struct mi_names *paths,
                      const struct mi_acts_options *o, struct mi_error *err) MI_MUST_USE;
/* Lines "name value" of what is there. */
void mi_survey_print(struct mi_buf *b, const struct mi_survey *s);
/* A line of the same form. */
void mi_survey_line(struct mi_buf *b, const char *name, const char *fmt, ...) MI_PRINTF(3, 4);
void mi_survey_free(struct mi_survey *s);

#endif
