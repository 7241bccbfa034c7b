#include "stream/merge.h"

#include "base/escape.h"
#include "base/mem.h"
#include "stream/header.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct part {
    const char *path;
    struct mi_reader reader; /* open for what can be read only once */
    int64_t index, of, units, first, last;
    char identity[33];
};

/* The parts, and the header that they become. */
struct job {
    struct part *part; /* [n] */
    int n;
    struct mi_arena arena;
    struct mi_value header, inputs;
};

static bool can_reopen(const char *path)
{
    struct stat st;

    return strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* ---- the first look ----------------------------------------------------------- */

static int read_shard(struct part *p, const struct mi_value *header, struct mi_error *err)
{
    const struct mi_value *s = mi_get(header, "shard");

    if (!mi_is(s, MI_MAP))
        return mi_fail(err, MI_EXIT_DATA, "'%s' is no part of a sharded run", mi_quote(p->path));
    p->index = mi_get_int(s, "index", 0);
    p->of = mi_get_int(s, "of", 0);
    p->units = mi_get_int(s, "units", 0);
    p->first = mi_get_int(s, "first", 0);
    p->last = mi_get_int(s, "last", 0);
    mi_header_identity(header, p->identity);
    return 0;
}

static int look_at(struct job *job, struct part *p, struct mi_error *err)
{
    int status = mi_reader_open(&p->reader, p->path, err);

    if (status < 0)
        return status;
    status = read_shard(p, mi_reader_header(&p->reader), err);
    if (status == 0 && p == job->part) {
        job->header = mi_value_copy(&job->arena, mi_reader_header(&p->reader));
        mi_set(&job->arena, &job->header, "shard", mi_nil());
    }
    if (can_reopen(p->path))
        mi_reader_close(&p->reader);
    return status;
}

static int by_index(const void *a, const void *b)
{
    int64_t x = ((const struct part *)a)->index, y = ((const struct part *)b)->index;

    return (x > y) - (x < y);
}

/* Same run, each part once, no gap. */
static int check_parts(const struct job *job, struct mi_error *err)
{
    const struct part *one = job->part;

    for (int i = 0; i < job->n; i++) {
        const struct part *p = &job->part[i];

        if (strcmp(p->identity, one->identity) != 0 || p->of != one->of || p->units != one->units)
            return mi_fail(err, MI_EXIT_DATA, "'%s' and '%s' are no parts of the same run",
                           mi_quote(one->path), mi_quote(p->path));
        if (i > 0 && p->index == p[-1].index)
            return mi_fail(err, MI_EXIT_DATA, "part %lld of %lld stands twice: '%s' and '%s'",
                           (long long)p->index, (long long)p->of, mi_quote(p[-1].path),
                           mi_quote(p->path));
        if (p->index != i)
            return mi_fail(err, MI_EXIT_DATA, "part %d of %lld is missing", i, (long long)p->of);
        if (p->first != (i ? p[-1].last : 0))
            return mi_fail(err, MI_EXIT_DATA, "'%s' begins at unit %lld, expected %lld",
                           mi_quote(p->path), (long long)p->first, (long long)(i ? p[-1].last : 0));
    }
    if (job->n != one->of)
        return mi_fail(err, MI_EXIT_DATA, "part %d of %lld is missing", job->n, (long long)one->of);
    if (job->part[job->n - 1].last != one->units)
        return mi_fail(err, MI_EXIT_DATA, "'%s' ends at unit %lld of %lld",
                       mi_quote(job->part[job->n - 1].path), (long long)job->part[job->n - 1].last,
                       (long long)one->units);
    return 0;
}

/* ---- the records -------------------------------------------------------------- */

/* What the parts have read, each thing once. */
static void add_inputs(struct job *job, const struct mi_value *list)
{
    for (size_t i = 0; mi_is(list, MI_ARRAY) && i < list->as.array.n; i++) {
        const struct mi_value *v = &list->as.array.item[i];
        size_t k = 0;

        while (k < job->inputs.as.array.n && !mi_value_equal(&job->inputs.as.array.item[k], v))
            k++;
        if (k == job->inputs.as.array.n)
            mi_push(&job->arena, &job->inputs, mi_value_copy(&job->arena, v));
    }
}

/* Between the two looks the file may have become another one. */
static int open_again(struct part *p, struct mi_error *err)
{
    char identity[33];
    int status;

    if (p->reader.state)
        return 0;
    status = mi_reader_open(&p->reader, p->path, err);
    if (status == 0 &&
        strcmp(mi_header_identity(mi_reader_header(&p->reader), identity), p->identity) != 0)
        status = mi_fail(err, MI_EXIT_DATA, "'%s' changed while being read", mi_quote(p->path));
    return status;
}

static int copy_part(struct job *job, struct part *p, struct mi_writer *out,
                     const struct mi_combine *combine, struct mi_error *err)
{
    struct mi_record rec;
    int status = open_again(p, err);

    while (status == 0 && (status = mi_reader_next(&p->reader, &rec, err)) > 0)
        status = combine ? combine->add(combine->ctx, &rec, err)
                         : mi_writer_put(out, rec.kind, rec.body, err);
    if (status == 0)
        add_inputs(job, mi_get(mi_reader_end(&p->reader), "inputs"));
    mi_reader_close(&p->reader);
    return status;
}

static int merge(struct job *job, struct mi_writer *out, const struct mi_combine *combine,
                 struct mi_error *err)
{
    bool is_stat;
    int status = 0;

    for (int i = 0; i < job->n && status == 0; i++)
        status = look_at(job, &job->part[i], err);
    if (status < 0)
        return status;
    qsort(job->part, (size_t)job->n, sizeof *job->part, by_index);
    if ((status = check_parts(job, err)) < 0)
        return status;
    is_stat = strcmp(mi_get_str(&job->header, "content", ""), "stat") == 0;
    if (is_stat && !combine)
        return mi_fail(err, MI_EXIT_DATA, "'%s': statistics are not merged by this program",
                       mi_quote(job->part[0].path));
    combine = is_stat ? combine : NULL;
    status = mi_writer_header(out, &job->header, err);
    for (int i = 0; i < job->n && status == 0; i++)
        status = copy_part(job, &job->part[i], out, combine, err);
    if (status == 0 && combine)
        status = combine->finish(combine->ctx, out, err);
    return status < 0 ? status : mi_writer_end(out, &job->inputs, err);
}

int mi_merge(struct mi_writer *out, const char *const *paths, int n,
             const struct mi_combine *combine, struct mi_error *err)
{
    struct job job = {.n = n, .header = mi_nil(), .inputs = mi_array()};
    int status;

    if (n < 1)
        return mi_fail(err, MI_EXIT_USAGE, "no parts to merge");
    job.part = mi_alloc_zero((size_t)n, sizeof *job.part);
    for (int i = 0; i < n; i++)
        job.part[i].path = paths[i];
    status = merge(&job, out, combine, err);
    for (int i = 0; i < n; i++)
        mi_reader_close(&job.part[i].reader);
    mi_free(job.part);
    mi_arena_free(&job.arena);
    return status;
}
