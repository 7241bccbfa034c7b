/* model/folder.c: the files of a Hugging Face directory; see folder.h. */
#include "model/folder.h"

#include "base/escape.h"
#include "data/json.h"
#include "model/folder_templates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *name;
    size_t limit; /* bytes */
} parts[MI_FOLDER_PARTS] = {
    [MI_FOLDER_CONFIG] = {"config.json", 1 << 19},
    [MI_FOLDER_GENERATION] = {"generation_config.json", 1 << 17},
    [MI_FOLDER_TOKENIZER] = {"tokenizer.json", 1 << 28},
    [MI_FOLDER_TOKENIZER_CONFIG] = {"tokenizer_config.json", 1 << 26},
    [MI_FOLDER_TEMPLATE] = {"chat_template.jinja", 1 << 20},
};

bool mi_folder_is(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int open_part(struct mi_folder *f, enum mi_folder_part which, const char *directory,
                     struct mi_error *err)
{
    const char *name = parts[which].name;
    size_t n = strlen(directory) + strlen(name) + 2;
    char *path = mi_alloc(n);
    int rc = 0;

    snprintf(path, n, "%s/%s", directory, name);
    if (access(path, F_OK) == 0)
        rc = mi_map_open(&f->part[which], path, err);
    else if (which == MI_FOLDER_CONFIG)
        rc = mi_fail(err, MI_EXIT_DATA, "'%s' is missing: not the directory of a model?", name);
    if (rc == 0 && f->part[which].size > parts[which].limit)
        rc = mi_fail(err, MI_EXIT_DATA, "'%s': %zu bytes (limit %zu)", name, f->part[which].size,
                     parts[which].limit);
    mi_free(path);
    return rc;
}

/* ---- config.json ------------------------------------------------------------------ */

static int parse_part(struct mi_folder *f, enum mi_folder_part which, struct mi_value *out,
                      struct mi_error *err)
{
    const struct mi_map *m = &f->part[which];
    int rc = mi_json_parse(&f->arena, (const char *)m->data, m->size, out, err);

    if (rc == 0 && out->kind != MI_MAP)
        rc = mi_fail(err, MI_EXIT_DATA, "not a JSON object");
    return rc < 0 ? mi_fail_in(err, "'%s'", parts[which].name) : 0;
}

/* Weights with scales beside them need their method's own arithmetic. */
static int refuse_quantised(const struct mi_value *config, struct mi_error *err)
{
    const struct mi_value *q = mi_get(config, "quantization_config");

    if (!q || q->kind == MI_NIL)
        return 0;
    return mi_fail(err, MI_EXIT_DATA,
                   "'config.json': 'quantization_config' (%.40s): quantised directories are not "
                   "supported; take the original weights, or a GGUF file",
                   mi_quote(mi_get_str(q, "quant_method", "no method named")));
}

static int read_config(struct mi_folder *f, struct mi_error *err)
{
    const struct mi_value *nested;
    int rc = parse_part(f, MI_FOLDER_CONFIG, &f->config, err);

    if (rc == 0)
        rc = refuse_quantised(&f->config, err);
    if (rc < 0)
        return rc;
    nested = mi_get(&f->config, "text_config");
    if (mi_is(nested, MI_MAP)) {
        f->config = *nested;
        f->is_nested = true;
        rc = refuse_quantised(&f->config, err);
    }
    return rc;
}

/* ---- generation_config.json --------------------------------------------------------- */

static int add_end(struct mi_folder *f, const struct mi_value *id, struct mi_error *err)
{
    if (id->kind != MI_INT || id->as.integer < 0 || id->as.integer > INT32_MAX)
        return mi_fail(err, MI_EXIT_DATA, "'eos_token_id' is neither an id nor a list of ids");
    if (f->n_ends == MI_FOLDER_MAX_ENDS)
        return mi_fail(err, MI_EXIT_DATA, "'eos_token_id': more than %d ids", MI_FOLDER_MAX_ENDS);
    f->end[f->n_ends++] = (int32_t)id->as.integer;
    return 0;
}

static int read_ends(struct mi_folder *f, const struct mi_value *from, struct mi_error *err)
{
    const struct mi_value *id = mi_get(from, "eos_token_id");
    int rc = 0;

    if (!id || id->kind == MI_NIL)
        return 0;
    if (id->kind != MI_ARRAY)
        return add_end(f, id, err);
    for (size_t i = 0; i < id->as.array.n && rc == 0; i++)
        rc = add_end(f, &id->as.array.item[i], err);
    return rc;
}

static int read_generation(struct mi_folder *f, struct mi_error *err)
{
    struct mi_value settings;
    int rc;

    if (f->part[MI_FOLDER_GENERATION].data) {
        rc = parse_part(f, MI_FOLDER_GENERATION, &settings, err);
        if (rc == 0 && (rc = read_ends(f, &settings, err)) < 0)
            mi_fail_in(err, "'%s'", parts[MI_FOLDER_GENERATION].name);
        if (rc < 0 || f->n_ends > 0)
            return rc;
    }
    rc = read_ends(f, &f->config, err);
    return rc < 0 ? mi_fail_in(err, "'%s'", parts[MI_FOLDER_CONFIG].name) : 0;
}

/* ---- all -------------------------------------------------------------------------- */

int mi_folder_open(struct mi_folder *f, const char *path, struct mi_error *err)
{
    int rc = 0;

    *f = (struct mi_folder){0};
    for (int i = 0; i < MI_FOLDER_PARTS && rc == 0; i++)
        rc = open_part(f, (enum mi_folder_part)i, path, err);
    if (rc == 0)
        rc = mi_folder_extras_open(f, path, err);
    if (rc == 0)
        rc = read_config(f, err);
    if (rc == 0)
        rc = read_generation(f, err);
    if (rc == 0)
        rc = mi_shards_open(&f->shards, path, err);
    if (rc == 0)
        mi_card_read(&f->card, path, &f->config);
    if (rc < 0)
        mi_folder_close(f);
    return rc;
}

void mi_folder_close(struct mi_folder *f)
{
    for (int i = 0; i < MI_FOLDER_PARTS; i++)
        mi_map_close(&f->part[i]);
    mi_folder_extras_close(f);
    mi_shards_close(&f->shards);
    mi_arena_free(&f->arena);
    *f = (struct mi_folder){0};
}

/* ---- identity --------------------------------------------------------------------- */

struct named {
    const char *name;
    const struct mi_map *map;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

struct mi_digest mi_folder_digest(const struct mi_folder *f)
{
    struct named *file =
        mi_alloc_n(MI_FOLDER_PARTS + 1 + f->n_extra + f->shards.n_files, sizeof(*file));
    struct mi_digest d;
    struct mi_hash h;
    size_t n = 0;

    for (int i = 0; i < MI_FOLDER_PARTS; i++)
        if (f->part[i].data)
            file[n++] = (struct named){parts[i].name, &f->part[i]};
    for (size_t i = 0; i < f->n_extra; i++)
        file[n++] = (struct named){f->extra[i].name, &f->extra[i].map};
    if (f->shards.index.data)
        file[n++] = (struct named){"model.safetensors.index.json", &f->shards.index};
    for (size_t i = 0; i < f->shards.n_files; i++)
        file[n++] = (struct named){f->shards.name[i], &f->shards.file[i].map};
    qsort(file, n, sizeof(*file), compare_names);
    mi_hash_init(&h);
    for (size_t i = 0; i < n; i++) {
        d = mi_hash_bytes(file[i].map->data, file[i].map->size);
        mi_hash_add(&h, file[i].name, strlen(file[i].name) + 1);
        mi_hash_add(&h, d.byte, sizeof(d.byte));
    }
    d = mi_hash_value(&h);
    mi_hash_free(&h);
    mi_free(file);
    return d;
}

int mi_folder_unchanged(struct mi_folder *f, struct mi_error *err)
{
    int rc = 0;

    for (int i = 0; i < MI_FOLDER_PARTS && rc == 0; i++)
        rc = f->part[i].data ? mi_map_unchanged(&f->part[i], err) : 0;
    for (size_t i = 0; i < f->n_extra && rc == 0; i++)
        rc = mi_map_unchanged(&f->extra[i].map, err);
    if (rc == 0 && f->shards.index.data)
        rc = mi_map_unchanged(&f->shards.index, err);
    for (size_t i = 0; i < f->shards.n_files && rc == 0; i++)
        rc = mi_map_unchanged(&f->shards.file[i].map, err);
    return rc;
}

uint64_t mi_folder_bytes(const struct mi_folder *f)
{
    uint64_t n = f->shards.index.size;

    for (int i = 0; i < MI_FOLDER_PARTS; i++)
        n += f->part[i].size;
    for (size_t i = 0; i < f->n_extra; i++)
        n += f->extra[i].map.size;
    for (size_t i = 0; i < f->shards.n_files; i++)
        n += f->shards.file[i].map.size;
    return n;
}
