/* The members of an object of a tokenizer.json, found in one walk through its text. */
#include "data/json.h"
#include "text/json_reader.h"

#include <string.h>

enum { MAX_TREE = 2 << 20 }; /* bytes of a part that is read as a tree */

static int skip_counting(struct mi_pull *p, int kind, size_t *n)
{
    int rc;

    if (kind > MI_PULL_ARRAY)
        return mi_pull_skip(p);
    rc = mi_pull_enter(p, kind == MI_PULL_OBJECT ? '{' : '[');
    while (rc == 0 && (rc = mi_pull_next(p)) > 0) {
        rc = mi_pull_skip(p);
        ++*n;
    }
    return rc;
}

static int walk_keys(struct mi_json_reader *r, struct mi_pull *p, const struct mi_json_wanted *w)
{
    int rc = mi_pull_enter(p, '{');

    while (rc == 0 && (rc = mi_pull_next(p)) > 0) {
        const char *const *name = w->names;
        struct mi_json_slice value = {0}, *out;
        size_t from;
        int kind;

        while (*name && !mi_pull_is(&p->key, *name))
            name++;
        out = *name ? &w->out[name - w->names] : NULL;
        if (out && out->len > 0)
            return mi_fail(r->err, MI_EXIT_DATA, "%s: the key '%s' is there twice", w->where,
                           *name);
        kind = mi_pull_peek(p);
        from = p->at;
        if (kind < 0)
            return kind;
        if (kind == MI_PULL_OBJECT && out && w->inner && strcmp(*name, w->inner->where) == 0)
            rc = walk_keys(r, p, w->inner);
        else
            rc = skip_counting(p, kind, &value.n);
        value.at = kind == MI_PULL_NULL ? NULL : p->text + from;
        value.len = p->at - from;
        if (rc == 0 && out)
            *out = value;
    }
    return rc;
}

int mi_json_keys(struct mi_json_reader *r, struct mi_json_slice slice,
                 const struct mi_json_wanted *wanted)
{
    struct mi_pull p;
    int rc;

    mi_pull_init(&p, slice.at, slice.len, r->err);
    rc = walk_keys(r, &p, wanted);
    if (rc == 0)
        rc = mi_pull_end(&p);
    mi_pull_free(&p);
    return rc < 0 ? mi_fail_in(r->err, "%s", wanted->where) : 0;
}

int mi_json_tree(struct mi_json_reader *r, struct mi_json_slice slice, const char *where,
                 struct mi_value *out)
{
    *out = mi_nil();
    if (!slice.at)
        return 0;
    if (slice.len > MAX_TREE)
        return mi_fail(r->err, MI_EXIT_DATA, "%s: %zu bytes; the limit is %d", where, slice.len,
                       (int)MAX_TREE);
    return mi_json_parse(&r->arena, slice.at, slice.len, out, r->err) < 0
               ? mi_fail_in(r->err, "%s", where)
               : 0;
}
