/* base/par.h: the only file that knows OpenMP.
 *
 * Work is cut into tasks whose results do not depend on which thread runs them or
 * when; whoever sums over tasks keeps one partial per task and adds them in index
 * order. So every result is the same for any number of threads. */
#ifndef MI_BASE_PAR_H
#define MI_BASE_PAR_H

#include <stdbool.h>
#include <stdint.h>

/* Threads that mi_par_for may use: what mi_par_set said, else the processors in this
 * process' affinity mask and cgroup quota. */
int mi_par_threads(void);
void mi_par_set(int n_threads);           /* 0 = automatic */
void mi_par_set_automatic(int n_threads); /* what automatic means; from MI_THREADS */
enum { MI_PAR_MAX = 256 };                /* thread numbers are below this */

/* Calls task(ctx, i, thread) for i = 0 .. n-1, handed out dynamically; `thread` is in
 * 0 .. mi_par_threads()-1, for per-thread scratch. Runs in the caller when n is 1 or
 * one thread is asked for, and when called from inside a task. */
void mi_par_for(int64_t n, void (*task)(void *ctx, int64_t i, int thread), void *ctx);

/* Calls work(ctx) in this thread while the others stand by: loops in it start and end within
 * a microsecond or so, where mi_par_for alone has to wake threads that sleep. They wait awake
 * for some 50 us after a loop and give way to whoever wants the processor; then they sleep. In
 * a task or inside another crew it is a plain call. */
void mi_par_crew(void (*work)(void *ctx), void *ctx);

/* True while threads are being started: when the system refuses one, the OpenMP
 * library ends the program by itself. For the exit handler of base/tool.c. */
bool mi_par_is_starting(void);

#endif
