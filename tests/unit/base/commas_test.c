/* Lists with commas: every part, empty ones too. */
#include "base/commas.h"

#include "../tap.h"

/* The parts of text, each in brackets. */
static const char *parts_of(const char *text)
{
    static char out[64];
    const char *part;
    size_t len, n = 0;

    for (const char *at = text; mi_commas_next(&at, &part, &len);)
        n += (size_t)snprintf(out + n, sizeof out - n, "[%.*s]", (int)len, part);
    return out;
}

int main(void)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"a", "[a]"}, {"a,bc", "[a][bc]"}, {"", "[]"}, {"a,", "[a][]"}, {",a,,b", "[][a][][b]"},
    };

    plan(5);
    for (int i = 0; i < 5; i++)
        ok(strcmp(parts_of(cases[i].text), cases[i].want) == 0, "'%s'", cases[i].text);
    return done();
}
