#include "base/coprocess.h"

#include "base/escape.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* ---- starting ------------------------------------------------------------------- */

/* Ends that the command must not inherit: it would never see its input end. */
static int open_pipe(int fd[2])
{
    if (pipe(fd) < 0)
        return -1;
    return fcntl(fd[0], F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd[1], F_SETFD, FD_CLOEXEC) < 0 ? -1 : 0;
}

static void close_pipe(int fd[2])
{
    for (int i = 0; i < 2; i++)
        if (fd[i] >= 0)
            close(fd[i]);
    fd[0] = fd[1] = -1;
}

/* Returns an errno. The command gets the default SIGPIPE whatever this program does. */
static int spawn(pid_t *pid, const char *command, int in, int out)
{
    char sh[] = "sh", c[] = "-c", *text = mi_strdup(command), *argv[] = {sh, c, text, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none, pipes;
    int r = posix_spawn_file_actions_init(&files);

    if (r == 0 && (r = posix_spawnattr_init(&attr)) != 0)
        posix_spawn_file_actions_destroy(&files);
    if (r == 0) {
        sigemptyset(&none);
        sigemptyset(&pipes);
        sigaddset(&pipes, SIGPIPE);
        posix_spawnattr_setsigdefault(&attr, &pipes);
        posix_spawnattr_setsigmask(&attr, &none);
        posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
        posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
        r = posix_spawn(pid, "/bin/sh", &files, &attr, argv, environ);
        posix_spawn_file_actions_destroy(&files);
        posix_spawnattr_destroy(&attr);
    }
    mi_free(text);
    return r;
}

int mi_coprocess_start(struct mi_coprocess *p, const char *command, struct mi_error *err)
{
    int to[2] = {-1, -1}, from[2] = {-1, -1}, r = 0;

    *p = (struct mi_coprocess){0};
    if (open_pipe(to) < 0 || open_pipe(from) < 0)
        r = errno;
    if (r == 0)
        r = spawn(&p->pid, command, to[0], from[1]);
    if (r != 0) {
        close_pipe(to);
        close_pipe(from);
        p->pid = 0;
        errno = r;
        return mi_fail(err, MI_EXIT_SYS, "cannot start '%s':", mi_quote(command));
    }
    close(to[0]);
    close(from[1]);
    p->to = to[1];
    p->from = from[0];
    return 0;
}

/* ---- talking -------------------------------------------------------------------- */

/* write() that reports EPIPE and raises no signal: the signal is held back, and taken away
 * before it is let through again. */
static int write_all(int fd, const char *s, size_t n)
{
    const struct timespec now = {0, 0};
    sigset_t pipes, old, pending;
    int r = 0;

    sigemptyset(&pipes);
    sigaddset(&pipes, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipes, &old);
    while (n > 0 && r == 0) {
        ssize_t k = write(fd, s, n);

        if (k >= 0) {
            s += k;
            n -= (size_t)k;
        } else if (errno != EINTR) {
            r = errno;
        }
    }
    if (r == EPIPE && !sigismember(&pending, SIGPIPE))
        while (sigtimedwait(&pipes, NULL, &now) < 0 && errno == EINTR)
            ;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    errno = r;
    return r ? -1 : 0;
}

/* More bytes of its output: > 0, 0 at the end, < 0 with errno. */
static ssize_t read_some(struct mi_coprocess *p)
{
    char bytes[4096];
    ssize_t k;

    do
        k = read(p->from, bytes, sizeof bytes);
    while (k < 0 && errno == EINTR);
    if (k > 0)
        mi_buf_add(&p->ahead, bytes, (size_t)k);
    return k;
}

int mi_coprocess_ask(struct mi_coprocess *p, const char *line, size_t n, struct mi_buf *answer,
                     struct mi_error *err)
{
    const char *end;
    ssize_t k = 1;

    if (write_all(p->to, line, n) < 0 || write_all(p->to, "\n", 1) < 0)
        return errno == EPIPE ? mi_fail(err, MI_EXIT_DATA, "the command ended before its input did")
                              : mi_fail(err, MI_EXIT_SYS, "cannot write to the command:");
    while (!(end = p->ahead.len ? memchr(p->ahead.data, '\n', p->ahead.len) : NULL)) {
        if (p->ahead.len > MI_MOST_ANSWER)
            return mi_fail(err, MI_EXIT_DATA, "the command's line is longer than %d bytes",
                           (int)MI_MOST_ANSWER);
        if ((k = read_some(p)) <= 0)
            return k < 0 ? mi_fail(err, MI_EXIT_SYS, "cannot read from the command:")
                         : mi_fail(err, MI_EXIT_DATA, "the command ended without an answer");
    }
    n = (size_t)(end - p->ahead.data);
    mi_buf_clear(answer);
    mi_buf_add(answer, p->ahead.data, n);
    memmove(p->ahead.data, p->ahead.data + n + 1, p->ahead.len - n - 1);
    p->ahead.len -= n + 1;
    return 0;
}

/* ---- ending --------------------------------------------------------------------- */

static int wait_for(struct mi_coprocess *p)
{
    int status = 0;

    close(p->from);
    while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
        ;
    mi_buf_free(&p->ahead);
    *p = (struct mi_coprocess){0};
    return status;
}

int mi_coprocess_end(struct mi_coprocess *p, struct mi_error *err)
{
    bool is_silent;
    int status;

    if (p->pid == 0)
        return 0;
    close(p->to);
    is_silent = p->ahead.len == 0 && read_some(p) == 0;
    status = wait_for(p);
    if (!is_silent)
        return mi_fail(err, MI_EXIT_DATA, "the command says more than it was asked");
    if (WIFSIGNALED(status))
        return mi_fail(err, MI_EXIT_DATA, "the command was ended by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        return mi_fail(err, MI_EXIT_DATA, "the command's exit status is %d", WEXITSTATUS(status));
    return 0;
}

void mi_coprocess_close(struct mi_coprocess *p)
{
    if (p->pid == 0)
        return;
    close(p->to);
    kill(p->pid, SIGTERM);
    wait_for(p);
}
