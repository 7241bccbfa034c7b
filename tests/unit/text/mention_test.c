/* Words and mentions: case, punctuation, accents, borders, scripts without blanks. */
#include "../tap.h"

#include "text/mention.h"

#include <string.h>

static const char *words_of(const char *s)
{
    static char text[256];
    struct mi_buf b = {0};

    mi_words(&b, s, strlen(s));
    snprintf(text, sizeof text, "%s", mi_buf_text(&b));
    mi_buf_free(&b);
    return text;
}

static void test_words(const char *s, const char *want)
{
    ok(strcmp(words_of(s), want) == 0, "'%s' is '%s'", s, words_of(s));
}

static void test_mention(const char *text, const char *phrase, long want)
{
    struct mi_buf t = {0}, p = {0};

    mi_words(&t, text, strlen(text));
    mi_words(&p, phrase, strlen(phrase));
    ok(mi_mention(&t, &p) == want, "'%s' in '%s' at %ld", phrase, text, (long)mi_mention(&t, &p));
    mi_buf_free(&t);
    mi_buf_free(&p);
}

int main(void)
{
    test_words("", "");
    test_words(" .,;!\n", "");
    test_words("Paris", " paris ");
    test_words("It's  PARIS,\tFrance!", " it s paris france ");
    test_words("Bras\xc3\xadlia", " brasilia ");  /* one code point */
    test_words("Brasi\xcc\x81lia", " brasilia "); /* i and a combining accent */
    test_words("STRA\xc3\x9f"
               "E",
               " strasse "); /* sharp s */
    test_words("\xef\xac\x81"
               "n 42nd",
               " fin 42nd "); /* a ligature */
    test_words("\xe6\x9d\xb1\xe4\xba\xac"
               "a",
               " \xe6\x9d\xb1 \xe4\xba\xac a ");
    test_words("\xd0\x9c\xd0\x9e", " \xd0\xbc\xd0\xbe "); /* Cyrillic */
    test_mention("The capital is Paris.", " Paris", 15);
    test_mention("Parisian food", "Paris", -1);
    test_mention("in comparis", "paris", -1);
    test_mention("new   York-City", "New York City", 0);
    test_mention("new york", "york city", -1);
    test_mention("a aa aaa", "aaa", 5);
    test_mention("anything", "...", -1);
    test_mention("", "a", -1);
    test_mention("\xe6\x9d\xb1\xe4\xba\xac\xe3\x81\xaf", "\xe4\xba\xac", 4);
    return done();
}
