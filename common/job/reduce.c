#include "job/reduce.h"

#include "base/escape.h"
#include "base/intern.h"
#include "base/mem.h"
#include "base/par.h"

#include <string.h>

/* The sums of one class at one place. */
struct cell {
    struct mi_tree tree;
    double *sum; /* of the unit in hand, NULL: nothing yet */
};

struct class
{
    struct cell *cell; /* [n_places] */
    int64_t n_now;     /* observations of the unit in hand */
    int64_t next_unit; /* the first that the trees do not know yet */
};

struct mi_reducer_state {
    struct mi_place *place; /* [n_places] */
    int64_t *width;         /* [n_places] */
    int n_places;
    enum mi_reduce reduce;
    const char *by;
    char *position;
    struct mi_intern names; /* of classes, by number */
    struct class *class;
    size_t cap_classes;
    int64_t first_unit, unit;
    bool has_unit;
};

void mi_reducer_open(struct mi_reducer *r, const struct mi_places *places,
                     const struct mi_dims *dims, enum mi_reduce reduce, const char *by,
                     const char *position, int64_t first_unit)
{
    struct mi_reducer_state *st = mi_alloc_zero(1, sizeof *st);

    r->state = st;
    st->n_places = (int)places->n;
    st->place = mi_alloc_n(places->n, sizeof *st->place);
    st->width = mi_alloc_n(places->n, sizeof *st->width);
    for (int p = 0; p < st->n_places; p++) {
        int64_t rows, width;

        st->place[p] = places->item[p];
        mi_place_shape(&st->place[p], dims, 0, &rows, &width);
        st->width[p] = rows * width;
    }
    st->reduce = reduce;
    st->by = by;
    st->position = mi_strdup(position);
    st->first_unit = first_unit;
}

/* ---- units --------------------------------------------------------------------- */

/* Tells the trees of a class that the units up to `unit` (not included) had nothing. */
static void skip_units(struct mi_reducer_state *st, struct class *c, int64_t unit)
{
    for (int p = 0; p < st->n_places; p++)
        mi_tree_fill(&c->cell[p].tree, c->next_unit, unit);
    c->next_unit = unit;
}

/* The unit in hand is complete: its sums become leaves. */
static void end_unit(struct mi_reducer_state *st)
{
    for (int64_t i = 0; st->has_unit && i < st->names.n; i++) {
        struct class *c = &st->class[i];

        if (c->n_now == 0)
            continue;
        skip_units(st, c, st->unit);
        for (int p = 0; p < st->n_places; p++) {
            mi_tree_add(&c->cell[p].tree, st->unit, c->n_now, c->cell[p].sum);
            memset(c->cell[p].sum, 0, (size_t)c->cell[p].tree.width * sizeof *c->cell[p].sum);
        }
        c->next_unit = st->unit + 1;
        c->n_now = 0;
    }
    st->has_unit = false;
}

static int class_of(struct mi_reducer_state *st, struct mi_item *item, struct class **out,
                    struct mi_error *err)
{
    const char *name = st->by ? mi_item_field(item, st->by) : "";
    int64_t n = st->names.n, i;

    if (!name)
        return mi_fail(err, MI_EXIT_DATA, "prompt '%s' has no field '%s' to reduce by",
                       mi_quote(item->prompt.id), mi_quote(st->by));
    i = mi_intern_find(&st->names, name, strlen(name));
    if (i < 0 && n == MI_REDUCE_CLASSES)
        return mi_fail(err, MI_EXIT_DATA, "'%s' has more than %d values", mi_quote(st->by),
                       MI_REDUCE_CLASSES);
    if (i < 0) {
        i = mi_intern_add(&st->names, name, strlen(name));
        st->class = mi_grow(st->class, &st->cap_classes, (size_t)n + 1, sizeof *st->class);
        st->class[i] = (struct class){
            .cell = mi_alloc_zero((size_t)st->n_places, sizeof(struct cell)),
            .next_unit = st->first_unit,
        };
        for (int p = 0; p < st->n_places; p++) {
            struct cell *cell = &st->class[i].cell[p];

            mi_tree_init(&cell->tree, mi_reduce_width(st->reduce, st->width[p]));
            cell->sum = mi_alloc_zero((size_t)cell->tree.width, sizeof *cell->sum);
        }
    }
    *out = &st->class[i];
    return 0;
}

/* ---- rows ---------------------------------------------------------------------- */

struct work {
    const struct mi_reducer_state *st;
    const struct class *class;
    const float *const *x;
    int64_t n_positions;
};

/* Every element of the sums is one chain over the rows, so threads share out places only. */
static void add_place(void *ctx, int64_t p, int thread)
{
    const struct work *w = ctx;
    int64_t width = w->st->width[p];
    double *sum = w->class->cell[p].sum;

    (void)thread;
    for (int64_t r = 0; r < w->n_positions; r++) {
        const float *x = w->x[p] + r * width;
        double *product = sum + width;

        for (int64_t i = 0; i < width; i++)
            sum[i] += (double)x[i];
        for (int64_t i = 0; w->st->reduce == MI_REDUCE_SECOND && i < width; i++) {
            double xi = (double)x[i];

            for (int64_t j = i; j < width; j++)
                product[j - i] += xi * (double)x[j];
            product += width - i;
        }
    }
}

int mi_reducer_add(struct mi_reducer *r, struct mi_item *item, const float *const *x,
                   int64_t n_positions, struct mi_error *err)
{
    struct mi_reducer_state *st = r->state;
    struct work w = {.st = st, .x = x, .n_positions = n_positions};
    struct class *c = NULL;
    int status;

    if (st->has_unit && st->unit != item->unit)
        end_unit(st);
    st->unit = item->unit;
    st->has_unit = true;
    status = class_of(st, item, &c, err);
    if (status < 0)
        return status;
    c->n_now += n_positions;
    w.class = c;
    mi_par_for(st->n_places, add_place, &w);
    return 0;
}

/* ---- records ------------------------------------------------------------------- */

static int put_cell(struct mi_reducer_state *st, int64_t class, int p, bool is_sharded,
                    struct mi_writer *out, struct mi_error *err)
{
    const struct mi_tree *tree = &st->class[class].cell[p].tree;
    struct mi_stat_subject subject = {
        .place = st->place[p],
        .position = st->position,
        .by = st->by,
        .class = st->by ? st->names.name[class] : NULL,
    };
    int r = 0;

    for (int i = 0; r == 0 && i < (is_sharded ? tree->n_nodes : 1); i++) {
        struct mi_arena a = {0};
        struct mi_value body =
            is_sharded ? mi_stat_node_body(&a, &subject, &tree->node[i], st->width[p], tree->width)
                       : mi_stat_body(&a, &subject, st->reduce, tree, st->width[p]);

        r = mi_writer_put(out, "stat", &body, err);
        mi_arena_free(&a);
    }
    return r;
}

int mi_reducer_write(struct mi_reducer *r, int64_t last_unit, bool is_sharded,
                     struct mi_writer *out, struct mi_error *err)
{
    struct mi_reducer_state *st = r->state;
    int status = 0;

    end_unit(st);
    for (int64_t c = 0; c < st->names.n; c++) {
        skip_units(st, &st->class[c], last_unit);
        for (int p = 0; status == 0 && p < st->n_places; p++)
            status = put_cell(st, c, p, is_sharded, out, err);
    }
    return status;
}

int64_t mi_reduce_bytes(const struct mi_places *places, const struct mi_dims *dims,
                        enum mi_reduce reduce, int64_t n_units)
{
    int64_t levels = 2, total = 0;

    while (n_units > 1) {
        n_units >>= 1;
        levels++;
    }
    for (size_t p = 0; p < places->n; p++) {
        int64_t rows, width;

        mi_place_shape(&places->item[p], dims, 0, &rows, &width);
        total += mi_reduce_width(reduce, rows * width) * 8 * levels;
    }
    return total;
}

void mi_reducer_close(struct mi_reducer *r)
{
    struct mi_reducer_state *st = r->state;

    if (!st)
        return;
    for (int64_t c = 0; c < st->names.n; c++) {
        for (int p = 0; p < st->n_places; p++) {
            mi_tree_free(&st->class[c].cell[p].tree);
            mi_free(st->class[c].cell[p].sum);
        }
        mi_free(st->class[c].cell);
    }
    mi_free(st->class);
    mi_free(st->place);
    mi_free(st->width);
    mi_free(st->position);
    mi_intern_free(&st->names);
    mi_free(st);
    r->state = NULL;
}
