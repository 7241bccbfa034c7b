/* figure/source.h: one stream, read, and the parts that show it. */
#ifndef MI_FIGURE_SOURCE_H
#define MI_FIGURE_SOURCE_H

#include "base/intern.h"
#include "figure/page.h"

struct mi_source {
    const char *name;  /* of the file */
    const char *title; /* of its section; NULL: none was given */
    const char *content;
    const char *digest;      /* of its records, 32 digits */
    struct mi_value header;  /* of the stream */
    struct mi_value inputs;  /* array {name, digest}: what it was made from */
    struct mi_value bodies;  /* array: records of the main kind; of act and stat their shapes */
    struct mi_value others;  /* array: verdict records */
    struct mi_intern ids;    /* of prompts */
    struct mi_value prompts; /* array by number: bodies of prompt records */
};

struct mi_report_options {
    const char *metric; /* of charts of probes; NULL: auroc */
    int n_texts;        /* of runs to show; 0: all, of scans a dozen */
    bool has_provenance;
};

/* All streams [n] as one page: verdicts and the evaluation card first, then a section a
 * title (streams without one by their kind and name), last what was made from what. Runs of
 * one section stand side by side. */
void mi_report_page(struct mi_page *p, const struct mi_source *s, int n,
                    const struct mi_report_options *opt);

/* The sections' bodies. */
void mi_figure_runs(struct mi_page *p, const struct mi_source *const *s, int n, int n_texts);
void mi_figure_effects(struct mi_page *p, const struct mi_source *s);
/* Figures of every token (mi-probe project): by method the tokens coloured, mates side by side,
 * and a map of layers and tokens a prompt; n_texts prompts (0: a dozen). */
void mi_figure_scan(struct mi_page *p, const struct mi_source *s, int n_texts);
bool mi_is_scan(const struct mi_value *body);
/* The same as an array of lines for programs, one a token: `token`, `piece` and its own value. */
struct mi_value mi_scan_lines(struct mi_arena *a, const struct mi_source *s,
                              const struct mi_value *body);
void mi_figure_provenance(struct mi_page *p, const struct mi_source *s, int n);

/* The body of a prompt, or NULL. */
const struct mi_value *mi_source_prompt(const struct mi_source *s, const char *id);

#endif
