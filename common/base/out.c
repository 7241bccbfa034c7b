/* The output half of base/file.h: write aside, sync, rename. */
#include "base/escape.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/stale.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MAX_OUTS = 256, NAME_LIMIT = 255, TRIES = 100 };

/* Temporaries to remove when the program ends early. A slot is filled while signals
 * are blocked; a handler only reads it. */
static const char *volatile temporaries[MAX_OUTS];

static void block_signals(sigset_t *before)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, before);
}

static void unblock_signals(const sigset_t *before)
{
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

void mi_out_abandon_all(void)
{
    for (int i = 0; i < MAX_OUTS; i++)
        if (temporaries[i])
            unlink(temporaries[i]);
}

/* Takes the temporary out of the list; the name itself is freed by the caller. */
static void forget_temporary(const char *tmp)
{
    for (int i = 0; i < MAX_OUTS; i++)
        if (temporaries[i] == tmp)
            temporaries[i] = NULL;
}

/* Six characters that no other process will pick: the time, the process and an address
 * mixed. A clash is met by O_EXCL and tried again, so this need not be perfect. */
static void random_suffix(char *text)
{
    static const char set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    static uint64_t count;
    struct timespec now;
    uint64_t x;

    clock_gettime(CLOCK_REALTIME, &now);
    x = (uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 30 ^ (uint64_t)getpid() << 40 ^
        (uint64_t)(uintptr_t)&now ^ ++count * 0x9e3779b97f4a7c15u;
    for (int i = 0; i < 6; i++) {
        x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9u;
        text[i] = set[(x >> 32) % 62];
    }
    text[6] = '\0';
}

/* `.NAME.XXXXXX.part` beside `path`; a name that gets too long is cut. */
static char *temporary_name(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t keep = strlen(name), most = NAME_LIMIT - strlen("..XXXXXX.part");
    struct mi_buf b = {0};
    char suffix[7];

    if (keep > most)
        keep = mi_utf8_whole(name, most);
    random_suffix(suffix);
    mi_buf_add(&b, path, (size_t)(name - path));
    mi_buf_add_char(&b, '.');
    mi_buf_add(&b, name, keep);
    mi_buf_addf(&b, ".%s.part", suffix);
    mi_buf_text(&b);
    return b.data;
}

/* Makes the temporary and enters it in the list, with signals blocked between. */
static int make_temporary(struct mi_out *o, struct mi_error *err)
{
    sigset_t before;
    int fd = -1, slot = 0, system = 0;

    while (slot < MAX_OUTS && temporaries[slot])
        slot++;
    if (slot == MAX_OUTS)
        return mi_fail(err, MI_EXIT_SYS, "more than %d outputs at once", (int)MAX_OUTS);
    for (int i = 0; i < TRIES; i++) {
        char *tmp = temporary_name(o->path);

        if (i == 0)
            mi_stale_remove(tmp);
        block_signals(&before);
        fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        system = errno;
        if (fd >= 0 && !mi_stale_claim(fd)) {
            close(fd);
            fd = -1;
            system = EEXIST;
        }
        if (fd >= 0) {
            o->tmp = tmp;
            temporaries[slot] = tmp;
        }
        unblock_signals(&before);
        if (fd >= 0)
            break;
        mi_free(tmp);
        if (system != EEXIST && system != EINTR)
            break;
    }
    errno = system;
    if (fd < 0)
        return mi_fail(err, MI_EXIT_SYS, "cannot create '%s':", mi_quote(o->path));
    o->fd = fd + 1;
    o->is_file = true;
    return 0;
}

/* "/dev/stdout", "/dev/fd/3" and the like are descriptors of ours, not names. */
static int inherited_descriptor(const char *path)
{
    static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};

    if (strcmp(path, "/dev/stdout") == 0)
        return STDOUT_FILENO;
    if (strcmp(path, "/dev/stderr") == 0)
        return STDERR_FILENO;
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(folders[i]);

        if (strncmp(path, folders[i], n) == 0 && path[n] >= '0' && path[n] <= '9')
            return (int)strtol(path + n, NULL, 10);
    }
    return -1;
}

/* Where standard output was closed, base/tool.c put a descriptor there that cannot be
 * written: then no data file can land on number 1. */
static int open_inherited(struct mi_out *o, int fd, struct mi_error *err)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) {
        if (fd == STDOUT_FILENO)
            return mi_fail(err, MI_EXIT_SYS, "standard output is closed");
        return mi_fail(err, MI_EXIT_SYS, "descriptor %d cannot be written", fd);
    }
    o->fd = fd + 1;
    return 0;
}

/* A name that exists: a FIFO or device is written directly, a link to a file stands for
 * its target, a link to nothing is refused. */
static int open_existing(struct mi_out *o, const struct stat *link, struct mi_error *err)
{
    struct stat st;
    char *target;
    int fd;

    if (stat(o->path, &st) < 0) {
        if (S_ISLNK(link->st_mode) && errno == ENOENT)
            return mi_fail(err, MI_EXIT_SYS, "'%s' is a symbolic link to nothing",
                           mi_quote(o->path));
        return mi_fail(err, MI_EXIT_SYS, "cannot create '%s':", mi_quote(o->path));
    }
    if (S_ISDIR(st.st_mode))
        return mi_fail(err, MI_EXIT_SYS, "cannot create '%s': it is a directory",
                       mi_quote(o->path));
    if (S_ISREG(st.st_mode)) {
        if (!S_ISLNK(link->st_mode))
            return make_temporary(o, err);
        target = realpath(o->path, NULL);
        if (!target)
            return mi_fail(err, MI_EXIT_SYS, "cannot create '%s':", mi_quote(o->path));
        mi_free(o->path);
        o->path = target;
        return make_temporary(o, err);
    }
    do
        fd = open(o->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return mi_fail(err, MI_EXIT_SYS, "cannot open '%s':", mi_quote(o->path));
    o->fd = fd + 1;
    return 0;
}

int mi_out_open(struct mi_out *o, const char *path, struct mi_error *err)
{
    struct stat link;
    int r, fd;

    *o = (struct mi_out){0};
    if (!path || strcmp(path, "-") == 0)
        return open_inherited(o, STDOUT_FILENO, err);
    o->path = mi_strdup(path);
    fd = inherited_descriptor(path);
    if (*path == '\0' || path[strlen(path) - 1] == '/')
        r = mi_fail(err, MI_EXIT_SYS, "cannot create '%s': no file name", mi_quote(path));
    else if (fd >= 0)
        r = open_inherited(o, fd, err);
    else if (lstat(path, &link) == 0)
        r = open_existing(o, &link, err);
    else if (errno == ENOENT)
        r = make_temporary(o, err);
    else
        r = mi_fail(err, MI_EXIT_SYS, "cannot create '%s':", mi_quote(path));
    if (r < 0)
        mi_out_close(o);
    return r;
}

static int write_failed(const struct mi_out *o, struct mi_error *err)
{
    if (!o->path)
        return mi_fail(err, MI_EXIT_SYS, "cannot write standard output:");
    return mi_fail(err, MI_EXIT_SYS, "cannot write '%s':", mi_quote(o->path));
}

int mi_out_write(struct mi_out *o, const void *bytes, size_t n, struct mi_error *err)
{
    const char *p = bytes;
    int fd = o->fd - 1;

    while (n) {
        ssize_t done = write(fd, p, n > 1u << 30 ? 1u << 30 : n);

        if (done >= 0) {
            p += done;
            n -= (size_t)done;
            o->n_bytes += (uint64_t)done;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            struct pollfd ready = {.fd = fd, .events = POLLOUT};

            poll(&ready, 1, -1);
        } else if (errno != EINTR) {
            return write_failed(o, err);
        }
    }
    return 0;
}

static int sync_descriptor(int fd)
{
    int r;

    do
        r = fsync(fd);
    while (r < 0 && errno == EINTR);
    return r < 0 && (errno == EINVAL || errno == ENOTSUP) ? 0 : r; /* no such thing there */
}

/* The name itself is durable only when its folder is. */
static int sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = !slash          ? mi_strdup(".")
                   : slash == path ? mi_strdup("/")
                                   : mi_strndup(path, (size_t)(slash - path));
    int fd, r = 0, system;

    do
        fd = open(folder, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    while (fd < 0 && errno == EINTR);
    mi_free(folder);
    if (fd < 0)
        return errno == EACCES ? 0 : -1; /* a folder may be writable and not readable */
    r = sync_descriptor(fd);
    system = errno;
    close(fd);
    errno = system;
    return r;
}

int mi_out_commit(struct mi_out *o, struct mi_error *err)
{
    sigset_t before;
    int r, fd = o->fd - 1, held;

    if (!o->fd)
        return mi_fail(err, MI_EXIT_SYS, "the output is not open");
    if (!o->tmp) {
        o->fd = 0;
        /* Descriptors that we were given stay open: mi_tool_end closes number 1. */
        if (o->path && inherited_descriptor(o->path) < 0 && close(fd) < 0 && errno != EINTR)
            return write_failed(o, err);
        return 0;
    }
    if (sync_descriptor(fd) < 0)
        return write_failed(o, err);
    /* A second descriptor keeps the claim on the temporary until it has its name. */
    held = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    o->fd = 0;
    if (close(fd) < 0 && errno != EINTR) {
        r = write_failed(o, err);
        if (held >= 0)
            close(held);
        return r;
    }
    block_signals(&before);
    r = rename(o->tmp, o->path);
    if (r == 0) {
        forget_temporary(o->tmp);
        mi_free(o->tmp);
        o->tmp = NULL;
    }
    unblock_signals(&before);
    if (r < 0)
        r = mi_fail(err, MI_EXIT_SYS, "cannot rename to '%s':", mi_quote(o->path));
    if (held >= 0)
        close(held);
    if (r < 0)
        return r;
    if (sync_folder(o->path) < 0) {
        r = write_failed(o, err);
        unlink(o->path); /* whole, but perhaps not there after a power cut: a failure leaves none */
    }
    return r;
}

void mi_out_close(struct mi_out *o)
{
    bool ours = o->path && inherited_descriptor(o->path) < 0;

    if (o->fd && ours)
        close(o->fd - 1);
    if (o->tmp) {
        unlink(o->tmp);
        forget_temporary(o->tmp);
        mi_free(o->tmp);
    }
    mi_free(o->path);
    *o = (struct mi_out){0};
}

bool mi_out_is_terminal(const struct mi_out *o)
{
    return o->fd && isatty(o->fd - 1);
}
