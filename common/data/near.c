#include "data/near.h"

#include <stdbool.h>
#include <string.h>

enum { LONGEST = 40, SHOWN = 4, SMALL_LIST = 32 };

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;

    return m < c ? m : c;
}

/* Levenshtein distance; words longer than LONGEST are far from everything. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[LONGEST + 1], na = strlen(a), nb = strlen(b);

    if (na > LONGEST || nb > LONGEST)
        return LONGEST;
    for (size_t j = 0; j <= nb; j++)
        row[j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t above = row[j];

            row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[nb];
}

static bool is_near(const char *word, const char *name)
{
    size_t n = strlen(word);

    return (n >= 2 && strncmp(word, name, n) == 0) || edit_distance(word, name) <= (n < 4 ? 1 : 2);
}

static void add_name(struct mi_buf *b, const char *name)
{
    mi_buf_addf(b, "%s'%s'", b->len ? ", " : "", name);
}

const char *mi_near(struct mi_buf *b, const char *word, const char *const *names, size_t n)
{
    size_t shown = 0;

    for (size_t i = 0; i < n && shown < SHOWN; i++)
        if (is_near(word, names[i])) {
            add_name(b, names[i]);
            shown++;
        }
    for (size_t i = 0; shown == 0 && n <= SMALL_LIST && i < n; i++)
        add_name(b, names[i]);
    return mi_buf_text(b);
}
