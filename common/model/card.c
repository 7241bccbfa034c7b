/* model/card.c: name and licence of a Hugging Face directory; see card.h. */
#include "model/card.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_MATTER = 64 << 10 }; /* bytes of README.md that are looked at */

/* Without blanks around it, and the quotes. */
static void put(char *out, const char *at, size_t n)
{
    while (n > 0 && (*at == ' ' || *at == '\t')) {
        at++;
        n--;
    }
    while (n > 0 && (at[n - 1] == ' ' || at[n - 1] == '\t' || at[n - 1] == '\r'))
        n--;
    if (n > 1 && (*at == '"' || *at == '\'') && at[n - 1] == *at) {
        at++;
        n -= 2;
    }
    snprintf(out, MI_CARD_TEXT, "%.*s", n < MI_CARD_TEXT ? (int)n : MI_CARD_TEXT - 1, at);
}

static char *field_of(struct mi_card *c, const char *line, size_t n)
{
    const struct {
        const char *key;
        char *to;
    } fields[] = {{"license:", c->licence},
                  {"license_name:", c->licence_name},
                  {"license_link:", c->licence_text},
                  {"base_model:", c->made_from}};

    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        size_t len = strlen(fields[i].key);

        if (n >= len && memcmp(line, fields[i].key, len) == 0) {
            put(fields[i].to, line + len, n - len);
            return fields[i].to;
        }
    }
    return NULL;
}

/* The lines between the first "---" and the next. */
static void read_matter(struct mi_card *c, const char *text, size_t len)
{
    char *field = NULL; /* the last one, which a list may follow */

    for (size_t at = 0, n, row = 0; at < len; at += n + 1, row++) {
        const char *line = text + at, *end = memchr(line, '\n', len - at);
        size_t lead;

        n = end ? (size_t)(end - line) : len - at;
        if (n >= 3 && memcmp(line, "---", 3) == 0 && row > 0)
            return;
        if (row == 0 && (n < 3 || memcmp(line, "---", 3) != 0))
            return;
        for (lead = 0; lead < n && line[lead] == ' ';)
            lead++;
        if (field && !field[0] && n - lead > 2 && memcmp(line + lead, "- ", 2) == 0)
            put(field, line + lead + 2, n - lead - 2);
        else if (lead == 0)
            field = field_of(c, line, n);
    }
}

static bool open_beside(struct mi_map *m, const char *folder, const char *name)
{
    struct mi_buf path = {0};
    struct mi_error err = {0};
    int r;

    mi_buf_addf(&path, "%s/%s", folder, name);
    r = mi_map_open(m, mi_buf_text(&path), &err);
    mi_buf_free(&path);
    return r == 0;
}

static bool is_repository(const char *name)
{
    const char *slash = strchr(name, '/');

    return slash && slash != name && slash[1] && name[0] != '.' && name[0] != '~' &&
           !strchr(slash + 1, '/');
}

void mi_card_read(struct mi_card *c, const char *folder, const struct mi_value *config)
{
    static const char *const files[] = {"LICENSE", "LICENSE.txt", "LICENSE.md"};
    const struct mi_value *name = mi_get(config, "_name_or_path");
    struct mi_map m = {0};

    *c = (struct mi_card){0};
    if (mi_is(name, MI_STR))
        put(c->name, name->as.bytes.at, name->as.bytes.len);
    if (!is_repository(c->name))
        c->name[0] = '\0';
    if (open_beside(&m, folder, "README.md"))
        read_matter(c, (const char *)m.data, m.size < MOST_MATTER ? m.size : MOST_MATTER);
    mi_map_close(&m);
    for (size_t i = 0; !c->licence[0] && !c->licence_text[0] && i < sizeof files / sizeof *files;
         i++) {
        if (open_beside(&m, folder, files[i]))
            snprintf(c->licence_text, MI_CARD_TEXT, "%s", files[i]);
        mi_map_close(&m);
    }
}
