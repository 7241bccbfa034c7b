#include "job/judge.h"

#include "base/escape.h"
#include "data/json.h"
#include "text/mention.h"

#include <string.h>

static const char *const words[] = {"neither", "target", "foil"};

int mi_judge_open(struct mi_judge *j, const char *command, struct mi_error *err)
{
    *j = (struct mi_judge){0};
    return command ? mi_coprocess_start(&j->command, command, err) : 0;
}

/* ---- by rules ------------------------------------------------------------------- */

/* The best mention so far. */
struct search {
    struct mi_buf text, phrase;
    int64_t at;     /* -1: none */
    size_t len;     /* of its phrase */
    int side;       /* 1 target, 2 foil */
    bool is_torn;   /* both sides are named alike */
    bool has_names; /* there was something to look for */
};

static void look_for(struct search *s, const struct mi_value *name, int side)
{
    int64_t at;

    if (mi_is(name, MI_ARRAY)) {
        for (size_t i = 0; i < name->as.array.n; i++)
            look_for(s, &name->as.array.item[i], side);
        return;
    }
    if (!mi_is(name, MI_STR))
        return;
    mi_words(&s->phrase, name->as.bytes.at, name->as.bytes.len);
    s->has_names = s->has_names || s->phrase.len > 0;
    at = mi_mention(&s->text, &s->phrase);
    if (at < 0 || (s->at >= 0 && (at > s->at || (at == s->at && s->phrase.len < s->len))))
        return;
    s->is_torn = at == s->at && s->phrase.len == s->len && (side != s->side || s->is_torn);
    s->at = at;
    s->len = s->phrase.len;
    s->side = side;
}

static int judge_by_rules(const char **out, const char *id, const struct mi_value *fields,
                          const char *text, size_t len, struct mi_error *err)
{
    static const char *const names[2][2] = {{"target", "aliases"}, {"foil", "foil_aliases"}};
    struct search s = {.at = -1};
    int r = 0;

    mi_words(&s.text, text, len);
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < 2; i++)
            look_for(&s, mi_get(fields, names[side][i]), side + 1);
    if (!s.has_names)
        r = mi_fail(err, MI_EXIT_DATA, "prompt '%s' has no text in 'target' or 'foil' to judge by",
                    mi_quote(id));
    else if (s.is_torn)
        r = mi_fail(err, MI_EXIT_DATA, "prompt '%s': target and foil are named alike",
                    mi_quote(id));
    *out = words[s.side];
    mi_buf_free(&s.text);
    mi_buf_free(&s.phrase);
    return r;
}

/* ---- by a command --------------------------------------------------------------- */

static int judge_by_command(struct mi_judge *j, const char **out, const char *id,
                            const struct mi_value *fields, const char *text, size_t len,
                            struct mi_error *err)
{
    struct mi_arena a = {0};
    struct mi_value line = mi_map();
    int r;

    mi_set(&a, &line, "id", mi_str(id));
    mi_set(&a, &line, "text", mi_str_n(text, len));
    mi_set(&a, &line, "fields", *fields);
    mi_buf_clear(&j->line);
    mi_json_print(&j->line, &line, (struct mi_json_style){0});
    mi_arena_free(&a);
    r = mi_coprocess_ask(&j->command, j->line.data, j->line.len, &j->answer, err);
    if (r < 0)
        return mi_fail_in(err, "judging '%s'", mi_quote(id));
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(mi_buf_text(&j->answer), words[i]) == 0) {
            *out = words[i];
            return 0;
        }
    return mi_fail(err, MI_EXIT_DATA,
                   "judging '%s': the command says '%.40s', which is none of target, foil, neither",
                   mi_quote(id), mi_quote(mi_buf_text(&j->answer)));
}

int mi_judge_text(struct mi_judge *j, const char **out, const char *id,
                  const struct mi_value *fields, const char *text, size_t len, struct mi_error *err)
{
    return j->command.pid ? judge_by_command(j, out, id, fields, text, len, err)
                          : judge_by_rules(out, id, fields, text, len, err);
}

int mi_judge_end(struct mi_judge *j, struct mi_error *err)
{
    int r = mi_coprocess_end(&j->command, err);

    return r < 0 ? mi_fail_in(err, "judging") : 0;
}

void mi_judge_close(struct mi_judge *j)
{
    mi_coprocess_close(&j->command);
    mi_buf_free(&j->line);
    mi_buf_free(&j->answer);
    *j = (struct mi_judge){0};
}
