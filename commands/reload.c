/* SPDX-License-Identifier: Apache-2.0 */
/* Settings that are taken over while a process runs. */
#include "commands/reload.h"

#include <libgen.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "commands/command.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/metrics.h"

/* Somebody who writes a file is given time to finish: this long after the last sign of it, and no longer than that in
 * all, as a directory may be one in which there is always something. */
#define SETTLE_MS     200
#define SETTLE_MAX_MS 2000
/* A directory that was replaced, or that cannot be watched, is noticed by looking. */
#define LOOK_MS       10000
#define LOG_REPEAT_MS 600000
#define PROBLEMS_MAX  10 /* that are logged */

struct reload {
    struct loop *loop;
    struct settings *settings; /* in force */
    struct settings *seen;     /* as last read; NULL = those in force */
    struct roles *roles;
    struct settings_files files; /* as last looked at */
    struct loop_directory **watches;
    size_t watch_count;
    struct loop_signal *hangup;
    struct loop_timer *settle_timer, *look_timer;
    bool settling;
    struct mono_time settle_end; /* at the latest */
    bool failed;                 /* the last time */
    struct log_limit watch_limit;
};

/* --- Metrics --------------------------------------------------------------------------------------- */

enum result { APPLIED, UNCHANGED, FAILED };
static const char *const results[] = {"applied", "unchanged", "failed", NULL};

static struct metric success = METRIC_GAUGE("hookline_config_reload_success",
    "1, or 0 if the settings could not be read again the last time, and those from before are in "
    "force.",
    NULL, NULL);
static struct metric last = METRIC_GAUGE("hookline_config_last_reload_timestamp_seconds",
    "When the settings were last read without a fault, at the start or later.", NULL, NULL);
static struct metric reloads = METRIC_COUNTER("hookline_config_reloads_total",
    "How often settings were read again, by what came of it.", "result", results);

static void note(enum result result)
{
    metric_add(&reloads, result, 1);
    metric_set(&success, 0, result != FAILED);
    if (result != FAILED)
        metric_set(&last, 0, (double)wall_now().ms / 1000);
}

void reload_register_metrics(void)
{
    metric_register(&success);
    metric_register(&last);
    metric_register(&reloads);
}

static void note_start(void)
{
    reload_register_metrics();
    metric_set(&success, 0, 1);
    metric_set(&last, 0, (double)wall_now().ms / 1000);
}

/* --- Reading again --------------------------------------------------------------------------------- */

static void fail(
    struct reload *reload, const struct settings_problems *problems, const struct error *error)
{
    static const char message[] = "settings not read again, those from before stay in force";
    for (size_t i = 0; i < problems->count && i < PROBLEMS_MAX; i++)
        log_error(message, LOG_STR("where", problems->items[i].where),
            LOG_STR("error", problems->items[i].text));
    if (error_is_set(error))
        log_error(message, LOG_ERR(error));
    reload->failed = true;
    note(FAILED);
}

static void add_name(struct buffer *names, const char *name)
{
    buffer_printf(names, "%s%s", names->len ? "," : "", name);
}

/* Names what changes, and warns, once for each change, of what would need a restart. */
static void compare(const struct reload *reload, const struct settings *fresh, struct buffer *names)
{
    const struct settings *seen = reload->seen ? reload->seen : reload->settings;
    for (const struct setting *row = settings_table; row->path; row++) {
        if (!settings_differ(reload->settings, fresh, row))
            continue;
        if (row->reloadable)
            add_name(names, row->path);
        else if (settings_differ(seen, fresh, row))
            log_warn("this setting needs a restart, until then it is what it was",
                LOG_STR("setting", row->path), LOG_STR("where", settings_where(fresh, row)));
    }
}

static void tell(struct reload *reload, const struct buffer *names, bool asked)
{
    const char *file = settings_file(reload->settings);
    if (names->len)
        log_info(
            "settings changed", LOG_STR("settings", buffer_text(names)), LOG_STR("file", file));
    else if (asked || reload->failed)
        log_info("settings read again, no change", LOG_STR("file", file));
    reload->failed = false;
    note(names->len ? APPLIED : UNCHANGED);
}

/* Takes both. Nothing in here can fail. */
static void apply(struct reload *reload, struct settings *fresh, struct seal_ring *ring, bool asked)
{
    struct settings *settings = reload->settings;
    struct buffer names = BUFFER_INIT;
    enum log_level level = settings->log.level;
    compare(reload, fresh, &names);
    settings_adopt(settings, fresh);
    settings_free(reload->seen);
    reload->seen = fresh;
    if (roles_reload(reload->roles, ring))
        add_name(&names, "secrets.key_file");
    /* Whichever of both levels shows it. */
    if (settings->log.level <= level)
        log_apply(&settings->log);
    tell(reload, &names, asked);
    log_apply(&settings->log);
    buffer_release(&names);
}

static void read_again(struct reload *reload, bool asked)
{
    struct settings_problems problems;
    struct error error = ERROR_INIT;
    struct seal_ring *ring;
    struct settings *fresh = settings_load_again(reload->settings, &problems);
    if (fresh && command_key_ring(reload->settings, &ring, &error)) {
        apply(reload, fresh, ring, asked);
    } else {
        fail(reload, &problems, &error);
        settings_free(fresh);
    }
    settings_problems_release(&problems);
}

/* --- Noticing -------------------------------------------------------------------------------------- */

static void something_changed(void *arg)
{
    struct reload *reload = arg;
    struct mono_time now = mono_now();
    if (!reload->settling)
        reload->settle_end = mono_add_ms(now, SETTLE_MAX_MS);
    reload->settling = true;
    int64_t left_ms = mono_diff_ms(reload->settle_end, now);
    loop_timer_start(reload->settle_timer, left_ms < SETTLE_MS ? left_ms : SETTLE_MS, 0);
}

static void watch_directory(struct reload *reload, const char *path)
{
    struct error error = ERROR_INIT;
    struct loop_directory *watch =
        loop_directory_new(reload->loop, path, something_changed, reload, &error);
    if (watch)
        reload->watches[reload->watch_count++] = watch;
    else if (log_limit_pass(&reload->watch_limit, LOG_REPEAT_MS, NULL))
        log_warn("settings are not watched, but looked at from time to time", LOG_ERR(&error));
}

static void free_watches(struct loop_directory **watches, size_t count)
{
    for (size_t i = 0; i < count; i++)
        loop_directory_free(watches[i]);
    free(watches);
}

/* Directories and not files, as a file is replaced by a new one, or by a symbolic link on the way to it (a mounted
 * ConfigMap). All anew each time: one that was replaced is another. Before the old ones go, so that nothing is missed. */
static void watch(struct reload *reload)
{
    struct loop_directory **old = reload->watches;
    size_t old_count = reload->watch_count;
    const struct settings_files *files = &reload->files;
    char **directories = mem_array(NULL, files->count, sizeof *directories);
    reload->watches = mem_array(NULL, files->count, sizeof(struct loop_directory *));
    reload->watch_count = 0;
    for (size_t i = 0; i < files->count; i++) {
        char *copy = mem_strdup(files->paths[i]);
        bool known = false;
        directories[i] = mem_strdup(dirname(copy));
        free(copy);
        for (size_t j = 0; j < i; j++)
            known = known || strcmp(directories[i], directories[j]) == 0;
        if (!known)
            watch_directory(reload, directories[i]);
    }
    for (size_t i = 0; i < files->count; i++)
        free(directories[i]);
    free(directories);
    free_watches(old, old_count);
}

/* Returns whether the files are others than at the last look. */
static bool look(struct reload *reload)
{
    struct settings_files files;
    watch(reload);
    settings_files_look(reload->settings, &files);
    bool changed = memcmp(files.digest, reload->files.digest, sizeof files.digest) != 0;
    settings_files_release(&reload->files);
    reload->files = files;
    if (changed)
        watch(reload); /* they may include others now */
    return changed;
}

static void look_again(void *arg)
{
    struct reload *reload = arg;
    reload->settling = false;
    if (look(reload))
        read_again(reload, false);
}

static void hung_up(void *arg)
{
    struct reload *reload = arg;
    look(reload);
    read_again(reload, true);
}

/* --------------------------------------------------------------------------------------------------- */

struct reload *reload_new(struct loop *loop, struct settings *settings, struct roles *roles)
{
    struct reload *reload = mem_zalloc(sizeof *reload);
    reload->loop = loop;
    reload->settings = settings;
    reload->roles = roles;
    note_start();
    settings_files_look(settings, &reload->files);
    watch(reload);
    reload->hangup = loop_signal_new(loop, SIGHUP, hung_up, reload);
    reload->settle_timer = loop_timer_new(loop, look_again, reload);
    reload->look_timer = loop_timer_new(loop, look_again, reload);
    loop_timer_start(reload->look_timer, LOOK_MS, LOOK_MS);
    return reload;
}

void reload_free(struct reload *reload)
{
    if (!reload)
        return;
    free_watches(reload->watches, reload->watch_count);
    loop_signal_free(reload->hangup);
    loop_timer_free(reload->settle_timer);
    loop_timer_free(reload->look_timer);
    settings_files_release(&reload->files);
    settings_free(reload->seen);
    free(reload);
}
