/* SPDX-License-Identifier: Apache-2.0 */
/* What the demo counts. */
#include "commands/demo_figures.h"

#include <string.h>

#include "common/memory.h"
#include "producers/dead_letter.h"
#include "producers/result.h"

struct demo_figures *demo_figures_new(void)
{
    struct demo_figures *figures = mem_zalloc(sizeof *figures);
    for (const struct demo_endpoint *e = demo_endpoints; e->tenant; e++) {
        bug_on(figures->row_count == DEMO_ROWS_MAX - 1);
        figures->rows[figures->row_count++].endpoint = e;
    }
    figures->row_count++;
    return figures;
}

/* The row of a key "<tenant>/<subscription>"; the last one for others. */
static struct demo_row *row_of(struct demo_figures *figures, const char *tenant, size_t tenant_len,
    const char *id, size_t id_len)
{
    size_t i = 0;
    for (; i + 1 < figures->row_count; i++) {
        const struct demo_endpoint *e = figures->rows[i].endpoint;
        if (strlen(e->tenant) == tenant_len && memcmp(e->tenant, tenant, tenant_len) == 0 &&
            strlen(e->id) == id_len && memcmp(e->id, id, id_len) == 0)
            break;
    }
    return &figures->rows[i];
}

static struct demo_row *row_of_key(struct demo_figures *figures, struct bytes key)
{
    const char *text = key.data ? key.data : "";
    const char *slash = memchr(text, '/', key.len);
    size_t tenant_len = slash ? (size_t)(slash - text) : 0;
    return row_of(
        figures, text, tenant_len, slash ? slash + 1 : "", slash ? key.len - tenant_len - 1 : 0);
}

void demo_figures_delivery(struct demo_figures *figures, const struct record *record)
{
    row_of_key(figures, record->key)->deliveries++;
}

void demo_figures_result(struct demo_figures *figures, const struct record *record)
{
    struct result_decoded decoded;
    if (!result_decode(record, &decoded, NULL))
        return;
    const struct result *result = &decoded.result;
    struct demo_row *row = row_of(figures, result->tenant, strlen(result->tenant),
        result->subscription, strlen(result->subscription));
    if (result->outcome == RESULT_DELIVERED) {
        row->delivered++;
        latencies_add(&row->latencies, result->at.ms - result->event_at.ms);
    } else if (result->outcome == RESULT_RETRY) {
        row->retries++;
    }
    result_decoded_release(&decoded);
}

void demo_figures_dead_letter(struct demo_figures *figures, const struct record *record)
{
    struct dead_letter letter;
    if (!dead_letter_decode(record, &letter, NULL))
        return;
    if (record_header(record, "hookline-id"))
        row_of_key(figures, record->key)->dead++;
    else
        figures->refused++;
}

struct demo_row *demo_figures_sum(const struct demo_figures *figures, const char *tenant)
{
    struct demo_row *sum = mem_zalloc(sizeof *sum);
    for (size_t i = 0; i < figures->row_count; i++) {
        const struct demo_row *row = &figures->rows[i];
        if (tenant && (!row->endpoint || strcmp(row->endpoint->tenant, tenant) != 0))
            continue;
        sum->deliveries += row->deliveries;
        sum->delivered += row->delivered;
        sum->retries += row->retries;
        sum->dead += row->dead;
        latencies_merge(&sum->latencies, &row->latencies);
    }
    return sum;
}

int64_t demo_row_waiting(const struct demo_row *row)
{
    /* The topics are read one beside the other: an answer can be seen before its delivery. */
    int64_t waiting = row->deliveries - row->delivered - row->dead;
    return waiting > 0 ? waiting : 0;
}
