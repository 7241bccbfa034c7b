/* base/error.h: how a library function says what went wrong.
 *
 * Below the tools nobody prints and nobody exits. A function that can fail on
 * data or on the system returns 0 (or a count) and, on failure, the negated
 * exit code, with one line of text in the caller's struct mi_error:
 *
 *     struct mi_error err = {0};
 *     if (mi_gguf_open(&file, path, &err) < 0)
 *         ...                       (err.text: "'m.gguf': 40 tensors claimed, 3 found")
 *
 * The tool that receives it prints the text once, behind its own name. */
#ifndef MI_BASE_ERROR_H
#define MI_BASE_ERROR_H

#include <stdarg.h>
#include <stddef.h>

/* Exit codes, the same in every tool (see mi-tools(7)). */
enum mi_exit {
    MI_EXIT_OK = 0,
    MI_EXIT_NO = 1,     /* ran well; the answer is no, or nothing was produced */
    MI_EXIT_USAGE = 2,  /* the command line is wrong */
    MI_EXIT_DATA = 3,   /* an input is cut, corrupt, mismatched or refused */
    MI_EXIT_SYS = 4,    /* the system refused: file, pipe, memory, thread */
    MI_EXIT_AGAIN = 75, /* try again: a node was lost */
};

#if defined(__GNUC__)
#define MI_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define MI_NORETURN          __attribute__((noreturn))
#define MI_MUST_USE          __attribute__((warn_unused_result))
#else
#define MI_PRINTF(fmt, args)
#define MI_NORETURN
#define MI_MUST_USE
#endif

struct mi_error {
    int code;       /* an enum mi_exit, 0 while nothing has failed */
    char text[512]; /* one line without tool name and newline; safe for a terminal */
};

/* Stores the message (control bytes escaped) and returns -code. `err` may be
 * NULL. A format that ends in ':' gets errno's text appended. */
int mi_fail(struct mi_error *err, int code, const char *fmt, ...) MI_PRINTF(3, 4);
int mi_vfail(struct mi_error *err, int code, const char *fmt, va_list ap) MI_PRINTF(3, 0);

/* Puts "PREFIX: " before the text that is there: a caller adds the file or the
 * record that it knows of. Returns -err->code. */
int mi_fail_in(struct mi_error *err, const char *fmt, ...) MI_PRINTF(2, 3);

#endif
