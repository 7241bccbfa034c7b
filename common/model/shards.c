/* model/shards.c: the safetensors files of a directory; see shards.h. */
#include "model/shards.h"

#include "base/escape.h"
#include "base/intern.h"
#include "data/pull.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char single_name[] = "model.safetensors";
static const char index_name[] = "model.safetensors.index.json";

/* One line of the index. */
struct place {
    const char *tensor;
    size_t file; /* in the order of first mention */
};

struct reading {
    struct mi_shards *s;
    const char *directory;
    struct mi_arena names; /* of tensors */
    struct mi_intern files;
    struct place *place;
    size_t n_places, cap;
    struct mi_error *err;
};

static void join(char **path, const char *directory, const char *name)
{
    size_t n = strlen(directory) + strlen(name) + 2;

    mi_free(*path);
    *path = mi_alloc(n);
    snprintf(*path, n, "%s/%s", directory, name);
}

static bool is_there(const char *directory, const char *name)
{
    char *path = NULL;
    bool is;

    join(&path, directory, name);
    is = access(path, F_OK) == 0;
    mi_free(path);
    return is;
}

/* ---- none ----------------------------------------------------------------------- */

static bool ends_in(const char *name, const char *end)
{
    size_t n = strlen(name), k = strlen(end);

    return n >= k && strcmp(name + n - k, end) == 0;
}

/* Why a directory without weights of ours is refused: by what lies in it. */
static int refuse_empty(const char *directory, struct mi_error *err)
{
    static const char *const ends[] = {".bin", ".pt", ".pth", ".ckpt", ".pkl"};
    DIR *d = opendir(directory);
    bool has_pickle = false, has_gguf = false, has_parts = false;
    const struct dirent *e;

    if (!d)
        return mi_fail(err, MI_EXIT_SYS, "cannot list '%s':", mi_quote(directory));
    while ((e = readdir(d))) {
        for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
            has_pickle = has_pickle || ends_in(e->d_name, ends[i]);
        has_gguf = has_gguf || ends_in(e->d_name, ".gguf");
        has_parts = has_parts || ends_in(e->d_name, ".safetensors");
    }
    closedir(d);
    if (has_parts)
        return mi_fail(err, MI_EXIT_DATA,
                       "'%s' is missing, and without it there is no saying what the other "
                       ".safetensors files are",
                       index_name);
    if (has_pickle)
        return mi_fail(err, MI_EXIT_DATA,
                       "the weights are pickled (.bin): reading a pickle runs code that it "
                       "holds, so they are not read; convert them to safetensors");
    return mi_fail(err, MI_EXIT_DATA, "there is no %s%s", single_name,
                   has_gguf ? "; name the .gguf file itself" : "");
}

/* ---- the index ------------------------------------------------------------------ */

/* A plain name: nothing that leads out of the directory. */
static int check_file_name(struct reading *r, const struct mi_pull_string *name)
{
    char shown[256];

    mi_escape(shown, sizeof(shown), name->at ? name->at : "", name->len);
    if (name->len == 0 || name->len > 255 || memchr(name->at, 0, name->len) ||
        memchr(name->at, '/', name->len) || memchr(name->at, '\\', name->len) || name->at[0] == '.')
        return mi_fail(r->err, MI_EXIT_DATA, "names '%s', which is no plain file name", shown);
    return 0;
}

static int read_place(struct reading *r, struct mi_pull *p)
{
    const char *tensor;
    struct mi_pull_string file;
    int64_t number;
    int rc;

    if (r->n_places == MI_SHARDS_MAX_TENSORS)
        return mi_fail(r->err, MI_EXIT_DATA, "more than %d tensors", MI_SHARDS_MAX_TENSORS);
    if (p->key.len > MI_SAFETENSORS_MAX_NAME || (p->key.len && memchr(p->key.at, 0, p->key.len)))
        return mi_fail(r->err, MI_EXIT_DATA, "a tensor's name of %zu bytes, or with a NUL",
                       p->key.len);
    tensor = mi_arena_dup(&r->names, p->key.at, p->key.len);
    rc = mi_pull_take_string(p, &file);
    if (rc == 0)
        rc = check_file_name(r, &file);
    if (rc < 0)
        return rc;
    number = mi_intern_add(&r->files, file.at, file.len);
    if (number >= MI_SHARDS_MAX)
        return mi_fail(r->err, MI_EXIT_DATA, "names more than %d files", MI_SHARDS_MAX);
    r->place = mi_grow(r->place, &r->cap, r->n_places + 1, sizeof(*r->place));
    r->place[r->n_places++] = (struct place){tensor, (size_t)number};
    return 0;
}

static int read_weight_map(struct reading *r, struct mi_pull *p)
{
    int rc = mi_pull_enter(p, '{');

    while (rc == 0 && (rc = mi_pull_next(p)) > 0)
        rc = read_place(r, p);
    return rc;
}

static int compare_places(const void *a, const void *b)
{
    return strcmp(((const struct place *)a)->tensor, ((const struct place *)b)->tensor);
}

static int read_index(struct reading *r)
{
    const struct mi_map *m = &r->s->index;
    bool has_map = false;
    struct mi_pull p;
    int rc;

    if (m->size > MI_SHARDS_MAX_INDEX)
        return mi_fail(r->err, MI_EXIT_DATA, "%zu bytes (limit %d)", m->size, MI_SHARDS_MAX_INDEX);
    mi_pull_init(&p, (const char *)m->data, m->size, r->err);
    rc = mi_pull_enter(&p, '{');
    while (rc == 0 && (rc = mi_pull_next(&p)) > 0) {
        if (!mi_pull_is(&p.key, "weight_map")) {
            rc = mi_pull_skip(&p);
        } else if (has_map) {
            rc = mi_fail(r->err, MI_EXIT_DATA, "'weight_map' is there twice");
        } else {
            has_map = true;
            rc = read_weight_map(r, &p);
        }
    }
    if (rc == 0)
        rc = mi_pull_end(&p);
    mi_pull_free(&p);
    if (rc == 0 && r->n_places == 0)
        rc = mi_fail(r->err, MI_EXIT_DATA, "'weight_map' %s", has_map ? "is empty" : "is missing");
    if (rc == 0)
        qsort(r->place, r->n_places, sizeof(*r->place), compare_places);
    for (size_t i = 1; i < r->n_places && rc == 0; i++)
        if (compare_places(&r->place[i - 1], &r->place[i]) == 0)
            rc = mi_fail(r->err, MI_EXIT_DATA, "tensor '%s' is there twice", r->place[i].tensor);
    return rc;
}

/* ---- the files ------------------------------------------------------------------ */

static int open_file(struct reading *r, const char *name)
{
    struct mi_shards *s = r->s;
    char *path = NULL;
    int rc;

    if (!is_there(r->directory, name))
        return mi_fail(r->err, MI_EXIT_DATA, "shard '%s' is missing", mi_quote(name));
    join(&path, r->directory, name);
    rc = mi_safetensors_open(&s->file[s->n_files], path, r->err);
    mi_free(path);
    if (rc < 0)
        return rc;
    s->name[s->n_files] = mi_strdup(name);
    s->n_tensors += s->file[s->n_files++].n_tensors;
    return s->n_tensors > MI_SHARDS_MAX_TENSORS
               ? mi_fail(r->err, MI_EXIT_DATA, "more than %d tensors", MI_SHARDS_MAX_TENSORS)
               : 0;
}

/* What the index says is there, and nothing else. */
static int check_places(struct reading *r)
{
    const struct mi_shards *s = r->s;

    for (size_t i = 0; i < r->n_places; i++) {
        const struct place *p = &r->place[i];

        if (!mi_safetensors_find(&s->file[p->file], p->tensor))
            return mi_fail(r->err, MI_EXIT_DATA,
                           "'%s': tensor '%s' is not in '%s', where the index has it", index_name,
                           p->tensor, s->name[p->file]);
    }
    for (size_t f = 0; f < s->n_files && s->n_tensors != r->n_places; f++)
        for (size_t i = 0; i < s->file[f].n_tensors; i++) {
            struct place wanted = {s->file[f].tensor[i].name, 0};
            const struct place *p =
                bsearch(&wanted, r->place, r->n_places, sizeof(wanted), compare_places);

            if (!p || p->file != f)
                return mi_fail(r->err, MI_EXIT_DATA,
                               "'%s': the index does not have tensor '%s' in this file", s->name[f],
                               wanted.tensor);
        }
    return 0;
}

static int open_all(struct reading *r)
{
    struct mi_shards *s = r->s;
    char *path = NULL;
    size_t n = 1;
    int rc = 0;

    if (!is_there(r->directory, single_name)) {
        if (!is_there(r->directory, index_name))
            return refuse_empty(r->directory, r->err);
        join(&path, r->directory, index_name);
        rc = mi_map_open(&s->index, path, r->err);
        mi_free(path);
        if (rc == 0 && (rc = read_index(r)) < 0)
            mi_fail_in(r->err, "'%s'", index_name);
        n = (size_t)r->files.n;
    }
    if (rc < 0)
        return rc;
    s->file = mi_alloc_zero(n, sizeof(*s->file));
    s->name = mi_alloc_zero(n, sizeof(*s->name));
    if (!s->index.data)
        return open_file(r, single_name);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = open_file(r, r->files.name[i]);
    return rc < 0 ? rc : check_places(r);
}

int mi_shards_open(struct mi_shards *s, const char *directory, struct mi_error *err)
{
    struct reading r = {.s = s, .directory = directory, .err = err};
    int rc;

    *s = (struct mi_shards){0};
    rc = open_all(&r);
    mi_arena_free(&r.names);
    mi_intern_free(&r.files);
    mi_free(r.place);
    if (rc < 0)
        mi_shards_close(s);
    return rc;
}

void mi_shards_close(struct mi_shards *s)
{
    for (size_t i = 0; i < s->n_files; i++) {
        mi_safetensors_close(&s->file[i]);
        mi_free(s->name[i]);
    }
    mi_free(s->file);
    mi_free(s->name);
    mi_map_close(&s->index);
    *s = (struct mi_shards){0};
}
