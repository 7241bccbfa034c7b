#include "model/folder_templates.h"

#include "base/escape.h"
#include "data/pull.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TEMPLATES = 64, MAX_BYTES = 1 << 20 };

static const char directory_name[] = "additional_chat_templates", suffix[] = ".jinja";

/* ---- files ------------------------------------------------------------------------ */

/* Length of the NAME of NAME.jinja; 0 for other files. */
static size_t name_length(const char *file)
{
    size_t n = strlen(file), end = sizeof suffix - 1;

    return n > end && file[0] != '.' && strcmp(file + n - end, suffix) == 0 ? n - end : 0;
}

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const struct mi_folder_extra *)a)->name,
                  ((const struct mi_folder_extra *)b)->name);
}

static char *join(const char *a, const char *b)
{
    size_t n = strlen(a) + strlen(b) + 2;
    char *path = mi_alloc(n);

    snprintf(path, n, "%s/%s", a, b);
    return path;
}

static int map_extra(struct mi_folder_extra *x, const char *directory, struct mi_error *err)
{
    char *path = join(directory, x->name);
    int rc = mi_map_open(&x->map, path, err);

    if (rc == 0 && x->map.size > MAX_BYTES)
        rc = mi_fail(err, MI_EXIT_DATA, "'%s': %zu bytes (limit %d)", mi_quote(x->name),
                     x->map.size, MAX_BYTES);
    mi_free(path);
    return rc;
}

/* The names of the files that count. */
static int list_extras(struct mi_folder *f, DIR *dir, struct mi_error *err)
{
    const struct dirent *entry;
    size_t cap = 0;

    while ((entry = readdir(dir))) {
        if (name_length(entry->d_name) == 0)
            continue;
        if (f->n_extra == MAX_TEMPLATES)
            return mi_fail(err, MI_EXIT_DATA, "'%s': more than %d templates", directory_name,
                           MAX_TEMPLATES);
        f->extra = mi_grow(f->extra, &cap, f->n_extra + 1, sizeof *f->extra);
        f->extra[f->n_extra++] =
            (struct mi_folder_extra){.name = join(directory_name, entry->d_name)};
    }
    if (f->n_extra > 0)
        qsort(f->extra, f->n_extra, sizeof *f->extra, compare_files);
    return 0;
}

int mi_folder_extras_open(struct mi_folder *f, const char *directory, struct mi_error *err)
{
    char *path = join(directory, directory_name);
    DIR *dir = opendir(path);
    int rc = 0;

    if (dir) {
        rc = list_extras(f, dir, err);
        closedir(dir);
    } else if (errno != ENOENT) {
        rc = mi_fail(err, MI_EXIT_DATA, "'%s': %s", directory_name, strerror(errno));
    }
    for (size_t i = 0; i < f->n_extra && rc == 0; i++)
        rc = map_extra(&f->extra[i], directory, err);
    mi_free(path);
    return rc;
}

void mi_folder_extras_close(struct mi_folder *f)
{
    for (size_t i = 0; i < f->n_extra; i++) {
        mi_map_close(&f->extra[i].map);
        mi_free(f->extra[i].name);
    }
    mi_free(f->extra);
}

/* ---- the list --------------------------------------------------------------------- */

static int add(struct mi_folder_templates *t, const char *name, size_t name_len, const char *text,
               size_t len, struct mi_error *err)
{
    struct mi_folder_template *item;

    if (t->n == MAX_TEMPLATES)
        return mi_fail(err, MI_EXIT_DATA, "more than %d chat templates", MAX_TEMPLATES);
    t->item = mi_grow(t->item, &t->cap, t->n + 1, sizeof *t->item);
    item = &t->item[t->n++];
    *item = (struct mi_folder_template){.name = mi_strndup(name_len ? name : "", name_len)};
    mi_buf_add(&item->text, len ? text : "", len);
    if (len > 0 && memchr(text, '\0', len))
        return mi_fail(err, MI_EXIT_DATA, "chat template '%s': a NUL byte", mi_quote(item->name));
    for (size_t i = 0; i + 1 < t->n; i++)
        if (strcmp(t->item[i].name, item->name) == 0)
            return mi_fail(err, MI_EXIT_DATA, "chat template '%s' is there twice",
                           mi_quote(item->name));
    return 0;
}

/* One {"name", "template"} of a list. */
static int read_named(struct mi_pull *p, struct mi_folder_templates *t)
{
    struct mi_buf name = {0}, text = {0};
    bool has_name = false, has_text = false;
    struct mi_pull_string s;
    int rc = mi_pull_enter(p, '{');

    while (rc == 0 && (rc = mi_pull_next(p)) > 0) {
        bool is_name = mi_pull_is(&p->key, "name"), is_text = mi_pull_is(&p->key, "template");
        struct mi_buf *to = is_name ? &name : &text;

        rc = is_name || is_text ? mi_pull_take_string(p, &s) : mi_pull_skip(p);
        if (rc < 0 || !(is_name || is_text))
            continue;
        mi_buf_clear(to);
        mi_buf_add(to, s.len ? s.at : "", s.len);
        has_name |= is_name;
        has_text |= is_text;
    }
    if (rc == 0 && !(has_name && has_text))
        rc = mi_fail(p->err, MI_EXIT_DATA, "a chat template without 'name' or 'template'");
    if (rc == 0)
        rc = add(t, name.data, name.len, text.data, text.len, p->err);
    mi_buf_free(&name);
    mi_buf_free(&text);
    return rc;
}

static int read_member(struct mi_pull *p, struct mi_folder_templates *t)
{
    struct mi_pull_string s;
    int rc;

    switch (mi_pull_peek(p)) {
    case MI_PULL_NULL: return mi_pull_skip(p);
    case MI_PULL_ARRAY:
        rc = mi_pull_enter(p, '[');
        while (rc == 0 && (rc = mi_pull_next(p)) > 0)
            rc = read_named(p, t);
        return rc;
    case MI_PULL_STRING:
        rc = mi_pull_take_string(p, &s);
        return rc < 0 ? rc : add(t, "default", strlen("default"), s.at, s.len, p->err);
    default:
        return mi_fail(p->err, MI_EXIT_DATA,
                       "'chat_template' is neither a text nor a list of templates");
    }
}

static int read_config(const struct mi_map *config, struct mi_folder_templates *t,
                       struct mi_error *err)
{
    struct mi_pull p;
    int rc;

    mi_pull_init(&p, (const char *)config->data, config->size, err);
    rc = mi_pull_enter(&p, '{');
    while (rc == 0 && (rc = mi_pull_next(&p)) > 0)
        rc = mi_pull_is(&p.key, "chat_template") ? read_member(&p, t) : mi_pull_skip(&p);
    if (rc == 0)
        rc = mi_pull_end(&p);
    mi_pull_free(&p);
    return rc < 0 ? mi_fail_in(err, "'tokenizer_config.json'") : 0;
}

int mi_folder_templates(const struct mi_folder *f, struct mi_folder_templates *out,
                        struct mi_error *err)
{
    const struct mi_map *own = &f->part[MI_FOLDER_TEMPLATE];
    const struct mi_map *config = &f->part[MI_FOLDER_TOKENIZER_CONFIG];
    int rc = 0;

    *out = (struct mi_folder_templates){0};
    if (own->data)
        rc = add(out, "default", strlen("default"), (const char *)own->data, own->size, err);
    for (size_t i = 0; i < f->n_extra && rc == 0; i++) {
        const struct mi_folder_extra *x = &f->extra[i];
        const char *file = x->name + sizeof directory_name;

        rc = add(out, file, name_length(file), (const char *)x->map.data, x->map.size, err);
    }
    if (rc == 0 && out->n == 0 && config->data)
        rc = read_config(config, out, err);
    if (rc < 0)
        mi_folder_templates_free(out);
    return rc;
}

void mi_folder_templates_free(struct mi_folder_templates *t)
{
    for (size_t i = 0; i < t->n; i++) {
        mi_free(t->item[i].name);
        mi_buf_free(&t->item[i].text);
    }
    mi_free(t->item);
    *t = (struct mi_folder_templates){0};
}
