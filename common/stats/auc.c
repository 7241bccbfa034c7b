#include "stats/auc.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

struct ranked {
    double score;
    int64_t index;
};

static int compare(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    if (x->score != y->score)
        return x->score < y->score ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

void mi_auc_order(int64_t *order, const double *score, int64_t n)
{
    struct ranked *r = mi_alloc_n((size_t)n, sizeof *r);

    for (int64_t i = 0; i < n; i++)
        r[i] = (struct ranked){score[i], i};
    qsort(r, (size_t)n, sizeof *r, compare);
    for (int64_t i = 0; i < n; i++)
        order[i] = r[i].index;
    mi_free(r);
}

/* Walks up the scores; of every block of equal ones, its positives beat the negatives
 * below it and draw with its own. */
double mi_auc(const double *score, const int8_t *side, const int64_t *order, int64_t n,
              const int32_t *group, const int32_t *weight)
{
    double wins = 0, n_pos = 0, n_neg = 0;

    for (int64_t i = 0; i < n;) {
        double at = score[order[i]], pos = 0, neg = 0;

        for (; i < n && score[order[i]] == at; i++) {
            double w = weight ? weight[group[order[i]]] : 1;

            if (side[order[i]] > 0)
                pos += w;
            else
                neg += w;
        }
        wins += 2 * pos * n_neg + pos * neg; /* in halves, so that it stays whole */
        n_pos += pos;
        n_neg += neg;
    }
    return n_pos > 0 && n_neg > 0 ? wins / 2 / (n_pos * n_neg) : (double)NAN;
}
