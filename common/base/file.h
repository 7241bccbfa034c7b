/* base/file.h: bytes in and out of the process, with every failure seen.
 *
 * Output under a name is written aside and renamed: the name holds the old file,
 * no file, or the whole new one, never a part (reliability contract). Inputs are
 * opened once. EINTR, short transfers and non-blocking descriptors are handled. */
#ifndef MI_BASE_FILE_H
#define MI_BASE_FILE_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An output. `{0}` is valid and closed. */
struct mi_out {
    char *path;       /* as given; NULL for standard output */
    char *tmp;        /* private: the temporary in the same directory, NULL when written directly */
    int fd;           /* private: descriptor + 1, 0 when closed */
    bool is_file;     /* a regular file is being made (as opposed to a pipe, terminal, device) */
    uint64_t n_bytes; /* written so far */
};

/* NULL or "-" is standard output. A path that exists and is no regular file (FIFO,
 * device) is written directly; a symbolic link to a regular file is replaced at its
 * target. Otherwise a temporary `.NAME.XXXXXX.part` is made beside it at once, so an
 * unwritable place is found before any work; what killed writers of the same file left
 * there is removed. Fails with MI_EXIT_SYS. */
int mi_out_open(struct mi_out *o, const char *path, struct mi_error *err) MI_MUST_USE;
int mi_out_write(struct mi_out *o, const void *bytes, size_t n, struct mi_error *err) MI_MUST_USE;
/* fsync, close, rename, fsync of the directory. After it the file stands. */
int mi_out_commit(struct mi_out *o, struct mi_error *err) MI_MUST_USE;
/* Closes; without a commit the temporary is removed. Accepts the zero value. */
void mi_out_close(struct mi_out *o);
bool mi_out_is_terminal(const struct mi_out *o);
/* The same file under both names? (input = output is refused by tools) */
bool mi_same_file(const char *a, const char *b);
/* Removes all temporaries that are still open; called at exit and by signals. */
void mi_out_abandon_all(void);

/* An input read from front to back. `{0}` is valid and closed. */
struct mi_in {
    char *name;                 /* for messages: the path, or "standard input" */
    int fd;                     /* private: descriptor + 1 */
    bool is_file;               /* a regular file: size and seeking make sense */
    uint64_t size;              /* of a regular file when it was opened */
    int64_t mtime_ns;           /* private */
    const unsigned char *ahead; /* private: [n_ahead] bytes that the next reads give first */
    size_t n_ahead;
    void *owned; /* private: memory behind `ahead`, or NULL */
};

/* NULL or "-" is standard input. A directory is refused. */
int mi_in_open(struct mi_in *in, const char *path, struct mi_error *err) MI_MUST_USE;
/* Reads up to n bytes, blocking until at least one is there: count, 0 at the end, < 0. */
int64_t mi_in_read(struct mi_in *in, void *bytes, size_t n, struct mi_error *err) MI_MUST_USE;
/* Would reading give something, or say that it is the end, without waiting? */
bool mi_in_ready(const struct mi_in *in);
/* Up to n (at most 4096) of the bytes that the next reads will give, without taking them:
 * fewer only at the end. So a pipe can be recognised before its reader is chosen. */
int64_t mi_in_peek(struct mi_in *in, void *bytes, size_t n, struct mi_error *err) MI_MUST_USE;
/* An input that reads the bytes [n] from memory (borrowed); `name` for messages. */
void mi_in_of_bytes(struct mi_in *in, const char *name, const void *bytes, size_t n);
/* Of a regular file: fails with MI_EXIT_DATA "changed while being read" when size or
 * time of change are no longer those of the opening. 0 for pipes. */
int mi_in_unchanged(struct mi_in *in, struct mi_error *err) MI_MUST_USE;
void mi_in_close(struct mi_in *in);

/* A whole file ("-" allowed) into buf, at most `limit` bytes (more is MI_EXIT_DATA). */
int mi_file_read(const char *path, uint64_t limit, struct mi_buf *buf,
                 struct mi_error *err) MI_MUST_USE;

/* A file mapped read-only and shared with other processes. A file that shrinks under
 * the mapping ends the program with exit 3 and a line that names it. */
struct mi_map {
    const unsigned char *data; /* [size] */
    size_t size;
    struct mi_in in; /* private */
};
int mi_map_open(struct mi_map *m, const char *path, struct mi_error *err) MI_MUST_USE;
int mi_map_unchanged(struct mi_map *m, struct mi_error *err) MI_MUST_USE;
void mi_map_close(struct mi_map *m);
/* The quoted name of the map that holds this address, or NULL. For the SIGBUS handler
 * of base/tool.c: touches no lock and no memory that may be absent. */
const char *mi_map_name_at(const void *address);

#endif
