/* text/template.h: the statements of a Jinja template, in one spelling.
 *
 * Only cut and spelled alike, never run: text outside tags after the trimming that chat
 * templates are rendered with (trim_blocks, lstrip_blocks, "-" marks), and tags with strings
 * in single quotes, escapes resolved, neighbouring literals joined, x['y'] as x.y, ~ as +, and
 * a space only between two words. So two templates that differ in layout become equal. */
#ifndef MI_TEXT_TEMPLATE_H
#define MI_TEXT_TEMPLATE_H

#include "base/error.h"

#include <stddef.h>

enum mi_item_kind { MI_ITEM_TEXT, MI_ITEM_OUTPUT, MI_ITEM_STATEMENT };

struct mi_template_item {
    enum mi_item_kind kind;
    char *text; /* strings in it: ' and \ stand behind a \ */
};

struct mi_template {
    struct mi_template_item *item; /* [n] */
    size_t n, cap;
};

/* MI_EXIT_DATA for a tag or string that does not end. */
int mi_template_parse(struct mi_template *t, const char *source, struct mi_error *err) MI_MUST_USE;
void mi_template_free(struct mi_template *t);

#endif
