/* base/opt.h: one table per tool drives parsing, --help and completion. */
#ifndef MI_BASE_OPT_H
#define MI_BASE_OPT_H

#include <stdbool.h>
#include <stddef.h>

enum mi_opt_kind {
    MI_OPT_FLAG,   /* bool *: set to true */
    MI_OPT_STRING, /* const char **: points into argv */
    MI_OPT_INT,    /* long *: decimal, min <= value <= max */
    MI_OPT_REAL,   /* double *: finite, min <= value <= max */
    MI_OPT_CHOICE, /* int *: index into the NULL-ended list `choices` */
    MI_OPT_LIST,   /* struct mi_strings *: may be given several times */
};

struct mi_strings {
    const char **item; /* [n]; point into argv */
    int n;
};

struct mi_opt {
    char letter;      /* short name, or 0 */
    const char *name; /* long name without the dashes */
    const char *arg;  /* what the value is called in --help, NULL for a flag */
    enum mi_opt_kind kind;
    void *value; /* the default on entry; see mi_opt_kind for its type */
    double min, max;
    const char *const *choices;
    const char *help; /* one line, lower case, no full stop */
};

/* Rows of a table. */
/* clang-format off */
#define MI_FLAG(c, name, var, help)           {c, name, NULL, MI_OPT_FLAG, var, 0, 0, NULL, help}
#define MI_STRING(c, name, arg, var, help)    {c, name, arg, MI_OPT_STRING, var, 0, 0, NULL, help}
#define MI_INT(c, name, arg, var, lo, hi, help)  {c, name, arg, MI_OPT_INT, var, lo, hi, NULL, help}
#define MI_REAL(c, name, arg, var, lo, hi, help)                                                   \
    {c, name, arg, MI_OPT_REAL, var, lo, hi, NULL, help}
#define MI_CHOICE(c, name, arg, var, list, help)                                                   \
    {c, name, arg, MI_OPT_CHOICE, var, 0, 0, list, help}
#define MI_LIST(c, name, arg, var, help)      {c, name, arg, MI_OPT_LIST, var, 0, 0, NULL, help}
/* clang-format on */

/* One table for a tool with verbs: bit v of `verbs` is set where verb v has the option. */
struct mi_verb_opt {
    unsigned verbs;
    struct mi_opt opt;
};
/* The rows of one verb into `to` [n]; returns how many. Rows of one name may differ by verb. */
int mi_opt_of_verb(struct mi_opt *to, const struct mi_verb_opt *rows, int n, int verb);

/* Parses argv by `table` [n]; handles -h, -V, -q and -v itself. Returns the
 * index of the first operand. Exits on --help, --version and on misuse. */
int mi_opt_parse(const struct mi_opt *table, int n, int argc, char **argv);

/* Calls each(ctx, name, value as text) for the options of the table that were given on
 * the command line and can change a result, in table order. Left out are those that
 * say where and how fast: output, threads, quiet, verbose, dry-run, shard, max-memory,
 * batch, force and the like (the one list of them is in opt.c). For provenance. */
void mi_opt_each_that_matters(const struct mi_opt *table, int n,
                              void (*each)(void *ctx, const char *name, const char *value),
                              void *ctx);

extern bool mi_opt_quiet;  /* set by -q, --quiet */
extern int mi_opt_verbose; /* counts -v, --verbose */

#endif
