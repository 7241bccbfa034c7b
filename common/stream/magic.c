#include "stream/magic.h"

#include "stream/format.h"

#include <string.h>

enum { NAME_AT = 8, NAME_SIZE = 9, MAJOR_AT = 17, MINOR_AT = 18, FLAGS_AT = 19 };

void mi_magic_write(unsigned char *bytes, bool has_table)
{
    mi_store_u32(bytes, MI_MAGIC_FRAME);
    mi_store_u32(bytes + 4, MI_MAGIC_SIZE - NAME_AT);
    memcpy(bytes + NAME_AT, MI_FORMAT_NAME, NAME_SIZE);
    bytes[MAJOR_AT] = MI_FORMAT_MAJOR;
    bytes[MINOR_AT] = MI_FORMAT_MINOR;
    bytes[FLAGS_AT] = has_table ? MI_MAGIC_HAS_TABLE : 0;
}

static bool is_text(const unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes[i] < 0x20 && bytes[i] != '\n' && bytes[i] != '\r' && bytes[i] != '\t')
            return false;
    return true;
}

/* What an input that is no stream looks like, or NULL. */
static const char *recognise(const unsigned char *bytes, size_t have)
{
    static const struct {
        const char *start;
        size_t n;
        const char *name;
    } known[] = {
        {"\x1f\x8b", 2, "gzip"},
        {"PK\x03\x04", 4, "a zip or PyTorch file"},
        {"\xfd"
         "7zXZ",
         5, "xz"},
        {"BZh", 3, "bzip2"},
        {"\x28\xb5\x2f\xfd", 4, "plain zstd"},
        {"GGUF", 4, "a GGUF model; use -m"},
        {"\x93NUMPY", 6, "a NumPy array"},
        {"ARROW1", 6, "Arrow"},
        {"PAR1", 4, "Parquet"},
        {"\x89HDF", 4, "HDF5"},
        {"{", 1, "JSON; text goes back through mi-view --encode"},
        {"[", 1, "JSON"},
        {"<", 1, "HTML or XML"},
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (have >= known[i].n && memcmp(bytes, known[i].start, known[i].n) == 0)
            return known[i].name;
    if (have > 8 && bytes[8] == '{' && bytes[7] == 0)
        return "safetensors";
    return is_text(bytes, have) ? "text" : NULL;
}

int mi_magic_read(const unsigned char *bytes, size_t have, struct mi_magic *out,
                  struct mi_error *err)
{
    const char *looks;

    if (have == 0)
        return mi_fail(err, MI_EXIT_DATA, "empty, expected a stream of mi-tools");
    if (have >= NAME_AT + NAME_SIZE && mi_load_u32(bytes) == MI_MAGIC_FRAME &&
        memcmp(bytes + NAME_AT, MI_FORMAT_NAME, NAME_SIZE) == 0) {
        if (have < MI_MAGIC_SIZE)
            return mi_fail(err, MI_EXIT_DATA, "ends in its first bytes (byte %zu)", have);
        *out = (struct mi_magic){.major = bytes[MAJOR_AT], .minor = bytes[MINOR_AT]};
        if (out->major != MI_FORMAT_MAJOR)
            return mi_fail(err, MI_EXIT_DATA, "format %d.x, this is a reader for %d.x", out->major,
                           MI_FORMAT_MAJOR);
        if (mi_load_u32(bytes + 4) != MI_MAGIC_SIZE - NAME_AT ||
            (bytes[FLAGS_AT] & ~MI_MAGIC_HAS_TABLE))
            return mi_fail(err, MI_EXIT_DATA, "damaged in its first bytes (byte 4)");
        out->has_table = bytes[FLAGS_AT] & MI_MAGIC_HAS_TABLE;
        return 0;
    }
    looks = recognise(bytes, have);
    return mi_fail(err, MI_EXIT_DATA, "not a stream of mi-tools%s%s%s (byte 0)",
                   looks ? " (looks like " : "", looks ? looks : "", looks ? ")" : "");
}
