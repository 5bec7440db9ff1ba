/* SPDX-License-Identifier: Apache-2.0 */
/* W3C Trace Context. */
#include "common/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/memory.h"

#define STATE_MAX   512 /* bytes of a tracestate that have to be passed on; a longer one is not */
#define MEMBERS_MAX 32
#define KEY_MAX     256
#define VALUE_MAX   256
#define FLAGS_KNOWN 3U

#define HEX        "0123456789abcdef"
#define LOWER      "abcdefghijklmnopqrstuvwxyz"
#define KEY_SET    LOWER "0123456789_-*/@"
#define KEY_FIRST  LOWER "0123456789"
#define PARENT_LEN 55 /* of version 00, and of what others begin with */

/* --- traceparent ----------------------------------------------------------------------------------- */

/* "version-trace id-parent id-flags" in lower-case hexadecimal: 2, 32, 16 and 2 digits. */
static bool is_field(const char *text, size_t len)
{
    return strspn(text, HEX) == len;
}

static bool is_zero(const char *text, size_t len)
{
    return strspn(text, "0") >= len;
}

static bool has_shape(const char *text)
{
    return strnlen(text, PARENT_LEN) == PARENT_LEN && is_field(text, 2) && text[2] == '-' &&
           is_field(text + 3, 32) && text[35] == '-' && is_field(text + 36, 16) &&
           text[52] == '-' && strspn(text + 53, HEX) >= 2;
}

/* Later versions may go on behind a dash. */
static bool ends_well(const char *text)
{
    bool later = strncmp(text, "00", 2) != 0;
    return !text[PARENT_LEN] || (later && text[PARENT_LEN] == '-');
}

static bool is_valid(const char *text)
{
    return has_shape(text) && ends_well(text) && strncmp(text, "ff", 2) != 0 &&
           !is_zero(text + 3, 32) && !is_zero(text + 36, 16);
}

/* --- tracestate ------------------------------------------------------------------------------------ */

/* "key=value": what a vendor puts there is its own, but it must not end the list, or the line. */
static bool is_member(const char *text, size_t len)
{
    size_t key = strspn(text, KEY_SET), value = 0;
    if (key < 1 || key > KEY_MAX || key >= len || text[key] != '=' || !strchr(KEY_FIRST, *text))
        return false;
    for (const char *at = text + key + 1; at < text + len; at++, value++)
        if (*at < ' ' || *at > '~' || *at == '=')
            return false;
    return value >= 1 && value <= VALUE_MAX;
}

static bool is_state(const char *text)
{
    size_t members = 0;
    if (!*text || strnlen(text, STATE_MAX + 1) > STATE_MAX)
        return false;
    for (;; text++) {
        text += strspn(text, " \t");
        size_t whole = strcspn(text, ","), len = whole;
        while (len > 0 && strchr(" \t", text[len - 1]))
            len--;
        if (len > 0 && (!is_member(text, len) || ++members > MEMBERS_MAX)) /* none is allowed */
            return false;
        text += whole;
        if (!*text)
            return members > 0;
    }
}

/* --- An attempt ------------------------------------------------------------------------------------ */

static void make_span(const struct trace_attempt *attempt, char out[TRACE_SPAN_SIZE])
{
    char *text = mem_printf(
        "span %s %lld %lld", attempt->id, (long long)attempt->number, (long long)attempt->at.ms);
    uint64_t span = hash_keyed(text, strlen(text));
    snprintf(out, TRACE_SPAN_SIZE, "%016llx", (unsigned long long)(span ? span : 1));
    free(text);
}

bool trace_continue(
    const struct record *record, const struct trace_attempt *attempt, struct trace *ret_trace)
{
    const char *parent = record_header_text(record, "traceparent");
    if (!parent || !is_valid(parent))
        return false;
    const char *state = record_header_text(record, "tracestate");
    memcpy(ret_trace->id, parent + 3, TRACE_ID_SIZE - 1);
    ret_trace->id[TRACE_ID_SIZE - 1] = '\0';
    ret_trace->flags = (unsigned)strtoul(parent + 53, NULL, 16) & FLAGS_KNOWN;
    ret_trace->state = state && is_state(state) ? state : NULL;
    make_span(attempt, ret_trace->span);
    return true;
}

const char *trace_parent(const struct trace *trace, char out[TRACE_PARENT_SIZE])
{
    snprintf(out, TRACE_PARENT_SIZE, "00-%s-%s-%02x", trace->id, trace->span, trace->flags);
    return out;
}
