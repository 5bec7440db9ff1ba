/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics that every process has, under the names that Prometheus clients agreed on. */
#include "common/metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"

/* A small file of /proc as a string; "" if it cannot be read. */
static void read_proc(const char *path, char *out, size_t size)
{
    ssize_t n = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        n = read(fd, out, size - 1);
        close(fd);
    }
    out[n > 0 ? n : 0] = '\0';
}

static double timeval_seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void refresh_cpu(struct metric *metric)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        metric_set(metric, 0, timeval_seconds(usage.ru_utime) + timeval_seconds(usage.ru_stime));
}

/* /proc/self/statm: pages in all, pages resident, … */
static double memory_bytes(bool resident)
{
    char text[128], *end;
    read_proc("/proc/self/statm", text, sizeof text);
    double pages = (double)strtoull(text, &end, 10);
    if (resident)
        pages = (double)strtoull(end, NULL, 10);
    return pages * (double)sysconf(_SC_PAGESIZE);
}

static void refresh_resident(struct metric *metric)
{
    metric_set(metric, 0, memory_bytes(true));
}

static void refresh_virtual(struct metric *metric)
{
    metric_set(metric, 0, memory_bytes(false));
}

static void refresh_open_fds(struct metric *metric)
{
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return;
    int count = -1; /* the directory's own descriptor */
    for (struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    closedir(dir);
    metric_set(metric, 0, count);
}

static void refresh_max_fds(struct metric *metric)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        metric_set(metric, 0, (double)limit.rlim_cur);
}

static void refresh_log_messages(struct metric *metric)
{
    for (size_t level = LOG_LEVEL_DEBUG; level <= LOG_LEVEL_ERROR; level++)
        metric_set(metric, level, (double)log_count((enum log_level)level));
}

static const char *const versions[] = {HOOKLINE_VERSION, NULL};
static const char *const levels[] = {"debug", "info", "warn", "error", NULL};

static struct metric start_time =
    METRIC_GAUGE("process_start_time_seconds", "When the process started (Unix time).", NULL, NULL);
static struct metric build_info =
    METRIC_GAUGE("hookline_build_info", "Always 1; the label says what runs.", "version", versions);

#define REFRESHED(kind, n, h, fn) \
    {.name = (n), .help = (h), .type = METRIC_TYPE_##kind, .refresh = (fn)}

static struct metric process_metrics[] = {
    REFRESHED(COUNTER, "process_cpu_seconds_total", "User and system CPU time spent.", refresh_cpu),
    REFRESHED(GAUGE, "process_resident_memory_bytes", "Resident memory.", refresh_resident),
    REFRESHED(GAUGE, "process_virtual_memory_bytes", "Virtual memory.", refresh_virtual),
    REFRESHED(GAUGE, "process_open_fds", "Open file descriptors.", refresh_open_fds),
    REFRESHED(GAUGE, "process_max_fds", "Most file descriptors allowed.", refresh_max_fds),
    {.name = "hookline_log_messages_total",
        .help = "Log lines written.",
        .type = METRIC_TYPE_COUNTER,
        .label = "level",
        .label_values = levels,
        .refresh = refresh_log_messages},
};

/* Field 22 of /proc/self/stat, in clock ticks since boot. The second field is the program's name,
 * in parentheses, and can hold anything. */
static double start_seconds_since_boot(void)
{
    char text[1024];
    read_proc("/proc/self/stat", text, sizeof text);
    const char *at = strrchr(text, ')');
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at ? (double)strtoull(at, NULL, 10) / (double)sysconf(_SC_CLK_TCK) : 0;
}

static double start_unix_seconds(void)
{
    double age = (double)mono_now().us / 1e6 - start_seconds_since_boot();
    return (double)(int64_t)((double)wall_now().ms - age * 1000) / 1000;
}

void metrics_register_process(void)
{
    for (size_t i = 0; i < sizeof process_metrics / sizeof *process_metrics; i++)
        metric_register(&process_metrics[i]);
    metric_register(&build_info);
    metric_set(&build_info, 0, 1);
    metric_register(&start_time);
    if (metric_value(&start_time, 0) == 0)
        metric_set(&start_time, 0, start_unix_seconds());
}
