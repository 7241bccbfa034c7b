#include "data/metric.h"

#include "base/escape.h"
#include "base/near.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define NONE ((double)NAN)
#define INF  ((double)INFINITY)

/* In the order in which tables show them. x+ and x- are rows of the positive and the
 * negative side, s their scores. */
static const struct mi_metric metrics[] = {
    {"accuracy", "share of rows on the right side of the threshold", "share", 0.5, 0, 1},
    {"pair_accuracy", "share of pairs with s(x+) > s(x-), ties half", "share", 0.5, 0, 1},
    {"auroc", "P(s(x+) > s(x-)) + P(s(x+) = s(x-)) / 2 over all rows", "share", 0.5, 0, 1},
    {"cosine", "<u, v> / (|u| |v|)", "", 0, -1, 1},
    {"principal_cosine", "singular value of U V^T, rows of U and V orthonormal", "", NONE, 0, 1},
    {"projection", "<v, x> on a unit direction v at its place", "activation", NONE, -INF, INF},
    {"projection_signed", "<v, x> - b, b the threshold that the direction v came with",
     "activation", 0, -INF, INF},
    {"projection_scaled", "(<v, x> - b) / the distance of the sides' means along v", "scale", 0,
     -INF, INF},
    {"contribution", "mean of <v, c> over all rows, c what the part writes", "activation", NONE,
     -INF, INF},
    {"contribution_diff", "mean of <v, c> over positive rows minus that over negative rows",
     "activation", 0, -INF, INF},
    {"sum_error", "|<v, x> - sum of contributions| / |<v, x>| of the means, the worse side",
     "share", 0, 0, INF},
    {"participation_ratio", "(sum |e|)^2 / sum e^2 over the parts' contributions or effects e", "",
     NONE, 0, INF},
    {"components_50", "least number of parts whose |e| add up to 50 % of sum |e|", "", NONE, 1,
     INF},
    {"components_80", "least number of parts whose |e| add up to 80 % of sum |e|", "", NONE, 1,
     INF},
    {"components_90", "least number of parts whose |e| add up to 90 % of sum |e|", "", NONE, 1,
     INF},
    {"correlation", "Pearson's r of a unit with the side (+1, -1): point-biserial", "", 0, -1, 1},
    {"correlation_max", "largest |r| over all units", "", NONE, 0, 1},
    {"rate_target", "share of texts that are judged to say the target", "share", NONE, 0, 1},
    {"rate_foil", "share of texts that are judged to say the foil", "share", NONE, 0, 1},
    {"rate_unjudged", "share of texts that are judged to say neither", "share", NONE, 0, 1},
    {"rate_target_diff", "rate_target of run A - that of run B, the same prompts", "share", 0, -1,
     1},
    {"rate_foil_diff", "rate_foil of run A - that of run B, the same prompts", "share", 0, -1, 1},
    {"rate_unjudged_diff", "rate_unjudged of run A - that of run B, the same prompts", "share", 0,
     -1, 1},
    {"entropy", "-sum p log p", "nats", NONE, 0, INF},
    {"entropy_z", "(entropy - mean of the random directions') / their standard deviation", "", 0,
     -INF, INF},
    {"entropy_mean", "mean over prompts of the mean entropy at the positions", "nats", NONE, 0,
     INF},
    {"entropy_diff", "entropy_mean of run A - that of run B, the same prompts", "nats", 0, -INF,
     INF},
    {"repetition", "share of 4-grams of the tokens that stood in the text before (seq-rep-4)",
     "share", NONE, 0, 1},
    {"repetition_diff", "repetition of run A - that of run B, the same prompts", "share", 0, -1, 1},
    {"logp", "log-probability of a continuation, summed over its tokens", "nats", NONE, -INF, 0},
    {"logp_mean", "mean over prompts of the mean log-probability of the tokens at the positions",
     "nats", NONE, -INF, 0},
    {"logp_diff", "logp_mean of run A - that of run B, the same tokens", "nats", 0, -INF, INF},
    {"target_logp", "mean over prompts of the logp of the target", "nats", NONE, -INF, 0},
    {"target_logp_diff", "target_logp of run A - that of run B, the same prompts", "nats", 0, -INF,
     INF},
    {"foil_logp", "mean over prompts of the logp of the foil", "nats", NONE, -INF, 0},
    {"foil_logp_diff", "foil_logp of run A - that of run B, the same prompts", "nats", 0, -INF,
     INF},
    {"logp_margin", "mean over prompts of logp(target) - logp(foil)", "nats", NONE, -INF, INF},
    {"logp_margin_diff", "logp_margin of run A - that of run B, the same prompts", "nats", 0, -INF,
     INF},
    {"logit_diff", "logit(target) - logit(foil), first token in which they differ", "logits", NONE,
     -INF, INF},
    {"prob_diff", "p(target) - p(foil), first token in which they differ", "share", NONE, -1, 1},
    {"kl", "sum p log(p / q), p the reference run, q the changed one", "nats", 0, 0, INF},
    {"logit_diff_diff", "logit_diff of the changed run - that of the base run, mean over prompts",
     "logits", 0, -INF, INF},
    {"prob_diff_diff", "prob_diff of the changed run - that of the base run, mean over prompts",
     "share", 0, -2, 2},
    {"kl_diff", "kl of the changed run, mean over prompts", "nats", 0, 0, INF},
    {"projection_diff", "projection of the changed run - that of the base run, mean over prompts",
     "activation", 0, -INF, INF},
    {"effect", "mean of (changed - base) / mean of (source - base) of a figure", "share", 0, -INF,
     INF},
    {"completeness", "1 - effect of all but the part in question", "share", NONE, -INF, INF},
    {"rank", "tokens that the model holds more probable", "tokens", NONE, 0, INF},
};

int mi_metric_count(void)
{
    return (int)(sizeof metrics / sizeof *metrics);
}

const struct mi_metric *mi_metric_at(int i)
{
    return &metrics[i];
}

const struct mi_metric *mi_metric_find(const char *id)
{
    for (int i = 0; i < mi_metric_count(); i++)
        if (strcmp(id, metrics[i].id) == 0)
            return &metrics[i];
    return NULL;
}

int mi_metric_need(const char *id, const struct mi_metric **out, struct mi_error *err)
{
    const char *names[sizeof metrics / sizeof *metrics];
    char near[320];

    *out = mi_metric_find(id);
    if (*out)
        return 0;
    for (int i = 0; i < mi_metric_count(); i++)
        names[i] = metrics[i].id;
    mi_near_names(id, names, mi_metric_count(), near, sizeof near);
    return mi_fail(err, MI_EXIT_USAGE, "unknown metric '%s'%s%s%s", mi_quote(id),
                   *near ? "; is " : "", near, *near ? " meant?" : "");
}
