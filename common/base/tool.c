#include "base/tool.h"

#include "base/cpu.h"
#include "base/escape.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/near.h"
#include "base/opt.h"
#include "base/par.h"
#include "base/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_VERBS = 64 };

static const struct mi_tool *self;
static char **arguments;
static int verb = -1; /* index of the pair in self->verbs */
static bool color_is_unwanted;

/* ---- messages --------------------------------------------------------------- */

/* One line, whatever the text holds. */
static void MI_PRINTF(1, 0) print_message(const char *fmt, va_list ap)
{
    struct mi_error line;

    mi_vfail(&line, MI_EXIT_SYS, fmt, ap);
    fflush(stdout);
    mi_progress_clear();
    fprintf(stderr, "%s: %s\n", self ? self->name : "mi", line.text);
}

void mi_warn(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    print_message(fmt, ap);
    va_end(ap);
}

void mi_die(enum mi_exit status, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    print_message(fmt, ap);
    va_end(ap);
    exit((int)status);
}

int mi_tool_failed(const struct mi_error *err)
{
    mi_warn("%s", err->text);
    return err->code;
}

static void print_usage(FILE *to)
{
    if (verb >= 0)
        fprintf(to, "%s %s %s\n", self->name, self->verbs[2 * verb], self->verbs[2 * verb + 1]);
    else
        fprintf(to, "%s %s\n", self->name, self->synopsis);
}

void mi_tool_misuse(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    print_message(fmt, ap);
    va_end(ap);
    fputs("usage: ", stderr);
    print_usage(stderr);
    fprintf(stderr, "Try '%s --help'.\n", self->name);
    exit(MI_EXIT_USAGE);
}

void mi_tool_input(struct mi_tool_io *io, const char *path)
{
    bool is_stdin = strcmp(path, "-") == 0;

    if (io->is_dry_run && io->output)
        mi_tool_misuse("--dry-run goes to standard output: -o does not go with it");
    if (io->output && strcmp(io->output, "-") != 0 && mi_same_file(path, io->output))
        mi_tool_misuse("input and output are the same file: '%s'", mi_quote(io->output));
    if (is_stdin && io->n_stdin++)
        mi_tool_misuse("only one input can be standard input");
    if (is_stdin && isatty(STDIN_FILENO))
        mi_tool_misuse("expects a stream: a file, or a pipe on standard input");
}

/* ---- start ------------------------------------------------------------------ */

/* May be called by any thread, in the middle of anything: no exit handlers but ours. */
static void out_of_memory(size_t size)
{
    char text[160];
    int n = snprintf(text, sizeof text, "%s: out of memory (asked for %zu bytes)\n",
                     self ? self->name : "mi", size);

    mi_out_abandon_all();
    if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0)
        _exit(MI_EXIT_SYS);
    _exit(MI_EXIT_SYS);
}

/* The signal's own death follows, so that shells and make see it. */
static void on_interrupt(int sig)
{
    static const char text[] = ": interrupted\n";

    mi_out_abandon_all();
    if (mi_opt_verbose && write(STDERR_FILENO, self->name, strlen(self->name)) > 0 &&
        write(STDERR_FILENO, text, sizeof text - 1) < 0)
        _exit(MI_EXIT_SYS);
    signal(sig, SIG_DFL);
    raise(sig);
}

/* A mapped file lost the page that was to be read. Anything else dies of the signal. */
static void on_bus_error(int sig, siginfo_t *info, void *context)
{
    const char *name = mi_map_name_at(info->si_addr);
    char text[320] = "";

    (void)context;
    if (!name) {
        signal(sig, SIG_DFL);
        return; /* the access is tried again, and kills */
    }
    mi_out_abandon_all();
    strncat(text, self->name, 40);
    strcat(text, ": '");
    strncat(text, name, 208);
    strcat(text, "' changed while being read\n");
    if (write(STDERR_FILENO, text, strlen(text)) < 0)
        _exit(MI_EXIT_DATA);
    _exit(MI_EXIT_DATA);
}

static void install_handlers(void)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction now = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART | SA_NODEFER}, was;
    sigset_t ours;

    sigemptyset(&ours);
    sigaddset(&ours, SIGPIPE);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is then an error of write */
    for (int i = 0; i < 3; i++) {
        sigaddset(&ours, ends[i]);
        /* nohup and background jobs have some of them ignored: so it stays */
        if (sigaction(ends[i], NULL, &was) == 0 && was.sa_handler != SIG_IGN)
            sigaction(ends[i], &now, NULL);
    }
    now = (struct sigaction){.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
    sigaction(SIGBUS, &now, NULL);
    sigprocmask(SIG_UNBLOCK, &ours, NULL);
}

static void at_exit(void)
{
    mi_out_abandon_all();
    if (mi_par_is_starting()) /* the OpenMP library could not start a thread */
        _exit(MI_EXIT_SYS);
}

/* Numbers 0 to 2 must not be taken by data files. What stands there fails when it is
 * used (0 cannot be read, 1 cannot be written), except that messages just vanish. */
static void reopen_standard(void)
{
    static const int mode[3] = {O_WRONLY, O_RDONLY, O_WRONLY};

    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFL) < 0 && errno == EBADF && open("/dev/null", mode[fd]) != fd)
            _exit(MI_EXIT_SYS);
}

/* The OpenMP library reads its environment before main, and by default its threads spin
 * for milliseconds when they wait: two programs that share a machine then take each
 * other's time. So the program starts itself once more with a short spin (some
 * microseconds: the gaps between the loops of one layer), unless the user has said
 * something. BLAS runs on one thread, since its sums depend on the number. */
static void start_again_passive(char **argv)
{
#ifdef _OPENMP
    if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT"))
        return;
    if (setenv("GOMP_SPINCOUNT", "300", 1) == 0)
        execv("/proc/self/exe", argv);
#else
    (void)argv;
#endif
}

static void read_environment(void)
{
    const char *threads = getenv("MI_THREADS"), *isa = getenv("MI_ISA"), *term = getenv("TERM");
    const char *no_color = getenv("NO_COLOR");

    color_is_unwanted = (no_color && *no_color) || (term && strcmp(term, "dumb") == 0);
    if (threads && *threads) {
        char *end;
        long n = strtol(threads, &end, 10);

        if (*end || n < 1 || n > MI_PAR_MAX)
            mi_tool_misuse("MI_THREADS: '%s' is not a whole number from 1 to %d", mi_quote(threads),
                           (int)MI_PAR_MAX);
        mi_par_set_automatic((int)n);
    }
    mi_par_set(0);
    if (isa && *isa) {
        int r = mi_cpu_set_isa(isa);

        if (r == -1)
            mi_tool_misuse("MI_ISA: '%s' is none of portable, avx2, avx512", mi_quote(isa));
        if (r == -2)
            mi_tool_misuse("MI_ISA: this processor has no %s", isa);
    }
}

void mi_tool_start(const struct mi_tool *tool, char **argv)
{
    size_t n = 1;

    start_again_passive(argv);
    self = tool;
    reopen_standard();
    mi_seconds();
    mi_out_of_memory = out_of_memory;
    while (argv[n - 1])
        n++;
    arguments = mi_alloc_n(n, sizeof *arguments);
    memcpy(arguments, argv, n * sizeof *arguments);
    install_handlers();
    atexit(at_exit);
    read_environment();
}

char **mi_tool_arguments(void)
{
    return arguments;
}

/* ---- end -------------------------------------------------------------------- */

/* Flush, look, close the descriptor: not fclose, so that the message below may still
 * touch the stream. */
int mi_tool_end(int status)
{
    bool bad = fflush(stdout) != 0 || ferror(stdout) != 0;
    int why = errno;

    if (!bad && close(STDOUT_FILENO) != 0 && errno != EBADF && errno != EINTR) {
        bad = true;
        why = errno;
    }
    if (bad && status == MI_EXIT_OK) {
        if (why == EBADF)
            mi_warn("standard output is closed");
        else
            mi_warn("cannot write standard output: %s", strerror(why));
        status = MI_EXIT_SYS;
    }
    return status;
}

void mi_tool_help_head(void)
{
    fputs("usage: ", stdout);
    print_usage(stdout);
    if (verb < 0)
        printf("%s\n", self->about);
    if (verb < 0 && self->verbs) {
        puts("\nVerbs:");
        for (int i = 0; self->verbs[i]; i += 2)
            printf("  %-10s %s\n", self->verbs[i], self->verbs[i + 1]);
    }
}

void mi_tool_help_tail(void)
{
    if (self->examples)
        printf("\nExamples:\n%s%s", self->examples,
               *self->examples && self->examples[strlen(self->examples) - 1] == '\n' ? "" : "\n");
    printf("\nSee %s(1).\n", self->name);
    exit(mi_tool_end(MI_EXIT_OK));
}

void mi_tool_version(void)
{
    printf("%s (mi-tools) %s\n", self->name, MI_VERSION);
    exit(mi_tool_end(MI_EXIT_OK));
}

bool mi_progress_wanted(bool quiet)
{
    return !quiet && isatty(STDERR_FILENO);
}

bool mi_color_wanted(int fd)
{
    return !color_is_unwanted && isatty(fd);
}

/* ---- verbs ------------------------------------------------------------------ */

/* "a, b, c" of the verbs into text [size]. */
static const char *list_verbs(char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (int i = 0; self->verbs[i] && used < size; i += 2)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", self->verbs[i]);
    return text;
}

int mi_tool_verb(int argc, char **argv)
{
    const char *names[MAX_VERBS], *word = argc > 1 ? argv[1] : "";
    char text[320];
    int n = 0;

    for (; n < MAX_VERBS && self->verbs[2 * n]; n++) {
        names[n] = self->verbs[2 * n];
        if (strcmp(word, names[n]) == 0)
            return verb = n;
    }
    if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0) {
        mi_tool_help_head();
        printf("\n'%s VERB --help' shows the options of a verb.\n", self->name);
        mi_tool_help_tail();
    }
    if (strcmp(word, "-V") == 0 || strcmp(word, "--version") == 0)
        mi_tool_version();
    if (*word == '\0')
        mi_tool_misuse("a verb comes first: %s", list_verbs(text, sizeof text));
    if (*mi_near_names(word, names, n, text, sizeof text))
        mi_tool_misuse("unknown verb '%s'; is %s meant?", mi_quote(word), text);
    mi_tool_misuse("unknown verb '%s': it is one of %s", mi_quote(word),
                   list_verbs(text, sizeof text));
}
