/* text/added.h: tokens that are found in text before anything else is done with it. */
#ifndef MI_TEXT_ADDED_H
#define MI_TEXT_ADDED_H

#include "text/traced.h"
#include "text/word_tree.h"

#include <stdbool.h>

struct mi_added_token {
    struct mi_word_tree_entry text; /* borrowed; its value is not used */
    int32_t id;
    bool is_special;              /* seen only where the caller says so */
    bool is_word;                 /* not inside a word */
    bool takes_left, takes_right; /* with the white space beside it */
    bool is_normal;               /* looked for in normalised text */
};

/* `{0}` is valid and finds nothing. */
struct mi_added {
    struct mi_added_token *token; /* [n] */
    size_t n;
    struct mi_word_tree raw, normal; /* values are places in `token` */
};

/* Where the search through one text stands. */
struct mi_added_search {
    size_t at;     /* where the next token may start */
    size_t done;   /* behind the last one with its white space */
    size_t spaces; /* end of the white space that was looked at last */
};

/* Says whether a special token may be seen in bytes from to `to` - 1 of the original. */
typedef bool mi_added_allow_fn(void *data, struct mi_origin where);

enum { MI_ADDED_LONGEST = 1024 }; /* bytes; bounds the search at one place */

/* The longest token at the first place where there is one: its id (or -1) and its bytes
 * [*begin, *end), white space that goes with it included. */
int32_t mi_added_next(const struct mi_added *a, const struct mi_word_tree *t,
                      const struct mi_traced *text, struct mi_added_search *s,
                      mi_added_allow_fn *allow, void *data, size_t *begin, size_t *end);
void mi_added_free(struct mi_added *a);

#endif
