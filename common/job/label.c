#include "job/label.h"

#include "base/escape.h"
#include "base/mem.h"
#include "data/json.h"

#include <string.h>

bool mi_field_text(struct mi_buf *b, const struct mi_value *fields, const char *key)
{
    const struct mi_value *v = mi_get(fields, key);

    mi_buf_clear(b);
    if (!v)
        return false;
    switch (v->kind) {
    case MI_STR: mi_buf_add(b, v->as.bytes.at, v->as.bytes.len); break;
    case MI_INT:
    case MI_REAL:
    case MI_BOOL: mi_json_print(b, v, (struct mi_json_style){0}); break;
    default: return false;
    }
    mi_buf_text(b);
    return true;
}

int mi_group_text(struct mi_buf *b, const struct mi_value *fields, const char *group_by,
                  const char *id, struct mi_error *err)
{
    if (group_by) {
        if (mi_field_text(b, fields, group_by))
            return 0;
        return mi_fail(err, MI_EXIT_DATA, "there is no field '%s' to group by", mi_quote(group_by));
    }
    if (!mi_field_text(b, fields, "group") && !mi_field_text(b, fields, "pair"))
        mi_buf_add_text(b, id);
    mi_buf_text(b);
    return 0;
}

int mi_sides_parse(char *name[2], const char *text, struct mi_error *err)
{
    const char *comma = strchr(text, ',');
    size_t n;

    if (!comma || comma == text || !comma[1] || strchr(comma + 1, ','))
        return mi_fail(err, MI_EXIT_USAGE,
                       "sides '%s': two names are needed, the positive one first, as in "
                       "'honest,untruthful'",
                       mi_quote(text));
    n = (size_t)(comma - text);
    if (strlen(comma + 1) == n && strncmp(text, comma + 1, n) == 0)
        return mi_fail(err, MI_EXIT_USAGE, "sides '%s': the two names are the same",
                       mi_quote(text));
    name[0] = mi_strndup(text, n);
    name[1] = mi_strdup(comma + 1);
    return 0;
}

static int side_by_name(int *side, const struct mi_value *fields, char *const name[2],
                        struct mi_error *err)
{
    struct mi_buf b = {0};
    const char *key = mi_get(fields, "side") ? "side" : "label";
    int r = 0;

    *side = 0;
    if (!mi_field_text(&b, fields, key))
        r = mi_fail(err, MI_EXIT_DATA, "there is neither a field 'side' nor 'label'");
    for (int i = 0; i < 2 && r == 0; i++)
        if (strlen(name[i]) == b.len && memcmp(name[i], b.data, b.len) == 0)
            *side = i == 0 ? 1 : -1;
    if (r == 0 && *side == 0)
        r = mi_fail(err, MI_EXIT_DATA, "%s '%s' is neither '%s' nor '%s'", key,
                    mi_quote(mi_buf_text(&b)), mi_quote(name[0]), mi_quote(name[1]));
    mi_buf_free(&b);
    return r;
}

/* 1, 1.0 and true; 0, 0.0 and false; else 2. */
static int truth_of(const struct mi_value *label)
{
    if (mi_is(label, MI_BOOL))
        return label->as.flag;
    if (mi_is(label, MI_INT))
        return label->as.integer == 1 ? 1 : label->as.integer == 0 ? 0 : 2;
    if (mi_is(label, MI_REAL))
        return label->as.real == 1 ? 1 : label->as.real == 0 ? 0 : 2;
    return 2;
}

int mi_side_of(int *side, const struct mi_value *fields, char *const name[2], struct mi_error *err)
{
    const char *key = mi_get(fields, "side") ? "side" : "label";
    struct mi_buf b = {0};
    int truth;

    if (name[0])
        return side_by_name(side, fields, name, err);
    truth = truth_of(mi_get(fields, "label"));
    *side = truth == 1 ? 1 : truth == 0 ? -1 : 0;
    if (truth != 2)
        return 0;
    if (mi_field_text(&b, fields, key))
        mi_fail(err, MI_EXIT_USAGE,
                "which side is positive? Give --sides POSITIVE,NEGATIVE "
                "(this prompt has %s '%s', and no label 1 or 0)",
                key, mi_quote(mi_buf_text(&b)));
    else
        mi_fail(err, MI_EXIT_USAGE,
                "which side is positive? The prompts need a field 'side' "
                "(and --sides POSITIVE,NEGATIVE) or 'label' (1 or 0)");
    mi_buf_free(&b);
    return -MI_EXIT_USAGE;
}
