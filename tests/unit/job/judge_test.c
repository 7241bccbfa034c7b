/* Judging by rules: earliest mention, longer of two, aliases, refusals; by a command. */
#include "../tap.h"

#include "data/json.h"
#include "job/judge.h"

#include <string.h>

static int judge(struct mi_judge *j, const char *fields, const char *text, const char **out,
                 struct mi_error *err)
{
    struct mi_arena a = {0};
    struct mi_value v;
    int r = mi_json_parse(&a, fields, strlen(fields), &v, err);

    if (r == 0)
        r = mi_judge_text(j, out, "p1", &v, text, strlen(text), err);
    mi_arena_free(&a);
    return r;
}

static void says(const char *fields, const char *text, const char *want)
{
    struct mi_judge j = {0};
    struct mi_error err = {0};
    const char *out = "?";

    judge(&j, fields, text, &out, &err);
    ok(err.code == 0 && strcmp(out, want) == 0, "'%s': %s %s", text, out, err.text);
    mi_judge_close(&j);
}

static void refuses(const char *fields, const char *text, const char *want)
{
    struct mi_judge j = {0};
    struct mi_error err = {0};
    const char *out;

    ok(judge(&j, fields, text, &out, &err) == -MI_EXIT_DATA && strstr(err.text, want), "%s",
       err.text);
    mi_judge_close(&j);
}

static void test_command(void)
{
    struct mi_judge j = {0};
    struct mi_error err = {0};
    const char *out = "?";

    ok(mi_judge_open(&j,
                     "while read -r x; do case $x in *Rome*) echo target;; *) echo neither;; "
                     "esac; done",
                     &err) == 0,
       "opened");
    ok(judge(&j, "{}", "It is Rome", &out, &err) == 0 && !strcmp(out, "target"), "%s", out);
    ok(judge(&j, "{}", "two\nlines", &out, &err) == 0 && !strcmp(out, "neither"), "%s", out);
    ok(mi_judge_end(&j, &err) == 0, "ended");
    mi_judge_close(&j);
}

int main(void)
{
    const char *rome = "{\"target\": \" Rome\", \"foil\": \" Berlin\", \"aliases\": [\"Roma\"], "
                       "\"foil_aliases\": \"Spree-Athen\"}";
    const char *york = "{\"target\": \" New York City\", \"foil\": \" New York\"}";

    says(rome, "It is Rome.", "target");
    says(rome, "ROMA, of course", "target");
    says(rome, "Berlin, not Rome", "foil");
    says(rome, "Rome, not Berlin", "target");
    says(rome, "Spree Athen", "foil");
    says(rome, "It is Paris.", "neither");
    says(rome, "Romeo", "neither");
    says(rome, "", "neither");
    says(york, "new york city", "target");
    says(york, "New York is", "foil");
    says("{\"target\": \"York\", \"foil\": \"New York\"}", "In New York", "foil");
    says("{\"foil\": \"Rome\"}", "Rome", "foil");
    refuses("{\"target\": [1, 2], \"id\": \"x\"}", "Rome", "'p1' has no text in 'target'");
    refuses("{\"target\": \"Rome\", \"foil\": \"rome.\"}", "in Rome", "named alike");
    says("{\"target\": \"Rome\", \"foil\": \"a\", \"foil_aliases\": [\"ROME\"]}", "a Rome", "foil");
    test_command();
    return done();
}
