#include "model/control_vector.h"

#include <string.h>

enum { ALIGNMENT = 32, TYPE_U32 = 4, TYPE_STRING = 8, TYPE_F32 = 0, VERSION = 3 };

static void put_number(struct mi_buf *b, uint64_t x, int bytes)
{
    for (int i = 0; i < bytes; i++)
        mi_buf_add_char(b, (char)(x >> 8 * i & 0xff));
}

static void put_string(struct mi_buf *b, const char *s)
{
    put_number(b, strlen(s), 8);
    mi_buf_add_text(b, s);
}

static void put_key_string(struct mi_buf *b, const char *key, const char *value)
{
    put_string(b, key);
    put_number(b, TYPE_STRING, 4);
    put_string(b, value);
}

static void pad(struct mi_buf *b)
{
    while (b->len % ALIGNMENT)
        mi_buf_add_char(b, '\0');
}

/* Bytes of one tensor with what fills it up. */
static uint64_t padded_size(int64_t width)
{
    uint64_t size = (uint64_t)width * sizeof(float);

    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static void put_keys(struct mi_buf *b, const struct mi_control_vector *vectors, int n,
                     const char *hint, int n_layers)
{
    struct mi_buf key = {0};

    put_key_string(b, "general.architecture", "controlvector");
    put_key_string(b, "controlvector.model_hint", hint);
    put_string(b, "controlvector.layer_count");
    put_number(b, TYPE_U32, 4);
    put_number(b, (uint64_t)n_layers, 4);
    for (int i = 0; i < n; i++) {
        mi_buf_clear(&key);
        mi_buf_addf(&key, "mi.source.%d", vectors[i].layer);
        put_key_string(b, mi_buf_text(&key), vectors[i].hook);
    }
    mi_buf_free(&key);
}

void mi_control_vector_encode(struct mi_buf *b, const struct mi_control_vector *vectors, int n,
                              int64_t width, const char *hint, int n_layers)
{
    struct mi_buf name = {0};

    mi_buf_add_text(b, "GGUF");
    put_number(b, VERSION, 4);
    put_number(b, (uint64_t)n, 8);
    put_number(b, (uint64_t)n + 3, 8);
    put_keys(b, vectors, n, hint, n_layers);
    for (int i = 0; i < n; i++) {
        mi_buf_clear(&name);
        mi_buf_addf(&name, "direction.%d", vectors[i].layer);
        put_string(b, mi_buf_text(&name));
        put_number(b, 1, 4);
        put_number(b, (uint64_t)width, 8);
        put_number(b, TYPE_F32, 4);
        put_number(b, (uint64_t)i * padded_size(width), 8);
    }
    pad(b);
    for (int i = 0; i < n; i++) {
        for (int64_t k = 0; k < width; k++) {
            uint32_t bits;

            memcpy(&bits, &vectors[i].v[k], sizeof bits);
            put_number(b, bits, 4);
        }
        pad(b);
    }
    mi_buf_free(&name);
}
