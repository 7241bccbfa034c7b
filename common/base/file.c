#include "base/file.h"

#include "base/escape.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_MAPS = 1024, READ_CHUNK = 256 * 1024, PEEK_MAX = 4096 };

/* Maps that are open, for the SIGBUS handler. Changed by the main thread only. */
static struct {
    const unsigned char *data;
    size_t size;
    char *shown;
} maps[MAX_MAPS];

bool mi_same_file(const char *a, const char *b)
{
    struct stat s, t;

    if (!a || !b || strcmp(a, "-") == 0 || strcmp(b, "-") == 0)
        return false;
    return stat(a, &s) == 0 && stat(b, &t) == 0 && s.st_dev == t.st_dev && s.st_ino == t.st_ino;
}

static int64_t time_of_change(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

/* ---- inputs ---------------------------------------------------------------- */

int mi_in_open(struct mi_in *in, const char *path, struct mi_error *err)
{
    bool is_stdin = !path || strcmp(path, "-") == 0;
    struct stat st;
    int fd = STDIN_FILENO;

    *in = (struct mi_in){0};
    if (is_stdin) {
        int flags = fcntl(fd, F_GETFL);

        if (flags < 0 || (flags & O_ACCMODE) == O_WRONLY)
            return mi_fail(err, MI_EXIT_SYS, "standard input is closed");
    } else {
        do
            fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        while (fd < 0 && errno == EINTR);
        if (fd < 0)
            return mi_fail(err, MI_EXIT_SYS, "cannot open '%s':", mi_quote(path));
    }
    in->fd = fd + 1;
    in->name = mi_strdup(is_stdin ? "standard input" : path);
    if (fstat(fd, &st) < 0) {
        mi_fail(err, MI_EXIT_SYS, "cannot look at '%s':", mi_quote(in->name));
        mi_in_close(in);
        return -MI_EXIT_SYS;
    }
    if (S_ISDIR(st.st_mode)) {
        mi_fail(err, MI_EXIT_DATA, "'%s' is a directory", mi_quote(in->name));
        mi_in_close(in);
        return -MI_EXIT_DATA;
    }
    in->is_file = S_ISREG(st.st_mode);
    in->size = in->is_file ? (uint64_t)st.st_size : 0;
    in->mtime_ns = time_of_change(&st);
    return 0;
}

/* A descriptor that we inherited may be non-blocking: wait for it. */
static void wait_for(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};

    while (poll(&p, 1, -1) < 0 && errno == EINTR)
        ;
}

int64_t mi_in_read(struct mi_in *in, void *bytes, size_t n, struct mi_error *err)
{
    int fd = in->fd - 1;

    if (in->n_ahead) {
        n = n < in->n_ahead ? n : in->n_ahead;
        memcpy(bytes, in->ahead, n);
        in->ahead += n;
        in->n_ahead -= n;
        return (int64_t)n;
    }
    if (!in->fd)
        return 0;
    if (n > 1u << 30)
        n = 1u << 30; /* the system's own limit is a little above */
    for (;;) {
        ssize_t got = read(fd, bytes, n);

        if (got >= 0)
            return got;
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            wait_for(fd, POLLIN);
        else if (errno != EINTR)
            return mi_fail(err, MI_EXIT_SYS, "cannot read '%s':", mi_quote(in->name));
    }
}

bool mi_in_ready(const struct mi_in *in)
{
    struct pollfd p = {.fd = in->fd - 1, .events = POLLIN};

    return in->n_ahead || !in->fd || in->is_file || poll(&p, 1, 0) > 0;
}

int64_t mi_in_peek(struct mi_in *in, void *bytes, size_t n, struct mi_error *err)
{
    unsigned char *head;
    size_t have = 0;

    if (n > PEEK_MAX)
        n = PEEK_MAX;
    if (in->fd && in->n_ahead < n) {
        int64_t got = 1;

        head = mi_alloc(PEEK_MAX);
        while (have < n && got > 0) {
            got = mi_in_read(in, head + have, n - have, err);
            have += got > 0 ? (size_t)got : 0;
        }
        mi_free(in->owned);
        in->owned = head;
        in->ahead = head;
        in->n_ahead = have;
        if (got < 0)
            return got;
    }
    n = n < in->n_ahead ? n : in->n_ahead;
    if (n)
        memcpy(bytes, in->ahead, n);
    return (int64_t)n;
}

void mi_in_of_bytes(struct mi_in *in, const char *name, const void *bytes, size_t n)
{
    *in = (struct mi_in){.name = mi_strdup(name), .ahead = bytes, .n_ahead = n};
}

int mi_in_unchanged(struct mi_in *in, struct mi_error *err)
{
    struct stat st;

    if (!in->fd || !in->is_file)
        return 0;
    if (fstat(in->fd - 1, &st) < 0)
        return mi_fail(err, MI_EXIT_SYS, "cannot look at '%s':", mi_quote(in->name));
    if ((uint64_t)st.st_size != in->size || time_of_change(&st) != in->mtime_ns)
        return mi_fail(err, MI_EXIT_DATA, "'%s' changed while being read", mi_quote(in->name));
    return 0;
}

/* Standard input stays open: its number must not be taken by another file. */
void mi_in_close(struct mi_in *in)
{
    if (in->fd > STDIN_FILENO + 1)
        close(in->fd - 1);
    mi_free(in->name);
    mi_free(in->owned);
    *in = (struct mi_in){0};
}

int mi_file_read(const char *path, uint64_t limit, struct mi_buf *buf, struct mi_error *err)
{
    struct mi_in in;
    uint64_t total = 0;
    int64_t n = 0;
    int r = mi_in_open(&in, path, err);

    if (r < 0)
        return r;
    if (in.is_file && in.size <= limit)
        mi_buf_reserve(buf, in.size + 1);
    do {
        total += (uint64_t)n;
        if (total > limit || (in.is_file && in.size > limit)) {
            r = mi_fail(err, MI_EXIT_DATA, "'%s': larger than the limit of %llu bytes",
                        mi_quote(in.name), (unsigned long long)limit);
            break;
        }
        mi_buf_reserve(buf, READ_CHUNK);
        n = mi_in_read(&in, buf->data + buf->len, READ_CHUNK, err);
        buf->len += n > 0 ? (size_t)n : 0;
    } while (n > 0);
    if (r == 0)
        r = n < 0 ? (int)n : mi_in_unchanged(&in, err);
    mi_in_close(&in);
    return r;
}

/* ---- maps ------------------------------------------------------------------ */

static void register_map(const struct mi_map *m)
{
    for (int i = 0; i < MAX_MAPS; i++)
        if (!maps[i].data) {
            const char *shown = mi_quote(m->in.name);

            maps[i].shown = mi_strdup(shown);
            maps[i].size = m->size;
            maps[i].data = m->data;
            return;
        }
}

int mi_map_open(struct mi_map *m, const char *path, struct mi_error *err)
{
    struct stat st;
    void *p;
    int r;

    *m = (struct mi_map){0};
    if (path && stat(path, &st) == 0 && S_ISFIFO(st.st_mode)) /* opening would wait for a writer */
        return mi_fail(err, MI_EXIT_DATA, "'%s' is not a regular file", mi_quote(path));
    r = mi_in_open(&m->in, path, err);
    if (r < 0)
        return r;
    if (!m->in.is_file || m->in.size > SIZE_MAX / 2) {
        r = mi_fail(err, MI_EXIT_DATA, "'%s' is not a regular file", mi_quote(m->in.name));
        mi_in_close(&m->in);
        return r;
    }
    if (m->in.size == 0) {
        m->data = (const unsigned char *)"";
        return 0;
    }
    p = mmap(NULL, (size_t)m->in.size, PROT_READ, MAP_SHARED, m->in.fd - 1, 0);
    if (p == MAP_FAILED) {
        r = mi_fail(err, MI_EXIT_SYS, "cannot map '%s':", mi_quote(m->in.name));
        mi_in_close(&m->in);
        return r;
    }
    m->data = p;
    m->size = (size_t)m->in.size;
    register_map(m);
    return 0;
}

int mi_map_unchanged(struct mi_map *m, struct mi_error *err)
{
    return mi_in_unchanged(&m->in, err);
}

void mi_map_close(struct mi_map *m)
{
    for (int i = 0; m->size && i < MAX_MAPS; i++)
        if (maps[i].data == m->data) {
            maps[i].data = NULL;
            mi_free(maps[i].shown);
            maps[i].shown = NULL;
            break;
        }
    if (m->size)
        munmap((void *)(uintptr_t)m->data, m->size);
    mi_in_close(&m->in);
    *m = (struct mi_map){0};
}

const char *mi_map_name_at(const void *address)
{
    uintptr_t a = (uintptr_t)address;

    for (int i = 0; i < MAX_MAPS; i++) {
        uintptr_t from = (uintptr_t)maps[i].data;

        /* whole pages: the fault is reported for the page that is gone */
        if (from && a >= from && a - from < maps[i].size + 4096)
            return maps[i].shown;
    }
    return NULL;
}
