/* SPDX-License-Identifier: Apache-2.0 */
/* A settings file. */
#include "config/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "input.h"

/* libconfig 1.5 loses memory at syntax errors; it reads the file once, and the process ends. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig\n";
}

/* The operator's regular expressions are compiled by the C library, which takes what it takes for some of them. Nor is
 * the rest of the disk to be included. */
static bool is_left_out(const char *text)
{
    return strstr(text, "topic_regex") || strstr(text, "@include");
}

static void load(const char *text, size_t len)
{
    char path[64];
    int file = memfd_create("settings", MFD_CLOEXEC);
    bug_on(file < 0 || write(file, text, len) != (ssize_t)len);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    struct settings_source source = {.file = path};
    struct settings_problems problems;
    struct settings *settings = settings_load(&source, &problems);
    bug_on(!settings && problems.count == 0);
    for (size_t i = 0; i < problems.count; i++)
        bug_on(!problems.items[i].text || !problems.items[i].where);
    settings_problems_release(&problems);
    settings_free(settings);
    close(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = input_text((struct bytes){data, size});
    if (!is_left_out(text))
        load(text, size);
    free(text);
    return 0;
}
