#include "base/stale.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* flock rather than POSIX locks: it belongs to the open file, not to the process, so two
 * outputs of one process keep their own. */
bool mi_stale_claim(int fd)
{
    struct stat st;
    int r;

    do
        r = flock(fd, LOCK_EX | LOCK_NB);
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return errno != EWOULDBLOCK; /* a file system without locks: nothing is ever stale there */
    return fstat(fd, &st) < 0 || st.st_nlink > 0;
}

static bool is_sibling(const char *name, const char *tmp)
{
    static const char ending[] = ".XXXXXX.part";
    size_t n = strlen(tmp), before = n - strlen(ending);

    return strlen(name) == n && memcmp(name, tmp, before + 1) == 0 &&
           strcmp(name + n - 5, ".part") == 0;
}

static void remove_unheld(int folder, const char *name)
{
    int fd = openat(folder, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;

    if (fd < 0)
        return;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        unlinkat(folder, name, 0);
    close(fd);
}

void mi_stale_remove(const char *tmp)
{
    const char *slash = strrchr(tmp, '/'), *name = slash ? slash + 1 : tmp;
    char *path = slash ? mi_strndup(tmp, (size_t)(slash - tmp) + 1) : mi_strdup(".");
    DIR *folder = opendir(path);
    struct dirent *entry;

    mi_free(path);
    if (!folder)
        return;
    while ((entry = readdir(folder)))
        if (is_sibling(entry->d_name, name))
            remove_unheld(dirfd(folder), entry->d_name);
    closedir(folder);
}
