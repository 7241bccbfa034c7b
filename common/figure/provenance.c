/* What was made from what, and how: from the headers and ends of the streams. */
#include "base/mem.h"
#include "figure/source.h"

#include <stdio.h>
#include <string.h>

/* A graph of more is folded: the table below it has every stream. */
enum { MOST_NODES = 30 };

/* Every digest once: streams of the report and what they name as inputs. */
struct files {
    struct mi_intern digests;
    const char **name;               /* [n] */
    const struct mi_source **source; /* [n]; NULL: only named */
    size_t cap_name, cap_source;
};

static int64_t add_file(struct files *f, const char *digest, const char *name,
                        const struct mi_source *source)
{
    int64_t n = f->digests.n, k = mi_intern_add(&f->digests, digest, strlen(digest));

    if (k == n) {
        f->name = mi_grow(f->name, &f->cap_name, (size_t)n + 1, sizeof *f->name);
        f->source = mi_grow(f->source, &f->cap_source, (size_t)n + 1, sizeof *f->source);
        f->name[n] = name;
        f->source[n] = NULL;
    }
    if (source && !f->source[k])
        f->source[k] = source;
    return k;
}

static const char *file_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

/* "mi-direction fit, method mean-diff, sides honest,untruthful; seed 1". */
static void add_step(struct mi_buf *b, const struct mi_value *step, bool has_options)
{
    const struct mi_value *options = mi_get(step, "options");
    const char *verb = mi_get_str(step, "verb", NULL);
    const struct mi_value *edits = mi_get(step, "edits");
    int64_t seed = mi_get_int(step, "seed", 0);

    mi_buf_addf(b, "%s%s%s", mi_get_str(step, "tool", ""), verb ? " " : "", verb ? verb : "");
    if (!has_options)
        return;
    mi_buf_addf(b, " %s", mi_get_str(step, "version", ""));
    for (size_t i = 0; mi_is(options, MI_MAP) && i < options->as.map.n; i++) {
        const struct mi_member *m = &options->as.map.member[i];

        mi_buf_addf(b, " --%s", m->key);
        if (mi_is(&m->value, MI_STR) && m->value.as.bytes.len) {
            mi_buf_add_char(b, ' ');
            mi_buf_add(b, m->value.as.bytes.at, m->value.as.bytes.len);
        }
    }
    for (size_t i = 0; mi_is(edits, MI_ARRAY) && i < edits->as.array.n; i++) {
        const struct mi_value *e = &edits->as.array.item[i];

        mi_buf_add_text(b, " --edit ");
        if (mi_is(e, MI_STR))
            mi_buf_add(b, e->as.bytes.at, e->as.bytes.len);
    }
    if (seed)
        mi_buf_addf(b, " --seed %lld", (long long)seed);
}

static const struct mi_value *steps_of(const struct mi_source *s)
{
    const struct mi_value *steps = mi_get(&s->header, "provenance");

    return mi_is(steps, MI_ARRAY) && steps->as.array.n ? steps : NULL;
}

static void add_steps(struct mi_page *p, const struct mi_source *s, int n)
{
    static const char *const titles[] = {"stream", "digest", "step"};
    struct mi_table t = {0};

    for (int i = 0; i < 3; i++)
        mi_table_column(&t, titles[i], false);
    for (int i = 0; i < n; i++) {
        const struct mi_value *steps = steps_of(&s[i]);

        for (size_t k = 0; k < (steps ? steps->as.array.n : 1); k++) {
            const struct mi_value *step = steps ? &steps->as.array.item[k] : NULL;
            struct mi_buf b = {0};

            mi_table_str(&t, k ? "" : file_part(s[i].name));
            mi_table_text(&t, s[i].digest, k ? 0 : strlen(s[i].digest));
            if (step)
                add_step(&b, step, true);
            mi_table_text(&t, b.data ? b.data : "", b.len);
            mi_buf_free(&b);
        }
    }
    mi_page_table(p, &t);
}

static const char *detail_of(struct mi_page *p, const struct mi_source *s, const char *digest)
{
    const struct mi_value *steps = s ? steps_of(s) : NULL;
    struct mi_buf b = {0};
    const char *text;

    if (steps)
        add_step(&b, &steps->as.array.item[steps->as.array.n - 1], false);
    mi_buf_addf(&b, "%s%.8s", b.len ? ", " : "", digest);
    text = mi_arena_dup(&p->arena, b.data, b.len);
    mi_buf_free(&b);
    return text;
}

/* Of a stream of the report the step that made it, of others their name. */
static const char *kind_of(struct mi_page *p, const struct mi_source *s, const char *name)
{
    const struct mi_value *steps = s ? steps_of(s) : NULL;
    struct mi_buf b = {0};
    const char *text;

    if (steps)
        add_step(&b, &steps->as.array.item[steps->as.array.n - 1], false);
    else
        mi_buf_add(&b, name, strlen(name));
    text = mi_arena_dup(&p->arena, b.data ? b.data : "", b.len);
    mi_buf_free(&b);
    return text;
}

/* Files in an order in which every one comes after what it was made from. */
static int64_t order_of(const struct files *f, const bool *from, int64_t *order)
{
    int64_t n = f->digests.n, done = 0;
    bool *taken = mi_alloc_zero((size_t)n + 1, sizeof *taken), moved = true;

    while (moved) {
        moved = false;
        for (int64_t k = 0; k < n; k++) {
            bool is_ready = !taken[k];

            for (int64_t i = 0; i < n && is_ready; i++)
                is_ready = !from[i * n + k] || taken[i];
            if (!is_ready)
                continue;
            order[done++] = k;
            taken[k] = moved = true;
        }
    }
    mi_free(taken);
    return done; /* less than n: files that say of each other that they came first */
}

static const struct mi_graph *build_graph(struct mi_page *p, const struct files *f,
                                          const bool *from)
{
    struct mi_graph *g = mi_arena_alloc(&p->arena, sizeof *g);
    size_t n = (size_t)f->digests.n;
    int64_t *order = mi_alloc_n(n + 1, sizeof *order);

    *g = (struct mi_graph){.n = (int)order_of(f, from, order)};
    g->node = mi_arena_alloc(&p->arena, ((size_t)g->n + 1) * sizeof *g->node);
    g->edge = mi_arena_alloc(&p->arena, (size_t)g->n * (size_t)g->n + 1);
    for (int i = 0; i < g->n; i++) {
        size_t a = (size_t)order[i];

        g->node[i] = (struct mi_graph_node){
            mi_arena_dup(&p->arena, file_part(f->name[a]), strlen(file_part(f->name[a]))),
            detail_of(p, f->source[a], f->digests.name[a]),
            kind_of(p, f->source[a], file_part(f->name[a])), 0};
        for (int k = 0; k < g->n; k++)
            g->edge[i * g->n + k] = from[a * n + (size_t)order[k]];
    }
    mi_graph_layout(g);
    mi_graph_fold(g, &p->arena, MOST_NODES);
    mi_free(order);
    return g;
}

void mi_figure_provenance(struct mi_page *p, const struct mi_source *s, int n)
{
    struct files f = {0};
    size_t n_files;
    bool *from;

    for (int i = 0; i < n; i++) {
        for (size_t k = 0; k < s[i].inputs.as.array.n; k++) {
            const struct mi_value *in = &s[i].inputs.as.array.item[k];

            add_file(&f, mi_get_str(in, "digest", ""), mi_get_str(in, "name", ""), NULL);
        }
        add_file(&f, s[i].digest, s[i].name, &s[i]);
    }
    n_files = (size_t)f.digests.n;
    from = mi_alloc_zero(n_files * n_files + 1, sizeof *from);
    for (int i = 0; i < n; i++) {
        size_t to = (size_t)add_file(&f, s[i].digest, s[i].name, NULL);

        for (size_t k = 0; k < s[i].inputs.as.array.n; k++) {
            const char *digest = mi_get_str(&s[i].inputs.as.array.item[k], "digest", "");
            size_t a = (size_t)add_file(&f, digest, "", NULL);

            from[a * n_files + to] = a != to;
        }
    }
    if (n_files > MOST_NODES)
        mi_page_sayf(
            p, MI_PART_ASIDE,
            "%zu streams and files; those that one step made of the same are one box, which says "
            "how many they are",
            n_files);
    mi_page_graph(p, build_graph(p, &f, from));
    add_steps(p, s, n);
    mi_free(from);
    mi_free(f.source);
    mi_free(f.name);
    mi_intern_free(&f.digests);
}
