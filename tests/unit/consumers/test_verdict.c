/* SPDX-License-Identifier: Apache-2.0 */
/* The table of docs/contract.md, "The request", over every status and fault. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumers/policy/verdict.h"

/* The first row that holds the status. */
static const struct row {
    int from, to;
    struct judgement judgement;
} rows[] = {
    {410, 410, {VERDICT_GONE, true, false}},
    {429, 429, {VERDICT_RETRY, true, true}},
    {503, 503, {VERDICT_RETRY, true, true}},
    {502, 502, {VERDICT_RETRY, true, false}},
    {504, 504, {VERDICT_RETRY, true, false}},
    {408, 408, {VERDICT_RETRY, false, false}},
    {425, 425, {VERDICT_RETRY, false, false}},
    {200, 299, {VERDICT_DELIVERED, false, false}},
    {300, 499, {VERDICT_REJECTED, false, false}},
    {500, 599, {VERDICT_RETRY, false, false}},
    {100, 199, {VERDICT_RETRY, false, false}}, /* no answer that ends a request */
};

static void check(enum http_fault fault, int status, const struct judgement *expected)
{
    struct judgement judgement = verdict_judge(fault, status);
    if (judgement.verdict != expected->verdict ||
        judgement.endpoint_fault != expected->endpoint_fault ||
        judgement.may_pause != expected->may_pause)
        fail_msg("fault %d, status %d: verdict %d, at fault %d, may pause %d", fault, status,
            judgement.verdict, judgement.endpoint_fault, judgement.may_pause);
}

static void every_status(void **state)
{
    (void)state;
    for (int status = 100; status <= 599; status++) {
        const struct row *row = rows;
        while (status < row->from || status > row->to)
            row++;
        check(HTTP_ANSWERED, status, &row->judgement);
    }
}

static void what_is_no_status(void **state)
{
    (void)state;
    static const int statuses[] = {0, -1, 1, 99, 600, 999, INT32_MAX};
    const struct judgement expected = {VERDICT_RETRY, false, false};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        check(HTTP_ANSWERED, statuses[i], &expected);
}

static void every_fault(void **state)
{
    (void)state;
    static const struct judgement expected[HTTP_FAULTS] = {
        [HTTP_DNS] = {VERDICT_RETRY, true, false},
        [HTTP_CONNECT] = {VERDICT_RETRY, true, false},
        [HTTP_TLS] = {VERDICT_RETRY, true, false},
        [HTTP_TIMEOUT] = {VERDICT_RETRY, true, false},
        [HTTP_BROKEN] = {VERDICT_RETRY, true, false},
        [HTTP_OURS] = {VERDICT_OURS, false, false},
        [HTTP_CANCELLED] = {VERDICT_OURS, false, false},
        [HTTP_BLOCKED] = {VERDICT_BLOCKED, false, false},
        [HTTP_TOKEN] = {VERDICT_RETRY, true, false},
    };
    static const int statuses[] = {0, 200, 204, 410, 429, 503}; /* also left over from a timeout */
    for (int fault = HTTP_ANSWERED + 1; fault < HTTP_FAULTS; fault++)
        for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
            check((enum http_fault)fault, statuses[i], &expected[fault]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status),
        cmocka_unit_test(what_is_no_status),
        cmocka_unit_test(every_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
