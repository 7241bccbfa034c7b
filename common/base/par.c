#include "base/par.h"

#include <stdio.h>
#include <string.h>

#ifdef _OPENMP
#include <omp.h>
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

void mi_par_for(int64_t n, void (*task)(void *ctx, int64_t i, int thread), void *ctx)
{
#ifdef _OPENMP
    int k = mi_par_threads();

    if (n < k)
        k = (int)n;
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
