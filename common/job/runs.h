/* job/runs.h: run streams as one number a prompt, for rates and differences. */
#ifndef MI_JOB_RUNS_H
#define MI_JOB_RUNS_H

#include "base/intern.h"
#include "data/pos.h"
#include "job/origin.h"

enum mi_run_figure {
    MI_RUN_LOGP,           /* mean over the positions */
    MI_RUN_ENTROPY,        /* mean over the positions */
    MI_RUN_REPETITION,     /* seq-rep-4 of the tokens at the positions (Welleck et al. 2020,
                            * 1908.04319): the share of its 4-grams that stood there before;
                            * 0 of fewer than four tokens */
    MI_RUN_TARGET_LOGP,    /* of the continuation `target` */
    MI_RUN_FOIL_LOGP,      /* of the continuation `foil` */
    MI_RUN_LOGP_MARGIN,    /* the first minus the second */
    MI_RUN_JUDGED_TARGET,  /* 1 or 0 */
    MI_RUN_JUDGED_FOIL,    /* 1 or 0 */
    MI_RUN_JUDGED_NEITHER, /* 1 or 0 */
    MI_RUN_FIGURES
};
/* "logp" ..., as the user names them; what the registry calls the mean and the difference. */
const char *mi_run_figure_name(enum mi_run_figure f);
const char *mi_run_figure_mean(enum mi_run_figure f);
const char *mi_run_figure_diff(enum mi_run_figure f);
/* "logp,repetition" into f; returns how many. MI_EXIT_USAGE: none, one twice, or an unknown name,
 * with the near ones. */
int mi_run_figures_parse(enum mi_run_figure f[MI_RUN_FIGURES], const char *list,
                         struct mi_error *err) MI_MUST_USE;

/* Is it taken from the tokens at some positions? */
bool mi_run_figure_has_positions(enum mi_run_figure f);

/* "side,topic" into names [n], in the arena; returns n. MI_EXIT_USAGE: an empty name, or a key that
 * every score has. */
int mi_runs_fields(struct mi_arena *a, const char *text, const char *const **names,
                   struct mi_error *err) MI_MUST_USE;

struct mi_runs_options {
    const char *group_by;  /* a field, or NULL: job/label.h */
    const char *const *by; /* [n_by] fields that make the cells */
    int n_by;
    const struct mi_pos *pos; /* of figures that are of tokens at positions */
};

struct mi_runs_case {
    const char *id;
    const char *group;
    int64_t cell;                 /* in `cells`; 0 without `by` */
    uint64_t tokens;              /* digest of the tokens at the positions, where they matter */
    double value[MI_RUN_FIGURES]; /* NAN: the run does not have it */
};

/* `{0}` is valid and empty. */
struct mi_runs {
    struct mi_runs_case *item; /* [n] in the order of the streams */
    size_t n, cap;
    struct mi_intern ids, cells;
    struct mi_value *cell; /* [cells.n] maps: the fields that make it */
    size_t cap_cells;
    struct mi_arena arena;  /* ids, groups, cells, header */
    struct mi_value header; /* of the first stream; nil before */
};

/* Reads a stream to its end and adds its runs. With n_wanted figures (of those alone) a prompt
 * that lacks one is MI_EXIT_DATA. MI_EXIT_DATA: no run stream, one shard of a run, an id that is
 * there already, another model, a position that a prompt does not have. */
int mi_runs_read(struct mi_runs *runs, const char *path, const struct mi_runs_options *o,
                 const enum mi_run_figure *wanted, int n_wanted, struct mi_origin *origin,
                 struct mi_error *err) MI_MUST_USE;
void mi_runs_free(struct mi_runs *runs);

#endif
