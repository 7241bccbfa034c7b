/* The program's own edges: options, messages, signals, standard output. The test starts
 * itself again as a small tool (by MI_TRY in the environment) and looks at it from
 * outside, as a shell does. */
#include "base/escape.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/opt.h"
#include "base/par.h"
#include "base/tool.h"

#include "../tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the tool --------------------------------------------------------------- */

static const char *const verbs[] = {"fit", "INPUT", "eval", "INPUT", "combine", "INPUT...", NULL};
static const struct mi_tool plain = {"mi-try", "[options] [DEED]", "tries things", "  mi-try -n 3",
                                     NULL};
static const struct mi_tool verbal = {"mi-try", "VERB [options]", "tries verbs", NULL, verbs};

static void show_option(void *ctx, const char *name, const char *value)
{
    (void)ctx;
    printf(" %s=%s", name, value);
}

/* What the operand asks for, after the options were shown. */
static int do_deed(const char *deed, const char *output)
{
    struct mi_error err = {0};
    struct mi_out out = {0};
    struct mi_map map;

    if (strcmp(deed, "memory") == 0) {
        mi_free(mi_alloc_n(SIZE_MAX / 4, 2));
    } else if (strcmp(deed, "die") == 0) {
        mi_die(MI_EXIT_DATA, "'%s': line\n2", "f");
    } else if (strcmp(deed, "threads") == 0) {
        printf("threads %d spin %s\n", mi_par_threads(), getenv("GOMP_SPINCOUNT"));
    } else if (strcmp(deed, "wait") == 0) {
        if (mi_out_open(&out, output, &err) < 0)
            return mi_tool_failed(&err);
        printf("ready\n");
        fflush(stdout);
        pause();
    } else if (strcmp(deed, "bus") == 0) {
        if (mi_map_open(&map, output, &err) < 0 || truncate(output, 0) < 0)
            return mi_tool_failed(&err);
        return map.data[map.size - 1]; /* the page is gone */
    } else if (strcmp(deed, "out") == 0) {
        if (mi_out_open(&out, output, &err) < 0 || mi_out_write(&out, "data\n", 5, &err) < 0 ||
            mi_out_commit(&out, &err) < 0) {
            mi_out_close(&out);
            return mi_tool_failed(&err);
        }
        mi_out_close(&out);
    }
    return 0;
}

static int be_tool(int argc, char **argv)
{
    static const char *const forms[] = {"text", "tsv", NULL};
    const char *output = NULL;
    bool full = false;
    long n = 1, threads = 0;
    double x = 0.5;
    int form = 0, first;
    struct mi_strings at = {0};
    const struct mi_opt table[] = {
        MI_FLAG('f', "full", &full, "all of it"),
        MI_INT('n', "number", "N", &n, -10, 1e6, "how many"),
        MI_INT('j', "threads", "N", &threads, 0, 256, "threads"),
        MI_REAL('x', "x-value", "X", &x, 0, 1e300, "a number"),
        MI_CHOICE(0, "form", "FORM", &form, forms, "how it looks"),
        MI_STRING('o', "output", "FILE", &output, "where to"),
        MI_LIST('a', "at", "SITE", &at, "where"),
    };

    mi_tool_start(&plain, argv);
    first = mi_opt_parse(table, 7, argc, argv);
    if (first == argc) {
        printf("n=%ld x=%g form=%d full=%d at=%d |", n, x, form, full, at.n);
        mi_opt_each_that_matters(table, 7, show_option, NULL);
        putchar('\n');
        return mi_tool_end(0);
    }
    return mi_tool_end(do_deed(argv[first], output));
}

static int be_verbs(int argc, char **argv)
{
    bool full = false;
    const struct mi_opt table[] = {MI_FLAG('f', "full", &full, "all of it")};
    int v;

    mi_tool_start(&verbal, argv);
    v = mi_tool_verb(argc, argv);
    mi_opt_parse(table, 1, argc - 1, argv + 1);
    printf("%s %d\n", verbs[2 * v], full);
    return mi_tool_end(0);
}

/* ---- looking at it ---------------------------------------------------------- */

static struct {
    char out[2000], err[2000];
    int status; /* exit code, or 128 + signal */
} saw;

static void read_all(int fd, char *text, size_t size)
{
    ssize_t n = 0, got;

    while ((got = read(fd, text + n, size - 1 - (size_t)n)) > 0)
        n += got;
    text[n] = '\0';
    close(fd);
}

/* Runs a shell line in which $T is the tool. */
static int shell(const char *line)
{
    int out[2], err[2], status;
    pid_t pid;

    if (pipe(out) < 0 || pipe(err) < 0)
        return -1;
    pid = fork();
    if (pid == 0) {
        dup2(out[1], 1);
        dup2(err[1], 2);
        for (int fd = 3; fd < 20; fd++)
            close(fd);
        execl("/bin/sh", "sh", "-c", line, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    close(err[1]);
    read_all(out[0], saw.out, sizeof saw.out);
    read_all(err[0], saw.err, sizeof saw.err);
    waitpid(pid, &status, 0);
    saw.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return saw.status;
}

static bool prints(const char *arguments, const char *want)
{
    char line[500];

    snprintf(line, sizeof line, "exec $T %s", arguments);
    shell(line);
    if (saw.status != 0 || strcmp(saw.out, want) != 0 || saw.err[0])
        diag("%s: %d '%s' '%s'", arguments, saw.status, saw.out, mi_quote(saw.err));
    return saw.status == 0 && strcmp(saw.out, want) == 0 && !saw.err[0];
}

/* Exit 2, nothing on stdout, and this at the start of stderr. */
static bool is_misuse(const char *arguments, const char *want)
{
    char line[500], start[500];
    bool good;

    snprintf(line, sizeof line, "exec %s", arguments);
    snprintf(start, sizeof start, "mi-try: %s", want);
    shell(line);
    good = saw.status == 2 && !saw.out[0] && strncmp(saw.err, start, strlen(start)) == 0;
    if (!good)
        diag("%s: %d '%s' '%s'", arguments, saw.status, saw.out, mi_quote(saw.err));
    return good;
}

static void test_options(void)
{
    ok(prints("", "n=1 x=0.5 form=0 full=0 at=0 |\n"), "defaults");
    ok(prints("-n 3 -x 1e1 --form=tsv -f -a a -a b -j 2",
              "n=3 x=10 form=1 full=1 at=2 | full=true number=3 x-value=10 form=tsv at=a at=b\n"),
       "values of every kind; threads do not matter");
    ok(prints("--number -3 --x-value=.25 -vvq", "n=-3 x=0.25 form=0 full=0 at=0 | number=-3 "
                                                "x-value=0.25\n"),
       "long names, negative numbers");
    ok(prints("--verbose -qf --full -qn5", "n=5 x=0.5 form=0 full=1 at=0 | full=true number=5\n"),
       "clusters behind long names");
    ok(prints("-x 1e-400", "n=1 x=0 form=0 full=0 at=0 | x-value=0\n"), "too small is zero");
    ok(prints("-V", "mi-try (mi-tools) " MI_VERSION "\n"), "version");
    shell("$T --help");
    ok(saw.status == 0 && strstr(saw.out, "usage: mi-try [options]") == saw.out &&
           strstr(saw.out, "  -n, --number=N             how many [1]\n") && !saw.err[0],
       "help");
}

static void test_misuse(void)
{
    static const char *const numbers[] = {"0x10", "1e3", "''", "' 1'",    "+1",
                                          "1.5",  "nan", "-",  "1000001", "99999999999999999999",
                                          "one",  "-11"};
    static const char *const reals[] = {"0x1p3", "1e9999", "''", "' 1'", "+1", "nan",  "inf",
                                        "-1",    "1e",     ".",  "1,5",  "e5", "1e1.5"};
    char line[100];
    bool good = true;

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        snprintf(line, sizeof line, "$T -n %s", numbers[i]);
        good = is_misuse(line, "--number: ") && good;
    }
    ok(good, "what is no whole number in range is refused");
    good = true;
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        snprintf(line, sizeof line, "$T --x-value %s", reals[i]);
        good = is_misuse(line, "--x-value: ") && good;
    }
    ok(good, "what is no number in range is refused");
    ok(is_misuse("$T --form csv", "--form: 'csv' is none of text, tsv\n"), "a choice");
    ok(is_misuse("$T -o ''", "--output: the value is empty\n"), "an empty string");
    ok(is_misuse("$T --numbr 3", "unknown option '--numbr'; is 'number' meant?\n"), "a near one");
    ok(is_misuse("$T --num=3", "unknown option '--num'; is 'number' meant?\n"), "abbreviated");
    ok(is_misuse("$T --num 3", "unknown option '--num'; is 'number' meant?\n"), "and apart");
    ok(is_misuse("$T --hel", "unknown option '--hel'; is 'help' meant?\n"), "standard ones too");
    ok(is_misuse("$T --zzz", "unknown option '--zzz'\n"), "a far one");
    ok(is_misuse("$T -fz", "unknown option '-z'\n"), "a letter in a cluster");
    ok(is_misuse("$T -n", "option '-n' needs a value\n"), "a value that is not there");
    ok(is_misuse("$T --number", "option '--number' needs a value\n"), "also in the long form");
    ok(is_misuse("$T --full=yes", "option '--full=yes' takes no value\n"), "a value too many");
    ok(is_misuse("$T --\033[31mred", "unknown option '--\\x1b[31mred'\n"), "control bytes");
}

static void test_verbs(void)
{
    shell("$U eval -f");
    ok(saw.status == 0 && strcmp(saw.out, "eval 1\n") == 0, "a verb and its option");
    ok(is_misuse("$U", "a verb comes first: fit, eval, combine\n"), "no verb");
    ok(is_misuse("$U evla", "unknown verb 'evla'; is 'eval' meant?\n"), "a near verb");
    ok(is_misuse("$U xyzzy", "unknown verb 'xyzzy': it is one of fit, eval, combine\n"), "none");
    shell("$U --help");
    ok(saw.status == 0 && strstr(saw.out, "  combine    INPUT...\n"), "help lists the verbs");
    shell("$U fit --help");
    ok(saw.status == 0 && strstr(saw.out, "usage: mi-try fit INPUT\n") == saw.out &&
           strstr(saw.out, "--full"),
       "help of one verb");
    shell("$U -V");
    ok(saw.status == 0, "version before the verb");
}

static void test_environment(void)
{
    shell("MI_THREADS=3 $T threads");
    ok(strcmp(saw.out, mi_par_threads() > 1 ? "threads 3 spin 300\n" : saw.out) == 0,
       "MI_THREADS is read; threads wait passively: %s", mi_quote(saw.out));
    shell("MI_THREADS=x $T threads");
    ok(saw.status == 2 && strstr(saw.err, "MI_THREADS"), "but not when it is no number");
    shell("MI_ISA=mmx $T");
    ok(saw.status == 2 && strstr(saw.err, "MI_ISA"), "nor an unknown instruction set");
    shell("GOMP_SPINCOUNT=5 $T threads");
    ok(strstr(saw.out, "spin 5\n") != NULL, "the user's own setting stays");
}

static void test_output(void)
{
    shell("$T >/dev/full");
    ok(saw.status == 4 &&
           strcmp(saw.err, "mi-try: cannot write standard output: No space left on device\n") == 0,
       "a full device: %s", mi_quote(saw.err));
    shell("$T -V >/dev/full");
    ok(saw.status == 4, "also for the version");
    shell("$T >&-");
    ok(saw.status == 4 && strcmp(saw.err, "mi-try: standard output is closed\n") == 0,
       "a closed standard output: %s", mi_quote(saw.err));
    shell("$T out >&-");
    ok(saw.status == 4 && strcmp(saw.err, "mi-try: standard output is closed\n") == 0,
       "also for data: %s", mi_quote(saw.err));
    shell("$T out -o there >&- && cat there && rm there");
    ok(saw.status == 0 && strcmp(saw.out, "data\n") == 0, "unless nothing goes there");
    shell("(trap '' PIPE; $T; $T) | :; exit 0");
    ok(!saw.err[0], "a reader that leaves: silence");
    shell("$T memory");
    ok(saw.status == 4 && strstr(saw.err, "mi-try: out of memory (asked for "), "no memory: %s",
       mi_quote(saw.err));
    shell("$T die");
    ok(saw.status == 3 && strcmp(saw.err, "mi-try: 'f': line\\n2\n") == 0, "one line: %s",
       mi_quote(saw.err));
}

static void test_signals(void)
{
    static const int signals[] = {SIGTERM, SIGHUP};
    static const char *const names[] = {"TERM", "HUP"};
    char line[200];

    for (int i = 0; i < 2; i++) {
        snprintf(line, sizeof line,
                 "mkfifo f; $T wait -o late >f & read x <f; ls -A | grep -c part; kill -%s $!; "
                 "wait $!; s=$?; rm f; ls -A | grep -c late; exit $s",
                 names[i]);
        shell(line);
        ok(saw.status == 128 + signals[i] && strcmp(saw.out, "1\n0\n") == 0,
           "SIG%s: the temporary goes, the death stays (%d, %s)", names[i], saw.status,
           mi_quote(saw.out));
    }
    /* a background job of sh ignores SIGINT, so here the tool stands in front */
    shell("mkfifo f; (read x <f; kill -INT $(cat pid); rm f pid) & "
          "sh -c 'echo $$ >pid; exec $T wait -o late >f'; s=$?; wait; "
          "ls -A | grep -c part; exit $s");
    ok(saw.status == 128 + SIGINT && strcmp(saw.out, "0\n") == 0, "SIGINT: %d %s", saw.status,
       mi_quote(saw.out));
    shell("mkfifo f; (trap '' INT; exec $T wait -o late >f) & read x <f; kill -INT $!; "
          "kill -TERM $!; wait $!; s=$?; rm f; exit $s");
    ok(saw.status == 128 + SIGTERM, "an ignored signal stays ignored: %d", saw.status);
    shell("head -c 20000 /dev/zero >big; $T bus -o big; s=$?; rm big; exit $s");
    ok(saw.status == 3 && strcmp(saw.err, "mi-try: 'big' changed while being read\n") == 0,
       "a map that shrinks: %d %s", saw.status, mi_quote(saw.err));
}

int main(int argc, char **argv)
{
    char self[4096], folder[] = "/tmp/mi-tool-test-XXXXXX";
    const char *role = getenv("MI_TRY");
    ssize_t n;

    if (role)
        return strcmp(role, "tool") == 0 ? be_tool(argc, argv) : be_verbs(argc, argv);
    n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    setenv("MI_TRY", "tool", 1);
    setenv("T", "./tool", 1);
    setenv("U", "env MI_TRY=verbs ./tool", 1);
    unsetenv("MI_THREADS");
    unsetenv("MI_ISA");
    if (!mkdtemp(folder) || chdir(folder) < 0 || symlink(self, "tool") < 0)
        return 4;
    signal(SIGHUP, SIG_DFL); /* ignored under nohup, and then by all that is started here */
    signal(SIGTERM, SIG_DFL);
    plan(45);
    test_options();
    test_misuse();
    test_verbs();
    test_environment();
    test_output();
    test_signals();
    if (unlink("tool") < 0 || chdir("/") < 0 || rmdir(folder) < 0)
        diag("'%s' is not empty", folder);
    return done();
}
