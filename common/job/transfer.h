/* job/transfer.h: probes fitted on some groups and evaluated on others, within one stream.
 *
 * Groups are cut once: those of part train fit, those of part test are evaluated
 * (mi_in_train(seed, group, share)). Without domains that is one fit and one evaluation a
 * place: a probe. With domains (a field of the prompts: a topic, a template) there is a fit for
 * each domain and an evaluation on each: a matrix. Since fits see training groups and
 * evaluations test groups only, no cell is contaminated, not even where a group has prompts in
 * several domains; the diagonal is the ordinary held-out figure.
 *
 * Score records, place by place, domain by domain of the fit, then of the evaluation: the
 * figures of method/probe.h with intervals over groups; then the controls of that cell: random
 * (n_draws directions with sign and threshold from the same training rows) and shuffled (the
 * method fitted on n_draws balanced shuffles of the training sides), as mean, smallest,
 * largest. of = {site, layer, head, position, method, groups, from, on}; from and on are left
 * out without domains. */
#ifndef MI_JOB_TRANSFER_H
#define MI_JOB_TRANSFER_H

#include "job/acts.h"
#include "job/fit.h"
#include "method/probe.h"
#include "stream/writer.h"

struct mi_transfer_options {
    enum mi_method method;
    double l2, rtol;
    double share; /* of groups that fit, between 0 and 1 */
    uint64_t seed;
    int32_t n_bootstrap; /* 0: no intervals */
    double level;
    int n_draws;        /* of each control; 0: none */
    int64_t max_memory; /* as of mi_held_read (job/fit.h) */
    bool wants[MI_PROBE_FIGURES];
    struct mi_value of; /* map of keys that every record gets; nil: none. Borrowed */
};

/* Reads acts (all parts, domain_by as wanted) to the end. `probes`, when not NULL, takes the
 * fitted directions as dir records, with `domain` beside their keys. MI_EXIT_DATA: a domain
 * has one side only, or too few test groups for an interval. */
int mi_transfer(struct mi_acts *acts, const struct mi_transfer_options *o, struct mi_writer *out,
                struct mi_writer *probes, int64_t *n_scores, struct mi_error *err) MI_MUST_USE;

#endif
