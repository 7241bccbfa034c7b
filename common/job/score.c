#include "job/score.h"

#include "math/vmath.h"

#include <stdbool.h>

/* H = log S - sum e x / S with x = logit - max, e = exp(x), S = sum e. */
static double compute_entropy(const float *logits, int64_t v)
{
    enum { BLOCK = 512 };
    float x[BLOCK], e[BLOCK], max = logits[mi_score_best(logits, v)];
    double sum = 0, weighted = 0;

    for (int64_t from = 0; from < v; from += BLOCK) {
        int n = v - from < BLOCK ? (int)(v - from) : BLOCK;

        for (int i = 0; i < n; i++)
            x[i] = logits[from + i] - max;
        mi_expf_n(e, x, n);
        for (int i = 0; i < n; i++) {
            if (e[i] == 0) /* 0 log 0 = 0, also where the logit is -infinity */
                continue;
            sum += (double)e[i];
            weighted += (double)e[i] * (double)x[i];
        }
    }
    return mi_log(sum) - weighted / sum;
}

struct mi_token_score mi_score_token(const float *logits, int64_t v, double normalizer,
                                     int32_t token)
{
    struct mi_token_score s = {.logp = (double)logits[token] - normalizer};
    float own = logits[token];

    for (int64_t i = 0; i < v; i++)
        s.rank += logits[i] > own || (logits[i] == own && i < token);
    s.entropy = compute_entropy(logits, v);
    return s;
}

int32_t mi_score_best(const float *logits, int64_t v)
{
    int64_t best = 0;

    for (int64_t i = 1; i < v; i++)
        if (logits[i] > logits[best])
            best = i;
    return (int32_t)best;
}

/* ---- the first k ------------------------------------------------------------ */

/* Does a stand behind b in the list? */
static bool is_worse(const float *logits, int32_t a, int32_t b)
{
    return logits[a] < logits[b] || (logits[a] == logits[b] && a > b);
}

/* heap [n] has its worst token at the root; entry i may be better than its children. */
static void sink(const float *logits, int32_t *heap, int n, int i)
{
    int32_t moving = heap[i];

    for (int child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && is_worse(logits, heap[child + 1], heap[child]))
            child++;
        if (!is_worse(logits, heap[child], moving))
            break;
        heap[i] = heap[child];
    }
    heap[i] = moving;
}

void mi_score_top(const float *logits, int64_t v, double normalizer, int k, int32_t *token,
                  double *logp)
{
    for (int i = 0; i < k; i++)
        token[i] = i;
    for (int i = k / 2 - 1; i >= 0; i--)
        sink(logits, token, k, i);
    for (int64_t i = k; i < v && k > 0; i++)
        if (is_worse(logits, token[0], (int32_t)i)) {
            token[0] = (int32_t)i;
            sink(logits, token, k, 0);
        }
    for (int n = k - 1; n > 0; n--) { /* heap sort: the worst goes to the end */
        int32_t worst = token[0];

        token[0] = token[n];
        token[n] = worst;
        sink(logits, token, n, 0);
    }
    for (int i = 0; i < k; i++)
        logp[i] = (double)logits[token[i]] - normalizer;
}
