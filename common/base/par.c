#include "base/par.h"

#include <stdio.h>
#include <string.h>

#ifdef _OPENMP
#include "base/progress.h"

#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#endif

static int asked;     /* by mi_par_set, 0 for automatic */
static int automatic; /* by mi_par_set_automatic or found, 0 for not yet */
static volatile int is_starting;

#ifdef _OPENMP

/* "max 100000" or "200000 100000" (quota, period) as whole processors, 0 for no limit. */
static int read_quota(const char *folder)
{
    char path[4352];
    long quota, period;
    FILE *f;
    int n = 0;

    if ((size_t)snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", folder) >= sizeof path)
        return 0;
    f = fopen(path, "re");
    if (!f)
        return 0;
    if (fscanf(f, "%ld %ld", &quota, &period) == 2 && quota > 0 && period > 0)
        n = (int)((quota + period - 1) / period);
    fclose(f);
    return n;
}

/* The least quota of this process' control group and those above it. */
static int find_quota(void)
{
    char line[4096];
    int least = 0;
    FILE *f = fopen("/proc/self/cgroup", "re");

    line[0] = '\0';
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "0::", 3) == 0)
            break;
    if (f)
        fclose(f);
    if (strncmp(line, "0::", 3) != 0)
        strcpy(line, "0::");
    line[strcspn(line, "\n")] = '\0';
    for (char *folder = line + 3;;) {
        char *slash = strrchr(folder, '/');
        int n = read_quota(folder);

        if (n && (!least || n < least))
            least = n;
        if (!slash)
            return least;
        *slash = '\0';
    }
}

static int find_automatic(void)
{
    int n = omp_get_max_threads(), quota = find_quota();

    if (quota && quota < n)
        n = quota;
    return n > MI_PAR_MAX ? MI_PAR_MAX : n;
}

#else

static int find_automatic(void)
{
    return 1;
}

#endif

static int limit_threads(int n)
{
#ifdef _OPENMP
    return n > MI_PAR_MAX ? MI_PAR_MAX : n;
#else
    return n > 1 ? 1 : n;
#endif
}

int mi_par_threads(void)
{
    if (asked > 0)
        return asked;
    if (automatic == 0)
        automatic = find_automatic();
    return automatic;
}

/* Every region says its own number of threads. The library's own default becomes one,
 * so that a BLAS which asks for it runs alone and sums in one order. */
void mi_par_set(int n_threads)
{
    asked = n_threads > 0 ? limit_threads(n_threads) : 0;
    mi_par_threads();
#ifdef _OPENMP
    if (automatic == 0)
        automatic = find_automatic();
    omp_set_num_threads(1);
#endif
}

void mi_par_set_automatic(int n_threads)
{
    automatic = n_threads > 0 ? limit_threads(n_threads) : 0;
}

bool mi_par_is_starting(void)
{
    return is_starting != 0;
}

#ifdef _OPENMP

/* ---- a crew: the threads of one parallel region that serve loop after loop ------------ */

/* The gate says which loop it is, whether threads may still enter it, and how many are in. A
 * loop is over when its tasks are done, whoever did them: nobody waits for a thread that
 * sleeps or has lost its processor. */
enum { IS_OPEN = 1, IS_LAST = 2, INSIDE = 4, TURN = 1 << 16 };

/* Waiting for longer than this is done asleep. Loops of one layer follow each other faster. */
#define WAIT_AWAKE 50e-6

struct crew {
    _Atomic uint64_t gate;
    _Atomic int64_t next; /* task */
    atomic_int n_asleep;
    pthread_mutex_t lock;
    pthread_cond_t wake;

    int threads; /* that serve this loop */
    int64_t n;
    void (*task)(void *ctx, int64_t i, int thread);
    void *ctx;
};

static _Thread_local struct crew *own_crew; /* that this thread leads */

static void run_crew_tasks(struct crew *c, int thread)
{
    for (int64_t i; (i = atomic_fetch_add(&c->next, 1)) < c->n;)
        c->task(c->ctx, i, thread);
}

static bool is_turn(uint64_t gate, uint64_t turn)
{
    return gate / TURN == turn;
}

static bool is_left(uint64_t gate, uint64_t turn)
{
    (void)turn;
    return gate % TURN / INSIDE == 0;
}

/* Waits until is_over(gate, turn) and gives that gate: awake at first, but others who want the
 * processor get it. */
static uint64_t wait_gate(struct crew *c, bool (*is_over)(uint64_t, uint64_t), uint64_t turn)
{
    double start = 0;
    uint64_t gate;

    for (int i = 1; !is_over(gate = atomic_load(&c->gate), turn); i++) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
        if (i % 32)
            continue;
        if (start == 0)
            start = mi_seconds();
        else if (mi_seconds() - start > WAIT_AWAKE)
            break;
        sched_yield();
    }
    if (is_over(gate, turn))
        return gate;
    pthread_mutex_lock(&c->lock);
    atomic_fetch_add(&c->n_asleep, 1);
    while (!is_over(gate = atomic_load(&c->gate), turn))
        pthread_cond_wait(&c->wake, &c->lock);
    atomic_fetch_sub(&c->n_asleep, 1);
    pthread_mutex_unlock(&c->lock);
    return gate;
}

/* After the gate has changed. */
static void wake_crew(struct crew *c)
{
    if (atomic_load(&c->n_asleep) == 0)
        return;
    pthread_mutex_lock(&c->lock);
    pthread_cond_broadcast(&c->wake);
    pthread_mutex_unlock(&c->lock);
}

static bool enter(struct crew *c, uint64_t gate, uint64_t turn)
{
    while (gate & IS_OPEN && is_turn(gate, turn))
        if (atomic_compare_exchange_weak(&c->gate, &gate, gate + INSIDE))
            return true;
    return false;
}

static bool is_later(uint64_t gate, uint64_t turn)
{
    return !is_turn(gate, turn);
}

static void serve(struct crew *c, int thread)
{
    uint64_t turn = 0, gate;

    while (!((gate = wait_gate(c, is_later, turn)) & IS_LAST)) {
        turn = gate / TURN;
        if (!enter(c, gate, turn))
            continue;
        if (thread < c->threads)
            run_crew_tasks(c, thread);
        if ((atomic_fetch_sub(&c->gate, INSIDE) & (TURN - 1)) == INSIDE) /* closed, and empty now */
            wake_crew(c);
    }
}

/* Nobody is inside and the gate is closed, so that the loop may be put down. */
static void lead(struct crew *c)
{
    struct crew *was = own_crew;

    atomic_store(&c->next, 0);
    atomic_store(&c->gate, (atomic_load(&c->gate) / TURN + 1) * TURN + IS_OPEN);
    wake_crew(c);
    own_crew = NULL;
    run_crew_tasks(c, 0);
    own_crew = was;
    atomic_fetch_and(&c->gate, ~(uint64_t)IS_OPEN);
    wait_gate(c, is_left, 0);
}

#endif

void mi_par_crew(void (*work)(void *ctx), void *ctx)
{
#ifdef _OPENMP
    const int k = mi_par_threads();
    struct crew c = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

    if (k > 1 && !omp_in_parallel()) {
        is_starting = 1;
#pragma omp parallel num_threads(k)
        if (omp_get_thread_num() == 0) {
            is_starting = 0;
            own_crew = &c;
            work(ctx);
            own_crew = NULL;
            atomic_store(&c.gate, (atomic_load(&c.gate) / TURN + 1) * TURN + IS_LAST);
            wake_crew(&c);
        } else {
            serve(&c, omp_get_thread_num());
        }
        return;
    }
#endif
    work(ctx);
}

void mi_par_for(int64_t n, void (*task)(void *ctx, int64_t i, int thread), void *ctx)
{
#ifdef _OPENMP
    int k = mi_par_threads();

    if (n < k)
        k = (int)n;
    if (k > 1 && own_crew) {
        struct crew *c = own_crew;

        c->threads = k;
        c->n = n;
        c->task = task;
        c->ctx = ctx;
        lead(c);
        return;
    }
    if (k > 1 && !omp_in_parallel()) {
        is_starting = 1;
#pragma omp parallel num_threads(k)
        {
#pragma omp master
            is_starting = 0;
#pragma omp for schedule(dynamic, 1)
            for (int64_t i = 0; i < n; i++)
                task(ctx, i, omp_get_thread_num());
        }
        return;
    }
#endif
    for (int64_t i = 0; i < n; i++)
        task(ctx, i, 0);
}
