/* base/tool.h: what every mi-* program does the same way.
 *
 * Start and end of a program, its messages, its exit codes. Nothing here knows
 * of streams or models. Not thread safe: call from the main thread only. */
#ifndef MI_BASE_TOOL_H
#define MI_BASE_TOOL_H

#include "base/error.h"

#include <stdbool.h>
#include <stdio.h>

struct mi_tool {
    const char *name;         /* "mi-direction" */
    const char *synopsis;     /* one line, without "usage:" */
    const char *about;        /* printed by --help before the options */
    const char *examples;     /* printed by --help after them */
    const char *const *verbs; /* NULL, or "verb", "its synopsis and meaning", ..., NULL */
};

/* Call first in main. Sets SIGPIPE to its default, whatever the parent chose, so
 * that a reader that leaves ends the tool quietly. Reopens closed descriptors 0 to 2,
 * installs the handlers that remove temporary files (signals, exit, SIGBUS of a map),
 * reads the environment (MI_THREADS, MI_ISA, NO_COLOR) for the layers below, and makes
 * the threads wait passively. Copies the pointers of argv, which getopt_long reorders.
 * `tool` must be static const. */
void mi_tool_start(const struct mi_tool *tool, char **argv);

/* The command line as given, NULL-ended, for -v messages; borrowed. (Provenance
 * takes the resolved options that can change a result, never this.) */
char **mi_tool_arguments(void);

/* Call last in main: `return mi_tool_end(status)`. Flushes and closes stdout; a
 * write error there turns MI_EXIT_OK into MI_EXIT_SYS with a message. */
int mi_tool_end(int status);

/* The two ends of --help (base/opt.h prints the options between); --version. */
void mi_tool_help_head(void);
void mi_tool_help_tail(void) MI_NORETURN;
void mi_tool_version(void) MI_NORETURN;

/* Prints "NAME: MESSAGE" and a hint on stderr and exits MI_EXIT_USAGE. */
void mi_tool_misuse(const char *fmt, ...) MI_PRINTF(1, 2) MI_NORETURN;

/* The streams of a tool that reads some and writes one. */
struct mi_tool_io {
    const char *output; /* NULL: standard output */
    bool is_dry_run;
    int n_stdin; /* inputs that are standard input, so far */
};

/* For every input in turn. Misuse: it is the output's own file, the second one that is standard
 * input, or standard input and a terminal; or a dry run is to have an output. */
void mi_tool_input(struct mi_tool_io *io, const char *path);

/* Prints "NAME: MESSAGE" on stderr; a format that ends in ':' gets errno's text. */
void mi_warn(const char *fmt, ...) MI_PRINTF(1, 2);
void mi_die(enum mi_exit status, const char *fmt, ...) MI_PRINTF(2, 3) MI_NORETURN;

/* True when a progress line may be drawn: stderr is a terminal, not --quiet. */
bool mi_progress_wanted(bool quiet);

/* True when the descriptor is a terminal that takes colour: no NO_COLOR, no TERM=dumb. */
bool mi_color_wanted(int fd);

/* For tools with verbs: argv[1] must be one of tool->verbs (else misuse, which names
 * the near ones; -h and -V work before it). Returns its index in the list / 2. Pass
 * argc - 1 and argv + 1 on to mi_opt_parse. */
int mi_tool_verb(int argc, char **argv);

/* Prints err->text behind the tool's name and returns err->code, for `return`. */
int mi_tool_failed(const struct mi_error *err);

#endif
