/* golden.h: the streams of tests/golden/stream, read from the root of the tree. */
#ifndef MI_TESTS_GOLDEN_H
#define MI_TESTS_GOLDEN_H

#include "base/buf.h"
#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>

enum { GOLDENS = 3 };
static const char *const golden_names[GOLDENS] = {"tiny", "two-frames", "layers"};

static inline void golden_load(struct mi_buf *b, const char *name, const char *ending)
{
    struct mi_error err = {0};
    char path[128];

    snprintf(path, sizeof path, "tests/golden/stream/%s.%s", name, ending);
    if (mi_file_read(path, 1 << 20, b, &err) < 0) {
        printf("Bail out! %s\n", err.text);
        exit(1);
    }
}

#endif
