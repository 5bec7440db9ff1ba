/* SPDX-License-Identifier: Apache-2.0 */
/* What a Retry-After asks for. */
#include "consumers/policy/retry_after.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "common/text.h"

/* The three forms of RFC 9110, 5.6.7: IMF-fixdate, RFC 850, asctime. */
static bool parse_http_date(const char *value, int64_t *ret_seconds)
{
    static const char *const formats[] = {
        "%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y", NULL};
    for (const char *const *format = formats; *format; format++) {
        struct tm tm = {0};
        const char *end = strptime(value, *format, &tm);
        if (end && *end == '\0') {
            *ret_seconds = (int64_t)timegm(&tm);
            return true;
        }
    }
    return false;
}

int64_t retry_after_ms(const char *value, int64_t now_s, int64_t max_ms)
{
    int64_t seconds;
    if (!value)
        return 0;
    if (strspn(value, "0123456789") == strlen(value) && *value) {
        if (!text_parse_int(value, &seconds))
            return max_ms; /* digits beyond 64 bits */
    } else if (parse_http_date(value, &seconds)) {
        seconds -= now_s;
    } else {
        return 0;
    }
    if (seconds <= 0)
        return 0;
    return seconds > max_ms / 1000 ? max_ms : seconds * 1000;
}
