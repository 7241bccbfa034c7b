/* fixture.h: what the tests of the model layer share: whole files, passes that remember. */
#ifndef MI_TESTS_MODEL_FIXTURE_H
#define MI_TESTS_MODEL_FIXTURE_H

#include "base/hash.h"
#include "base/mem.h"
#include "model/forward.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_FIXTURES = 4, MAX_SEQUENCES = 3, MAX_LAYERS = 2, MAX_TOKENS = 48 };

static const char *const fixture_path[N_FIXTURES] = {
    "fixtures/tiny/llama-f32.gguf",
    "fixtures/tiny/llama-mixed.gguf",
    "fixtures/tiny/llama-k.gguf",
    "fixtures/tiny/qwen2-f16.gguf",
};

/* A whole file; the caller frees it. Ends the test when it is not there. */
static inline unsigned char *read_whole(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    unsigned char *bytes;
    long n;

    if (!f || fseek(f, 0, SEEK_END) != 0 || (n = ftell(f)) < 0) {
        printf("Bail out! %s is not there\n", path);
        exit(1);
    }
    rewind(f);
    bytes = mi_alloc((size_t)n);
    *len = fread(bytes, 1, (size_t)n, f);
    fclose(f);
    return bytes;
}

static inline void open_fixture(struct mi_model *m, const char *path)
{
    struct mi_error err = {0};

    if (mi_model_open(m, path, &err) < 0) {
        printf("Bail out! %s\n", err.text);
        exit(1);
    }
}

/* What a pass showed: one hash for each sequence, layer, site and position. Layer
 * MAX_LAYERS stands for global sites; of scores the keys up to the position count. */
struct memory {
    uint64_t seen[MAX_SEQUENCES][MAX_LAYERS + 1][MI_SITES][MAX_TOKENS];
};

/* Hooks that fill a memory, and an edit before that. */
struct watcher {
    struct memory *memory; /* NULL: nothing is remembered */
    bool wants[MI_SITES];
    int name[MAX_SEQUENCES]; /* index in the batch -> sequence in the memory */
    int (*edit)(struct watcher *w, struct mi_view *v, struct mi_error *err); /* or NULL */
    void *edit_self;
};

static inline bool watcher_wants(void *self, enum mi_site site, int layer)
{
    (void)layer;
    return ((struct watcher *)self)->wants[site];
}

static inline bool has_keys(enum mi_site site)
{
    return site == MI_SITE_ATTN_SCORES || site == MI_SITE_PATTERN;
}

static inline int watcher_at(void *self, struct mi_view *v, struct mi_error *err)
{
    struct watcher *w = self;
    int rc = w->edit ? w->edit(w, v, err) : 0;

    if (rc < 0 || !w->memory)
        return rc;
    for (int r = 0; r < v->n_rows; r++) {
        const struct mi_row *row = &v->row[r];
        int64_t n = has_keys(v->site) ? row->position + 1 : v->width;
        uint64_t hash = 1;

        for (int h = 0; h < v->n_heads; h++)
            hash = mi_hash_u64(v->x + r * v->ld + h * v->ld_head, (size_t)n * sizeof(float), hash);
        w->memory->seen[w->name[row->sequence]][v->layer < 0 ? MAX_LAYERS : v->layer][v->site]
                       [row->position] = hash;
    }
    return 0;
}

static inline void want_all(struct watcher *w)
{
    for (int s = 0; s < MI_SITES; s++)
        w->wants[s] = true;
}

static inline struct mi_hooks hooks_of(struct watcher *w)
{
    return (struct mi_hooks){w, watcher_wants, watcher_at};
}

/* Deterministic token ids below n_vocab. */
static inline void fill_tokens(int32_t *tokens, int n, int n_vocab, unsigned seed)
{
    for (int i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        tokens[i] = (int32_t)((seed >> 8) % (unsigned)n_vocab);
    }
}

static inline void must(int rc, const struct mi_error *err)
{
    if (rc < 0) {
        printf("Bail out! %s\n", err->text);
        exit(1);
    }
}

#endif
