#include "job/stat.h"

#include "base/buf.h"
#include "base/escape.h"
#include "base/intern.h"
#include "base/mem.h"

#include <string.h>

int64_t mi_reduce_width(enum mi_reduce reduce, int64_t width)
{
    return reduce == MI_REDUCE_SECOND ? width + width * (width + 1) / 2 : width;
}

/* ---- records ------------------------------------------------------------------- */

static struct mi_value text_or_nil(struct mi_arena *a, const char *s)
{
    return s ? mi_text_dup(a, s, strlen(s)) : mi_nil();
}

static struct mi_value subject_map(struct mi_arena *a, const struct mi_stat_subject *s, int64_t n)
{
    struct mi_value m = mi_map();

    mi_place_set(a, &m, &s->place);
    mi_set(a, &m, "position", text_or_nil(a, s->position));
    mi_set(a, &m, "by", text_or_nil(a, s->by));
    mi_set(a, &m, "class", text_or_nil(a, s->class));
    mi_set(a, &m, "n", mi_int(n));
    return m;
}

/* The packed upper triangle as the whole matrix, each sum over n. */
static double *unpack(struct mi_arena *a, const double *packed, int64_t width, double n)
{
    double *full = mi_arena_alloc(a, (size_t)(width * width) * sizeof *full);

    for (int64_t i = 0; i < width; i++)
        for (int64_t j = i; j < width; j++) {
            double value = *packed++ / n;

            full[i * width + j] = value;
            full[j * width + i] = value;
        }
    return full;
}

struct mi_value mi_stat_body(struct mi_arena *a, const struct mi_stat_subject *s,
                             enum mi_reduce reduce, const struct mi_tree *tree, int64_t width)
{
    double *sum = mi_arena_alloc(a, (size_t)tree->width * sizeof *sum);
    double *mean = mi_arena_alloc(a, (size_t)width * sizeof *mean);
    int64_t n = mi_tree_total(tree, sum);
    struct mi_value body = subject_map(a, s, n);

    if (n == 0) {
        mi_set(a, &body, "mean", mi_nil());
        return body;
    }
    for (int64_t i = 0; i < width; i++)
        mean[i] = sum[i] / (double)n;
    mi_set(a, &body, "mean", mi_tensor_value(mi_tensor_1(MI_F64, width, mean)));
    if (reduce == MI_REDUCE_SECOND)
        mi_set(a, &body, "second",
               mi_tensor_value(
                   mi_tensor_2(MI_F64, width, width, unpack(a, sum + width, width, (double)n))));
    return body;
}

struct mi_value mi_stat_node_body(struct mi_arena *a, const struct mi_stat_subject *s,
                                  const struct mi_node *node, int64_t width, int64_t sum_width)
{
    struct mi_value body = subject_map(a, s, node->n), at = mi_map();

    mi_set(a, &at, "level", mi_int(node->level));
    mi_set(a, &at, "index", mi_int(node->index));
    mi_set(a, &at, "width", mi_int(width));
    mi_set(a, &at, "sum_width", mi_int(sum_width));
    mi_set(a, &body, "node", at);
    mi_set(a, &body, "sum",
           node->sum ? mi_tensor_value(mi_tensor_1(MI_F64, sum_width, node->sum)) : mi_nil());
    return body;
}

/* ---- merging ------------------------------------------------------------------- */

/* All nodes of one subject. */
struct gathered {
    struct mi_stat_subject subject; /* strings of the state's arena */
    struct mi_tree tree;
    int64_t width; /* W */
    enum mi_reduce reduce;
};

struct mi_stat_merge_state {
    struct mi_arena arena;
    struct mi_intern subjects; /* number: index into item */
    struct gathered *item;
    size_t cap;
    int64_t n_units; /* the highest end of any node */
};

static const char *dup_or_null(struct mi_arena *a, const struct mi_value *body, const char *key)
{
    const char *s = mi_get_str(body, key, NULL);

    return s ? mi_arena_dup(a, s, strlen(s)) : NULL;
}

/* The tree that the record belongs to. */
static int find_subject(struct mi_stat_merge_state *st, const struct mi_value *body, int64_t width,
                        int64_t sum_width, struct gathered **out, struct mi_error *err)
{
    struct mi_stat_subject s = {0};
    struct mi_buf key = {0};
    char place[48];
    int64_t n = st->subjects.n, i;
    int r = mi_place_get(body, &s.place, err);

    if (r < 0)
        return r;
    mi_buf_addf(&key, "%s\n", mi_place_text(&s.place, place));
    mi_buf_add_text(&key, mi_get_str(body, "class", ""));
    i = mi_intern_add(&st->subjects, key.data, key.len);
    mi_buf_free(&key);
    if (i == n) {
        s.position = dup_or_null(&st->arena, body, "position");
        s.by = dup_or_null(&st->arena, body, "by");
        s.class = dup_or_null(&st->arena, body, "class");
        st->item = mi_grow(st->item, &st->cap, (size_t)n + 1, sizeof *st->item);
        st->item[i] = (struct gathered){
            .subject = s,
            .width = width,
            .reduce = sum_width == width ? MI_REDUCE_MEAN : MI_REDUCE_SECOND,
        };
        mi_tree_init(&st->item[i].tree, sum_width);
    }
    *out = &st->item[i];
    if ((*out)->width != width || (*out)->tree.width != sum_width)
        return mi_fail(err, MI_EXIT_DATA, "sums of %lld numbers here, of %lld before",
                       (long long)sum_width, (long long)(*out)->tree.width);
    return 0;
}

static int read_node(const struct mi_value *body, struct mi_node *node, int64_t *width,
                     int64_t *sum_width, struct mi_error *err)
{
    const struct mi_value *at = mi_get(body, "node"), *sum = mi_get(body, "sum");
    int64_t level = mi_get_int(at, "level", -1);

    *node = (struct mi_node){
        .level = (int)level,
        .index = mi_get_int(at, "index", -1),
        .n = mi_get_int(body, "n", -1),
    };
    *width = mi_get_int(at, "width", 0);
    *sum_width = mi_get_int(at, "sum_width", 0);
    if (!mi_is(at, MI_MAP) || level < 0 || level > 62 || node->index < 0 ||
        node->index >= INT64_MAX >> level || node->n < 0 || *width < 1 || *width > 1 << 24 ||
        (*sum_width != *width && *sum_width != mi_reduce_width(MI_REDUCE_SECOND, *width)) || !sum ||
        (sum->kind == MI_NIL) != (node->n == 0))
        return mi_fail(err, MI_EXIT_DATA, "statistics of a shard without a proper 'node'");
    if (node->n == 0)
        return 0;
    if (sum->kind != MI_TENSOR || sum->as.tensor.dtype != MI_F64 || sum->as.tensor.rank != 1 ||
        sum->as.tensor.shape[0] != *sum_width)
        return mi_fail(err, MI_EXIT_DATA, "'sum' is no list of %lld numbers f64",
                       (long long)*sum_width);
    node->sum = mi_alloc_n((size_t)*sum_width, sizeof *node->sum);
    memcpy(node->sum, sum->as.tensor.data, (size_t)*sum_width * sizeof *node->sum);
    return 0;
}

static int add_record(void *ctx, const struct mi_record *rec, struct mi_error *err)
{
    struct mi_stat_merge_state *st = ctx;
    struct gathered *g;
    struct mi_node node;
    int64_t width, sum_width;
    int r;

    if (strcmp(rec->kind, "stat") != 0)
        return mi_fail(err, MI_EXIT_DATA, "a record '%s' among statistics", mi_quote(rec->kind));
    r = read_node(rec->body, &node, &width, &sum_width, err);
    if (r < 0)
        return r;
    r = find_subject(st, rec->body, width, sum_width, &g, err);
    if (r == 0 && !mi_tree_join(&g->tree, &node))
        r = mi_fail(err, MI_EXIT_DATA, "the same units are in two shards");
    if (r == 0 && (node.index + 1) << node.level > st->n_units)
        st->n_units = (node.index + 1) << node.level;
    mi_free(node.sum);
    return r;
}

/* A shard that never met a class says nothing of it: its units had nothing there. Some class
 * covers every unit, so the highest end of all is the number of units. */
static int finish(void *ctx, struct mi_writer *out, struct mi_error *err)
{
    struct mi_stat_merge_state *st = ctx;
    int r = 0;

    for (int64_t i = 0; r == 0 && i < st->subjects.n; i++) {
        struct gathered *g = &st->item[i];
        struct mi_arena a = {0};
        struct mi_value body;

        mi_tree_fill(&g->tree, 0, st->n_units);
        body = mi_stat_body(&a, &g->subject, g->reduce, &g->tree, g->width);
        r = mi_writer_put(out, "stat", &body, err);
        mi_arena_free(&a);
    }
    return r;
}

struct mi_combine mi_stat_merge_open(struct mi_stat_merge *m)
{
    m->state = mi_alloc_zero(1, sizeof *m->state);
    return (struct mi_combine){.add = add_record, .finish = finish, .ctx = m->state};
}

void mi_stat_merge_close(struct mi_stat_merge *m)
{
    struct mi_stat_merge_state *st = m->state;

    if (!st)
        return;
    for (int64_t i = 0; i < st->subjects.n; i++)
        mi_tree_free(&st->item[i].tree);
    mi_free(st->item);
    mi_intern_free(&st->subjects);
    mi_arena_free(&st->arena);
    mi_free(st);
    m->state = NULL;
}
