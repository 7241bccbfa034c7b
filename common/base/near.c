#include "base/near.h"

#include "base/escape.h"

#include <stdio.h>
#include <string.h>

enum { MAX_NAME = 63, SHOWN = 3 };

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Optimal string alignment, three rows. */
int mi_near_distance(const char *a, const char *b)
{
    int row[3][MAX_NAME + 2], na = (int)strnlen(a, MAX_NAME + 1),
                              nb = (int)strnlen(b, MAX_NAME + 1);
    int *two = row[0], *one = row[1], *now = row[2];

    if (na > MAX_NAME || nb > MAX_NAME)
        return MAX_NAME + 1;
    for (int j = 0; j <= nb; j++)
        one[j] = j;
    for (int i = 1; i <= na; i++) {
        int *spare = two;

        now[0] = i;
        for (int j = 1; j <= nb; j++) {
            now[j] = least(least(one[j] + 1, now[j - 1] + 1), one[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], two[j - 2] + 1);
        }
        two = one;
        one = now;
        now = spare;
    }
    return one[nb];
}

/* How far, or MAX_NAME + 1 for "not near". */
static int rate(const char *word, const char *name)
{
    int len = (int)strlen(word), d = mi_near_distance(word, name);

    if (len >= 2 && strncmp(word, name, (size_t)len) == 0)
        return 0;
    return d <= (len < 3 ? 1 : 1 + len / 4) && d < len ? d : MAX_NAME + 1;
}

char *mi_near_names(const char *word, const char *const *names, int n, char *text, size_t size)
{
    const char *best[SHOWN];
    int score[SHOWN], k = 0;
    size_t used = 0;

    for (int i = 0; i < n; i++) {
        int d = rate(word, names[i]), at = k;

        if (d > MAX_NAME)
            continue;
        while (at > 0 && score[at - 1] > d)
            at--;
        if (at == SHOWN)
            continue;
        k = least(k + 1, SHOWN);
        for (int j = k - 1; j > at; j--) {
            best[j] = best[j - 1];
            score[j] = score[j - 1];
        }
        best[at] = names[i];
        score[at] = d;
    }
    text[0] = '\0';
    for (int i = 0; i < k && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s'%s'",
                                 i == 0       ? ""
                                 : i == k - 1 ? " or "
                                              : ", ",
                                 mi_quote(best[i]));
    return text;
}
