/* job/step.h: one verb of a tool that makes a stream of others: its name, its output, its
 * origin. */
#ifndef MI_JOB_STEP_H
#define MI_JOB_STEP_H

#include "job/origin.h"
#include "stream/writer.h"

struct mi_step {
    const char *tool, *verb; /* for the provenance */
    const char *output;
    int64_t seed;
    struct mi_origin origin; /* the options are in it; inputs are added as they are read */
};

/* Writes the header of a stream that continues `from` and `also` (mi_origin_header). */
int mi_step_begin(struct mi_step *s, struct mi_writer *out, const struct mi_value *from,
                  const struct mi_value *also, const char *content,
                  struct mi_error *err) MI_MUST_USE;
/* Closes the output; when all went well (r = 0) with the end record. Returns what it came to. */
int mi_step_finish(struct mi_step *s, struct mi_writer *out, int r,
                   struct mi_error *err) MI_MUST_USE;

#endif
