/* Files that lie: the tiny model of each architecture with one name, one number or one shape
 * changed. It is refused in one line, or it is a model that can be run. */
#include "../tap.h"
#include "fixture.h"

#include <dirent.h>

enum { N_FILES = 128 };

static const char folder[] = "fixtures/architectures";

static unsigned char *bytes;
static size_t len;

/* 1: opened and run; 0: refused. */
static int try_it(int *n_bad)
{
    const int32_t tokens[] = {3, 1, 4, 1};
    const int rows[] = {3};
    struct mi_sequence q = {.tokens = tokens, .n = 4, .logit_rows = rows, .n_logit_rows = 1};
    struct watcher w = {0};
    struct mi_hooks hooks = hooks_of(&w);
    struct mi_forward f = {0};
    struct mi_error err = {0};
    struct mi_model m;
    int rc = mi_model_open_bytes(&m, bytes, len, &err);

    if (rc < 0) {
        *n_bad += err.text[0] == 0 || strchr(err.text, '\n') != NULL;
        return 0;
    }
    want_all(&w);
    if (m.config.dims.d_vocab > 4)
        *n_bad += mi_forward(&f, &m, &q, 1, 0, &hooks, &err) < 0 && m.config.dims.n_ctx >= 4;
    mi_forward_free(&f);
    mi_model_close(&m);
    return 1;
}

/* A missing tensor, and one more that nobody asked for. */
static int rename_tensors(const struct mi_gguf *g, int *n_bad)
{
    int n_open = 0;

    for (size_t i = 0; i < g->n_tensors; i++) {
        struct mi_gguf_string s = g->tensor[i].name;
        unsigned char *at = bytes + (s.at - (const char *)g->map.data);
        unsigned char kept = at[s.len / 2];

        at[s.len / 2] = '#';
        n_open += try_it(n_bad);
        at[s.len / 2] = kept;
    }
    return n_open;
}

/* Numbers of the configuration: edges, neighbours, what does not fit the shapes. */
static int change_numbers(const struct mi_gguf *g, const char *prefix, int *n_bad)
{
    int n = 0;

    for (size_t i = 0; i < g->n_values; i++) {
        const struct mi_gguf_value *v = &g->value[i];
        unsigned char *at = bytes + (v->data - (const unsigned char *)g->map.data);
        uint32_t old, tries[] = {0, 1, 2, 3, 0xffffffff, 0x7fffffff, 0x7fc00000, 0xff800000, 0, 0};

        if (v->key.len < strlen(prefix) || memcmp(v->key.at, prefix, strlen(prefix)) != 0 ||
            (v->element != MI_GGUF_U32 && v->element != MI_GGUF_F32))
            continue;
        memcpy(&old, at, 4);
        tries[8] = old + 1;
        tries[9] = old * 2;
        for (size_t t = 0; t < sizeof(tries) / sizeof(tries[0]); t++, n++) {
            memcpy(at, &tries[t], 4);
            try_it(n_bad);
        }
        memcpy(at, &old, 4);
    }
    return n;
}

static void test_file(const char *name)
{
    char path[256], prefix[64];
    struct mi_gguf g;
    struct mi_gguf_string a;
    struct mi_error err = {0};
    int n_bad = 0, n_open, n;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    must(mi_gguf_open(&g, path, &err), &err);
    mi_gguf_text(&g, "general.architecture", &a);
    snprintf(prefix, sizeof(prefix), "%.*s.", (int)a.len, a.at);
    bytes = read_whole(path, &len);
    ok(try_it(&n_bad) == 1 && n_bad == 0, "%s: as it is", name);
    n_open = rename_tensors(&g, &n_bad);
    ok(n_open == 0 && n_bad == 0, "%s: with one tensor missing (%d opened)", name, n_open);
    n = change_numbers(&g, prefix, &n_bad);
    ok(n > 50 && n_bad == 0, "%s: with one of %d numbers changed", name, n);
    mi_free(bytes);
    mi_gguf_close(&g);
}

int main(void)
{
    static char names[N_FILES][64];
    DIR *d = opendir(folder);
    struct dirent *entry;
    int n = 0;

    while (d && (entry = readdir(d)) != NULL) {
        size_t end = strlen(entry->d_name);

        if (end > 5 && end < 64 && n < N_FILES && strcmp(entry->d_name + end - 5, ".gguf") == 0)
            memcpy(names[n++], entry->d_name, end);
    }
    if (d)
        closedir(d);
    plan(3 * n + 1);
    ok(n > 0, "there are %d files", n);
    for (int i = 0; i < n; i++)
        test_file(names[i]);
    return done();
}
