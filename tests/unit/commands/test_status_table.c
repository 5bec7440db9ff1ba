/* SPDX-License-Identifier: Apache-2.0 */
/* How endpoints do, as a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "commands/status_table.h"

#define PROCESS                                                                                 \
    "\"count\":2,\"shown\":2,\"total\":7,\"at\":\"2026-03-02T08:14:05.318Z\",\"held\":12,"      \
    "\"max_held\":10000,\"in_flight\":3,\"max_in_flight\":1000,\"aside\":4,\"stopping\":false," \
    "\"unsure\":false}"

static void assert_table(const char *text, size_t columns, const char *table)
{
    json_error_t error;
    struct buffer out = BUFFER_INIT;
    json_t *json = json_loads(text, 0, &error);
    if (!json)
        fail_msg("%s in %s", error.text, text);
    status_table_print(json, columns, &out);
    assert_string_equal(buffer_text(&out), table);
    buffer_release(&out);
    json_decref(json);
}

#define TWO                                                                                   \
    "{\"endpoints\":[{\"endpoint\":\"acme/crm\",\"state\":\"behind\",\"reason\":\"failing\"," \
    "\"since\":\"2026-03-02T07:14:05.318Z\",\"circuit\":\"open\",\"window\":1,"               \
    "\"in_flight\":0,\"queued\":0,\"waiting\":0,\"aside\":4,"                                 \
    "\"last_error\":{\"text\":\"it answered 503\",\"at\":\"2026-03-02T08:14:02.318Z\"},"      \
    "\"oldest_waiting\":\"2026-02-25T08:14:05.318Z\","                                        \
    "\"behind\":{\"records\":4711,\"live_in_s\":7300}},"                                      \
    "{\"endpoint\":\"b/2\",\"state\":\"live\",\"reason\":null,\"since\":null,"                \
    "\"circuit\":\"closed\",\"window\":16,\"in_flight\":3,\"queued\":9,\"waiting\":1,"        \
    "\"aside\":0,\"last_error\":null,\"oldest_waiting\":\"2026-03-02T08:14:06.318Z\","        \
    "\"behind\":null}],"

static void shows_endpoints(void **state)
{
    (void)state;
    assert_table(TWO PROCESS, 0,
        "ENDPOINT  STATE        SINCE  WINDOW  FLYING  QUEUED  RETRY  ASIDE    BEHIND  OLDEST  "
        "WHY; LAST ERROR\n"
        "acme/crm  behind,open    60m       1       0       0      0      4  4711 ~2h      5d  "
        "failing; it answered 503 (3s ago)\n"
        "b/2       live             -      16       3       9      1      0         -      0s  -\n"
        "2 of 7 endpoints; held 12 of 10000, in flight 3 of 1000, set aside 4\n");
}

static void cuts_lines(void **state)
{
    (void)state;
    assert_table(TWO PROCESS, 16,
        "ENDPOINT  STATE\n"
        "acme/crm  behind\n"
        "b/2       live\n"
        "2 of 7 endpoints\n");
}

static void none(void **state)
{
    (void)state;
    assert_table("{\"endpoints\":[],\"count\":0,\"shown\":0,\"total\":0,\"held\":0,\"max_held\":1,"
                 "\"in_flight\":0,\"max_in_flight\":1,\"aside\":0,\"unsure\":true}",
        0,
        "ENDPOINT  STATE  SINCE  WINDOW  FLYING  QUEUED  RETRY  ASIDE  BEHIND  OLDEST  "
        "WHY; LAST ERROR\n"
        "0 of 0 endpoints; held 0 of 1, in flight 0 of 1, set aside 0; starts nothing: its "
        "partitions may be another's\n");
}

/* Of another version, or of somebody who means harm. */
static void strange_answers(void **state)
{
    (void)state;
    struct buffer out = BUFFER_INIT;
    const char *text = "{\"endpoints\":[{},null,7,{\"endpoint\":\"\\u001b[2J\\u009b\\n\xc3\xbc\","
                       "\"since\":\"yesterday\",\"window\":\"x\",\"behind\":[],"
                       "\"last_error\":{\"text\":\"a\\tb\"}}],\"count\":9000,\"shown\":4}";
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    status_table_print(json, 0, &out);
    assert_null(strchr(buffer_text(&out), '\x1b'));
    assert_null(strchr(buffer_text(&out), '\t'));
    assert_null(strstr(buffer_text(&out), "\xc2\x9b"));
    assert_non_null(strstr(buffer_text(&out), "?[2J??\xc3\xbc   -"));
    assert_non_null(strstr(buffer_text(&out), "a?b (- ago)\n"));
    assert_non_null(strstr(buffer_text(&out), "(8996 more match)"));
    buffer_release(&out);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_endpoints),
        cmocka_unit_test(cuts_lines),
        cmocka_unit_test(none),
        cmocka_unit_test(strange_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
