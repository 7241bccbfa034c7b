/* text/jinja.h: the Jinja templates of chat models, run.
 *
 * The language of jinja2 as transformers sets it up for chat templates: trim_blocks,
 * lstrip_blocks, break and continue, {% generation %}, tojson without HTML escapes,
 * raise_exception, strftime_now; values are Python's (integers of 64 bits; more is an error),
 * and nothing that exists can be changed but the attributes of a namespace. Templates are
 * foreign code: nothing outside the variables that they are given can be reached, include,
 * import, extends and block are refused, and steps, memory and depth are bounded.
 *
 * Text that comes from the sources (the contents of messages) keeps its provenance through
 * every operation: the output says which of its bytes are whose. */
#ifndef MI_TEXT_JINJA_H
#define MI_TEXT_JINJA_H

#include "base/buf.h"
#include "base/error.h"
#include "data/value.h"

#include <stdint.h>

enum { MI_JINJA_MAX_SOURCE = 1 << 20 }; /* bytes of a template */

/* A template, parsed. `{0}` is valid and empty. */
struct mi_jinja {
    struct mi_jinja_state *state; /* private */
};

/* MI_EXIT_DATA with the line for what is no template, or uses what is refused. */
int mi_jinja_parse(struct mi_jinja *j, const char *source, size_t len,
                   struct mi_error *err) MI_MUST_USE;
void mi_jinja_free(struct mi_jinja *j);

/* Bytes [begin, end) of a text come from a source, from its byte `offset` on. */
struct mi_jinja_part {
    size_t begin, end;
    size_t source, offset;
};

struct mi_jinja_output {
    struct mi_buf text;
    struct mi_jinja_part *part; /* [n] in order, apart */
    size_t n, cap;
};

struct mi_jinja_input {
    const struct mi_value *variables; /* a map: the names that the template sees */
    /* The strings whose way is followed: those among the variables with these addresses, which
     * must come there in this order. */
    const char *const *source;
    size_t n_sources;
    int64_t now; /* seconds since 1970 for strftime_now */
};

/* Renders into *out (emptied first). MI_EXIT_DATA: an error of the template with its line;
 * what raise_exception says stands alone; a limit. */
int mi_jinja_render(const struct mi_jinja *j, const struct mi_jinja_input *in,
                    struct mi_jinja_output *out, struct mi_error *err) MI_MUST_USE;
void mi_jinja_output_free(struct mi_jinja_output *out);

#endif
