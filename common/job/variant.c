#include "job/variant.h"

#include "base/escape.h"
#include "base/mem.h"
#include "stream/header.h"

#include <string.h>

int mi_variant_split(const char *text, struct mi_arena *a, const char **label, const char **edit,
                     struct mi_error *err)
{
    const char *eq = strchr(text, '=');

    if (!eq || eq == text)
        return mi_fail(err, MI_EXIT_USAGE, "variant '%s': it is written LABEL=EDIT",
                       mi_quote(text));
    *label = mi_arena_dup(a, text, (size_t)(eq - text));
    *edit = mi_arena_dup(a, eq + 1, strlen(eq + 1));
    return 0;
}

/* ---- opening ------------------------------------------------------------------- */

/* A label and its lines. */
struct lines {
    const char *label;
    const char **line; /* [n] */
    int n;
};

static int find_label(const struct lines *list, int n, const char *label)
{
    int i = 0;

    while (i < n && strcmp(list[i].label, label) != 0)
        i++;
    return i;
}

/* list [n]; returns how many labels there are. */
static int gather(struct lines *list, const char *const *texts, int n, struct mi_arena *a,
                  struct mi_error *err)
{
    int n_labels = 0;

    for (int i = 0; i < n; i++) {
        const char *label, *edit;
        int r = mi_variant_split(texts[i], a, &label, &edit, err), at;

        if (r < 0)
            return r;
        if (strchr(label, '/'))
            return mi_fail(err, MI_EXIT_USAGE,
                           "variant '%s': a label has no '/': it stands behind one in ids",
                           mi_quote(label));
        at = find_label(list, n_labels, label);
        if (at == n_labels)
            list[n_labels++] = (struct lines){
                .label = label,
                .line = mi_arena_alloc(a, (size_t)n * sizeof *list->line),
            };
        if (*edit)
            list[at].line[list[at].n++] = edit;
    }
    return n_labels;
}

int mi_variants_open(struct mi_variants *v, struct mi_session *s, const char *const *texts, int n,
                     const struct mi_value *run_header, bool other_model, int64_t seed,
                     struct mi_arena *a, struct mi_error *err)
{
    struct lines *list = mi_arena_alloc(a, ((size_t)n + 1) * sizeof *list);
    int r = 0, n_labels = gather(list, texts, n, a, err);

    if (n_labels <= 0)
        return n_labels;
    v->item = mi_alloc_zero((size_t)n_labels, sizeof *v->item);
    for (; v->n < n_labels && r == 0; v->n++) {
        struct mi_variant *to = &v->item[v->n];
        const struct lines *from = &list[v->n];

        to->label = from->label;
        r = mi_editor_open(&to->edits, s, from->line, from->n, NULL, 0, run_header, other_model,
                           seed, err);
        if (r < 0)
            r = mi_fail_in(err, "variant '%s'", mi_quote(to->label));
    }
    return r;
}

void mi_variants_close(struct mi_variants *v)
{
    for (int i = 0; i < v->n; i++)
        mi_editor_close(&v->item[i].edits);
    mi_free(v->item);
    *v = (struct mi_variants){0};
}

/* ---- about them ---------------------------------------------------------------- */

/* Adds "LABEL=EDIT", of the plain model "LABEL=". */
static void add_line(struct mi_arena *a, struct mi_value *list, const char *label, const char *edit)
{
    struct mi_buf b = {0};

    mi_buf_addf(&b, "%s=%s", label, edit);
    mi_push(a, list, mi_text_dup(a, mi_buf_text(&b), b.len));
    mi_buf_free(&b);
}

void mi_variants_describe(const struct mi_variants *v, struct mi_arena *a, struct mi_value *header)
{
    struct mi_value all = mi_map(), step = mi_array();

    for (int i = 0; i < v->n; i++) {
        const char *label = v->item[i].label;
        struct mi_value map = mi_editor_header(&v->item[i].edits, a), one = mi_map();
        const struct mi_value *lines = mi_get(&map, "edits"), *seeds = mi_get(&map, "seeds");

        for (size_t k = 0; lines && k < lines->as.array.n; k++)
            add_line(a, &step, label, lines->as.array.item[k].as.bytes.at);
        if (!lines)
            add_line(a, &step, label, "");
        mi_set(a, &one, "edits", lines ? *lines : mi_array());
        mi_set(a, &one, "seeds", seeds ? *seeds : mi_array());
        mi_set_dup(a, &all, label, one);
    }
    mi_header_step_edits(a, header, step);
    mi_set(a, header, "variants", all);
}

static bool is_listed(const struct mi_value *list, const struct mi_value *input)
{
    for (size_t i = 0; i < list->as.array.n; i++) {
        const struct mi_value *other = &list->as.array.item[i];

        if (strcmp(mi_get_str(other, "digest", ""), mi_get_str(input, "digest", "")) == 0 &&
            strcmp(mi_get_str(other, "name", ""), mi_get_str(input, "name", "")) == 0)
            return true;
    }
    return false;
}

struct mi_value mi_variants_inputs(const struct mi_variants *v, struct mi_arena *a)
{
    struct mi_value list = mi_array();

    for (int i = 0; i < v->n; i++) {
        struct mi_value more = mi_editor_inputs(&v->item[i].edits, a);

        for (size_t k = 0; k < more.as.array.n; k++)
            if (!is_listed(&list, &more.as.array.item[k]))
                mi_push(a, &list, more.as.array.item[k]);
    }
    return list;
}
