#include "job/step.h"

int mi_step_begin(struct mi_step *s, struct mi_writer *out, const struct mi_value *from,
                  const struct mi_value *also, const char *content, struct mi_error *err)
{
    struct mi_value header =
        mi_origin_header(&s->origin, from, also, content, s->tool, s->verb, s->seed);

    return mi_writer_header(out, &header, err);
}

int mi_step_finish(struct mi_step *s, struct mi_writer *out, int r, struct mi_error *err)
{
    if (r == 0)
        r = mi_writer_end(out, &s->origin.inputs, err);
    mi_writer_close(out);
    return r;
}
