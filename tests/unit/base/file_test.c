/* Inputs, outputs and maps against a real file system. */
#include "base/escape.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"

#include "../tap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct mi_error err;

/* Names in this folder, "." and ".." apart. */
static int count_names(void)
{
    DIR *d = opendir(".");
    int n = -2;

    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static bool holds(const char *path, const char *want)
{
    struct mi_buf b = {0};
    bool same = mi_file_read(path, 1000, &b, &err) == 0 && strcmp(mi_buf_text(&b), want) == 0;

    mi_buf_free(&b);
    return same;
}

static int write_whole(const char *path, const char *text)
{
    struct mi_out o;
    int r = mi_out_open(&o, path, &err);

    if (r == 0)
        r = mi_out_write(&o, text, strlen(text), &err);
    if (r == 0)
        r = mi_out_commit(&o, &err);
    mi_out_close(&o);
    return r;
}

static void test_commit(void)
{
    struct mi_out o, zero = {0};
    struct stat st;

    umask(022);
    ok(mi_out_open(&o, "f", &err) == 0 && o.is_file, "an output opens");
    ok(access("f", F_OK) < 0 && count_names() == 1, "the name is not there yet");
    ok(mi_out_write(&o, "one\n", 4, &err) == 0 && o.n_bytes == 4, "bytes are counted");
    ok(mi_out_commit(&o, &err) == 0 && holds("f", "one\n") && count_names() == 1, "commit");
    ok(stat("f", &st) == 0 && (st.st_mode & 0777) == 0644, "the mode follows the umask");
    ok(mi_out_commit(&o, &err) == -4, "a second commit fails");
    mi_out_close(&o);
    ok(mi_out_open(&o, "f", &err) == 0 && mi_out_write(&o, "two", 3, &err) == 0, "again");
    mi_out_close(&o);
    ok(holds("f", "one\n") && count_names() == 1, "without a commit the old file stays");
    ok(mi_out_open(&o, "f", &err) == 0 && mi_out_open(&zero, "g", &err) == 0, "two at once");
    mi_out_abandon_all();
    ok(count_names() == 1, "all temporaries go");
    ok(mi_out_write(&o, "x", 1, &err) == 0 && mi_out_commit(&o, &err) == -4 && holds("f", "one\n"),
       "then a commit fails: %s", err.text);
    mi_out_close(&o);
    mi_out_close(&zero);
    mi_out_close(&zero);
    unlink("f");
}

/* Fails with exit 4 and this text at once, and leaves nothing. */
static bool is_refused(const char *path, const char *text)
{
    struct mi_out o;
    int before = count_names(), r = mi_out_open(&o, path, &err);

    if (r == 0)
        mi_out_close(&o);
    if (!strstr(err.text, text))
        diag("%s", err.text);
    return r == -4 && strstr(err.text, text) && count_names() == before;
}

static void test_places(void)
{
    char name[256], cut[300];

    ok(is_refused("no/f", "cannot create 'no/f': No such file or directory"), "no folder");
    ok(is_refused(".", "it is a directory"), "a folder itself");
    ok(is_refused("new/", "no file name"), "a slash at the end");
    ok(is_refused("", "no file name"), "no name");
    mkdir("dir", 0755);
    ok(write_whole("dir/f", "x") == 0 && holds("dir/f", "x"), "a file in a folder");
    unlink("dir/f");
    rmdir("dir");
    memset(name, 'n', 255);
    memcpy(name + 239, "\xe4\xb8\xad", 3); /* where the temporary's name is cut */
    name[255] = '\0';
    ok(write_whole(name, "x") == 0 && holds(name, "x"), "a name of 255 bytes");
    unlink(name);
    ok(write_whole("-f \n\xff", "x") == 0 && holds("-f \n\xff", "x"), "a strange name");
    unlink("-f \n\xff");
    snprintf(cut, sizeof cut, "%s%s", name, "nn");
    ok(is_refused(cut, "File name too long"), "a name that is too long");
}

static void test_links(void)
{
    struct stat st;

    write_whole("target", "old");
    ok(symlink("target", "link") == 0 && write_whole("link", "new") == 0, "through a link");
    ok(holds("target", "new") && lstat("link", &st) == 0 && S_ISLNK(st.st_mode),
       "the target is replaced, the link stays");
    unlink("target");
    ok(is_refused("link", "'link' is a symbolic link to nothing"), "a link to nothing");
    ok(access("target", F_OK) < 0, "is not followed");
    unlink("link");
    ok(symlink("loop", "loop") == 0 && is_refused("loop", "cannot create 'loop': "), "a loop");
    unlink("loop");
}

static void test_devices(void)
{
    struct mi_out o;
    struct mi_in in;
    char text[8] = "";
    pid_t pid;

    ok(write_whole("/dev/full", "x") == -4 && strstr(err.text, "No space left"), "%s", err.text);
    ok(write_whole("/dev/null", "x") == 0, "a device takes it");
    mkfifo("fifo", 0600);
    pid = fork();
    if (pid == 0)
        _exit(write_whole("fifo", "through") != 0);
    ok(mi_in_open(&in, "fifo", &err) == 0 && !in.is_file, "a FIFO opens");
    ok(mi_in_read(&in, text, 7, &err) == 7 && strcmp(text, "through") == 0, "and is written");
    mi_in_close(&in);
    waitpid(pid, NULL, 0);
    ok(count_names() == 1, "directly");
    unlink("fifo");
    ok(mi_out_open(&o, "/dev/fd/77", &err) == -4, "%s", err.text);
}

static void test_inputs(void)
{
    struct mi_in in, zero = {0};
    struct mi_buf b = {0};
    struct mi_digest d, e;

    mi_in_close(&zero);
    ok(mi_in_open(&in, "absent", &err) == -4, "%s", err.text);
    ok(mi_in_open(&in, ".", &err) == -3 && strcmp(err.text, "'.' is a directory") == 0, "%s",
       err.text);
    write_whole("f", "0123456789");
    ok(mi_file_read("f", 10, &b, &err) == 0 && b.len == 10, "exactly the limit");
    ok(mi_file_read("f", 9, &b, &err) == -3, "%s", err.text);
    ok(mi_hash_file("f", &d, &err) == 0, "digest of a file");
    e = mi_hash_bytes("0123456789", 10);
    ok(memcmp(&d, &e, sizeof d) == 0, "is that of its bytes");
    ok(mi_hash_file("/dev/null", &d, &err) == -3, "%s", err.text);
    ok(mi_in_open(&in, "f", &err) == 0 && in.is_file && in.size == 10, "size of a file");
    ok(mi_in_unchanged(&in, &err) == 0, "unchanged");
    if (truncate("f", 3) < 0)
        diag("cannot truncate");
    ok(mi_in_unchanged(&in, &err) == -3 && strstr(err.text, "'f' changed while being read"), "%s",
       err.text);
    mi_in_close(&in);
    ok(mi_same_file("f", "./f") && !mi_same_file("f", "g") && !mi_same_file("-", "-"), "same file");
    mi_buf_free(&b);
    unlink("f");
}

/* A pipe of which both ends are non-blocking, a slow writer and a slow reader. */
static void test_non_blocking(void)
{
    struct mi_in in;
    struct mi_out o;
    int p[2], keep_in = dup(0), status;
    int64_t n, total = 0;
    char *big = mi_alloc(300000), path[32];
    pid_t pid;

    if (pipe(p) < 0)
        return;
    fcntl(p[0], F_SETFL, O_NONBLOCK);
    fcntl(p[1], F_SETFL, O_NONBLOCK);
    memset(big, 'x', 300000);
    pid = fork();
    if (pid == 0) {
        close(p[0]);
        snprintf(path, sizeof path, "/dev/fd/%d", p[1]);
        poll(NULL, 0, 20);
        _exit(mi_out_open(&o, path, &err) < 0 || mi_out_write(&o, big, 300000, &err) < 0 ||
              mi_out_commit(&o, &err) < 0);
    }
    close(p[1]);
    dup2(p[0], 0);
    close(p[0]);
    if (mi_in_open(&in, "-", &err) == 0) {
        while ((n = mi_in_read(&in, big, 7000, &err)) > 0) {
            total += n;
            if (total % 7 == 0)
                poll(NULL, 0, 1);
        }
        mi_in_close(&in);
    }
    waitpid(pid, &status, 0);
    ok(total == 300000 && status == 0, "everything comes through a non-blocking pipe (%lld)",
       (long long)total);
    dup2(keep_in, 0);
    close(keep_in);
    mi_free(big);
}

static void test_map(void)
{
    struct mi_map m, n;
    char quoted[] = "m\np";

    write_whole(quoted, "mapped");
    ok(mi_map_open(&m, quoted, &err) == 0 && m.size == 6 && memcmp(m.data, "mapped", 6) == 0,
       "a file is mapped");
    ok(mi_map_name_at(m.data + 3) && strcmp(mi_map_name_at(m.data + 3), "m\\np") == 0,
       "its name is known by address");
    ok(mi_map_name_at(&m) == NULL, "but not for other addresses");
    ok(mi_map_unchanged(&m, &err) == 0, "unchanged");
    write_whole("empty", "");
    ok(mi_map_open(&n, "empty", &err) == 0 && n.size == 0 && n.data, "an empty file");
    mi_map_close(&n);
    ok(mi_map_open(&n, "/dev/null", &err) == -3, "%s", err.text);
    mi_map_close(&m);
    mi_map_close(&m);
    ok(mi_map_open(&n, "absent", &err) == -4 && m.data == NULL, "%s", err.text);
    unlink(quoted);
    unlink("empty");
}

int main(void)
{
    char folder[] = "/tmp/mi-file-test-XXXXXX";

    if (!mkdtemp(folder) || chdir(folder) < 0)
        return 4;
    plan(50);
    test_commit();
    test_places();
    test_links();
    test_devices();
    test_inputs();
    test_non_blocking();
    test_map();
    ok(count_names() == 0, "nothing is left");
    if (chdir("/") < 0 || rmdir(folder) < 0)
        diag("'%s' is not empty", folder);
    return done();
}
