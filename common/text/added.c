#include "text/added.h"

#include "base/escape.h"
#include "base/mem.h"
#include "text/unicode.h"

/* The code point before byte i, and where it starts. */
static size_t before(const struct mi_traced *t, size_t i, uint32_t *cp)
{
    size_t k = i;

    do
        k--;
    while (k > 0 && ((unsigned char)t->at[k] & 0xc0) == 0x80);
    (void)mi_utf8_decode(t->at + k, i - k, cp);
    return k;
}

static bool is_apart(const struct mi_traced *t, size_t begin, size_t end)
{
    uint32_t cp = 0;

    if (begin > 0) {
        (void)before(t, begin, &cp);
        if (mi_is_word(cp))
            return false;
    }
    return end >= t->len || mi_utf8_decode(t->at + end, t->len - end, &cp) <= 0 || !mi_is_word(cp);
}

static size_t spaces_behind(const struct mi_traced *t, size_t i, struct mi_added_search *s)
{
    uint32_t cp = 0;

    if (i < s->spaces) /* inside a run whose end is known */
        return s->spaces;
    while (i < t->len) {
        int used = mi_utf8_decode(t->at + i, t->len - i, &cp);

        if (used <= 0 || !mi_is_space(cp))
            break;
        i += (size_t)used;
    }
    s->spaces = i;
    return i;
}

static size_t spaces_before(const struct mi_traced *t, size_t i, size_t done)
{
    while (i > done) {
        uint32_t cp = 0;
        size_t k = before(t, i, &cp);

        if (!mi_is_space(cp) || k < done)
            break;
        i = k;
    }
    return i;
}

/* The longest allowed token at byte i, as a place in a->token, or -1. */
static int32_t longest_at(const struct mi_added *a, const struct mi_word_tree *t,
                          const struct mi_traced *text, size_t i, mi_added_allow_fn *allow,
                          void *data, size_t *end)
{
    uint32_t node = 0;
    int32_t found = -1;

    for (size_t k = i; k < text->len; k++) {
        int32_t v;

        node = mi_word_tree_step(t, node, (unsigned char)text->at[k]);
        if (!node)
            break;
        v = t->node[node].value;
        if (v < 0 || (a->token[v].is_special && !allow(data, mi_traced_range(text, i, k + 1))))
            continue;
        found = v;
        *end = k + 1;
    }
    return found;
}

int32_t mi_added_next(const struct mi_added *a, const struct mi_word_tree *t,
                      const struct mi_traced *text, struct mi_added_search *s,
                      mi_added_allow_fn *allow, void *data, size_t *begin, size_t *end)
{
    if (t->n == 0)
        return -1;
    while (s->at < text->len) {
        size_t stop = 0, i = s->at;
        const struct mi_added_token *k;
        int32_t found;

        if (!t->start[(unsigned char)text->at[i]]) {
            s->at++;
            continue;
        }
        found = longest_at(a, t, text, i, allow, data, &stop);
        if (found < 0) {
            s->at++;
            continue;
        }
        s->at = stop;
        k = &a->token[found];
        if (k->is_word && !is_apart(text, i, stop))
            continue;
        *begin = k->takes_left ? spaces_before(text, i, s->done) : i;
        *end = k->takes_right ? spaces_behind(text, stop, s) : stop;
        s->done = *end;
        return k->id;
    }
    return -1;
}

void mi_added_free(struct mi_added *a)
{
    mi_free(a->token);
    mi_word_tree_free(&a->raw);
    mi_word_tree_free(&a->normal);
    *a = (struct mi_added){0};
}
