/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/simulator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "common/buffer.h"
#include "common/table.h"
#include "events/event.h"
#include "producers/sim_random.h"

static const char *const tenants[] = {"acme", "globex", "initech", NULL};
static const struct wall_time start = {1772439245318};

static struct simulator_options options(uint64_t seed)
{
    return (struct simulator_options){
        .tenants = tenants, .calls_per_second = 2, .seed = seed, .pace = 1};
}

static void run(const struct simulator_options *opts, int64_t step_ms, int64_t ms,
    void (*fn)(void *arg, const struct simulator_event *event), void *arg)
{
    struct simulator *sim = simulator_new(opts, start);
    for (int64_t t = step_ms; t <= ms; t += step_ms) {
        simulator_advance(sim, (struct wall_time){start.ms + t}, fn, arg);
        assert_true(simulator_next(sim).ms > start.ms + t);
    }
    simulator_free(sim);
}

static void add_line(void *arg, const struct simulator_event *event)
{
    buffer_printf(arg, "%s %s %s %lld %.*s\n", event->tenant, event->key ? event->key : "-",
        event->type, (long long)event->at.ms, (int)event->body_len, event->body);
}

static void the_same_seed_gives_the_same_bytes(void **state)
{
    (void)state;
    struct buffer a = BUFFER_INIT, b = BUFFER_INIT, c = BUFFER_INIT;
    struct simulator_options first = options(7), other = options(8);
    run(&first, 100, 120000, add_line, &a);
    run(&first, 60000, 120000, add_line, &b);
    run(&other, 60000, 120000, add_line, &c);
    assert_true(a.len > 10000);
    assert_string_equal(buffer_text(&a), buffer_text(&b));
    assert_string_not_equal(buffer_text(&a), buffer_text(&c));
    buffer_release(&a);
    buffer_release(&b);
    buffer_release(&c);
}

struct seen_call {
    char key[37];
    int created, ringing, answered, ended, finished;
    struct UT_hash_handle hh;
};

struct seen {
    struct event_rules *rules;
    struct seen_call *calls;
    int64_t last_ms;
    int total, logins, logouts, transferred, unanswered, busiest_ring, finished;
};

static void check_order(struct seen *seen, const struct simulator_event *event)
{
    struct seen_call *call;
    HASH_FIND_STR(seen->calls, event->key, call);
    if (!call) {
        call = calloc(1, sizeof *call);
        snprintf(call->key, sizeof call->key, "%s", event->key);
        HASH_ADD_STR(seen->calls, key, call);
        assert_string_equal(event->type, "call.created");
    }
    if (strcmp(event->type, "call.created") == 0) {
        assert_int_equal(call->created++, 0);
    } else if (strcmp(event->type, "call.ringing") == 0) {
        assert_int_equal(call->ended, 0);
        call->ringing++;
        seen->transferred += call->answered == 1;
    } else if (strcmp(event->type, "call.answered") == 0) {
        assert_int_equal(call->ended, 0);
        call->answered++;
    } else if (strncmp(event->body, "{\"action\"", 9) == 0) {
        assert_int_equal(call->ended, 1);
        assert_int_equal(call->finished++, 0);
        seen->finished++;
    } else {
        assert_int_equal(call->ended++, 0);
        seen->unanswered += !call->answered;
    }
    if (call->ringing > seen->busiest_ring)
        seen->busiest_ring = call->ringing;
}

static void check_event(void *arg, const struct simulator_event *event)
{
    struct seen *seen = arg;
    const struct header header = {"tenant-id", {event->tenant, strlen(event->tenant)}};
    const struct record record = {
        .topic = "calls",
        .key = {event->key, event->key ? strlen(event->key) : 0},
        .value = {event->body, event->body_len},
        .headers = &header,
        .header_count = 1,
    };
    struct event decoded;
    struct event_refusal refusal = {.tenant = ""};

    if (!event_decode(seen->rules, &record, &decoded, &refusal))
        fail_msg("%s: %s", refusal.error.text, event->body);
    assert_string_equal(decoded.type, event->type);
    assert_string_equal(decoded.tenant, event->tenant);
    assert_true(decoded.type_known);
    assert_true(event->at.ms >= seen->last_ms);
    seen->last_ms = event->at.ms;
    seen->total++;
    if (event->key) {
        assert_string_equal(decoded.order_key, event->key);
        check_order(seen, event);
    }
    seen->logins += strcmp(event->type, "agent.login") == 0;
    seen->logouts += strcmp(event->type, "agent.logout") == 0;
    event_release(&decoded);
}

static void calls_are_as_in_life(void **state)
{
    (void)state;
    const struct event_options events = {
        .tenant_header = "tenant-id", .type_pointer = "/type", .max_bytes = 262144};
    struct seen seen = {.rules = event_rules_new(&events, NULL)};
    assert_non_null(seen.rules);
    struct simulator_options opts = options(1);

    run(&opts, 1000, 1800000, check_event, &seen);
    assert_true(seen.total > 10000);
    assert_true(seen.logins > 10);
    assert_true(seen.logouts > 10);
    assert_true(seen.transferred > 20);
    assert_true(seen.finished > 100);
    assert_true(seen.busiest_ring >= 4);
    int calls = (int)HASH_COUNT(seen.calls), answered = 0;
    struct seen_call *call, *next;
    HASH_ITER(hh, seen.calls, call, next) {
        answered += call->answered > 0;
        HASH_DEL(seen.calls, call);
        free(call);
    }
    /* Two a second for half an hour; most of them reach somebody. */
    assert_in_range(calls, 3300, 3900);
    assert_true(answered > calls * 6 / 10);
    assert_true(seen.unanswered > calls / 20);
    event_rules_free(seen.rules);
}

/* The keys of a body, in order, those of inner objects too. */
static void add_keys(struct buffer *out, const json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        buffer_printf(out, "%s ", key);
        if (json_is_object(value))
            add_keys(out, value);
    }
}

/* A body's kind: same kind, same keys. */
static void kind_of(const json_t *body, char out[64])
{
    const json_t *content = json_object_get(body, "content");
    const char *type = json_string_value(json_object_get(body, "type"));
    bool customer = json_is_object(json_object_get(content, "customer"));
    snprintf(out, 64, "%s%s", content ? "finished" : type, customer ? "+customer" : "");
}

struct shape {
    char kind[64];
    char *keys;
    bool seen;
};
struct shapes {
    struct shape shapes[16];
    size_t count;
};

static struct shape *find_shape(struct shapes *shapes, const char *kind)
{
    for (size_t i = 0; i < shapes->count; i++)
        if (strcmp(shapes->shapes[i].kind, kind) == 0)
            return &shapes->shapes[i];
    return NULL;
}

static void load_shapes(struct shapes *shapes)
{
    FILE *file = fopen(TEST_DATA "/samples.ndjson", "r");
    assert_non_null(file);
    char line[4096];
    while (fgets(line, sizeof line, file)) {
        json_t *body = json_loads(line, 0, NULL);
        char kind[64];
        kind_of(body, kind);
        struct buffer keys = BUFFER_INIT;
        add_keys(&keys, body);
        if (!find_shape(shapes, kind)) {
            struct shape *shape = &shapes->shapes[shapes->count++];
            snprintf(shape->kind, sizeof shape->kind, "%s", kind);
            shape->keys = buffer_take(&keys);
        }
        buffer_release(&keys);
        json_decref(body);
    }
    fclose(file);
}

static void compare_shape(void *arg, const struct simulator_event *event)
{
    json_t *body = json_loadb(event->body, event->body_len, 0, NULL);
    char kind[64];
    kind_of(body, kind);
    struct shape *shape = find_shape(arg, kind);
    json_t *agent = json_object_get(json_object_get(body, "content"), "agent");
    if (!shape)
        fail_msg("no sample is like %s", event->body);
    if (json_is_object(agent) || !json_object_get(body, "content")) {
        struct buffer keys = BUFFER_INIT;
        add_keys(&keys, body);
        assert_string_equal(buffer_text(&keys), shape->keys);
        shape->seen = true;
        buffer_release(&keys);
    }
    json_decref(body);
}

static void bodies_are_shaped_like_the_samples(void **state)
{
    (void)state;
    struct shapes shapes = {.count = 0};
    load_shapes(&shapes);
    struct simulator_options opts = options(3);
    run(&opts, 1000, 600000, compare_shape, &shapes);
    for (size_t i = 0; i < shapes.count; i++) {
        if (!shapes.shapes[i].seen)
            fail_msg("%s never happened", shapes.shapes[i].kind);
        free(shapes.shapes[i].keys);
    }
}

static void nobody_need_call(void **state)
{
    (void)state;
    struct simulator_options opts = options(3);
    struct buffer lines = BUFFER_INIT;
    opts.calls_per_second = 0;
    run(&opts, 60000, 3600000, add_line, &lines);
    assert_null(strstr(buffer_text(&lines), " call."));
    assert_non_null(strstr(buffer_text(&lines), " agent."));
    buffer_release(&lines);
}

static void the_dice_are_fair(void **state)
{
    (void)state;
    struct sim_random random = {42};
    double unit = 0, exponential = 0;
    int sixes = 0;
    const int n = 200000;
    for (int i = 0; i < n; i++) {
        unit += sim_random_unit(&random);
        exponential += sim_random_exponential(&random);
        int die = sim_random_int(&random, 1, 6);
        assert_in_range(die, 1, 6);
        sixes += die == 6;
    }
    assert_true(unit / n > 0.497 && unit / n < 0.503);
    assert_true(exponential / n > 0.99 && exponential / n < 1.01);
    assert_in_range(sixes, n / 6 - 800, n / 6 + 800);
    random.state = 0; /* the generator's published first value for this seed */
    assert_true(sim_random_bits(&random) == 0xe220a8397b1dcdafU);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_bytes),
        cmocka_unit_test(calls_are_as_in_life),
        cmocka_unit_test(bodies_are_shaped_like_the_samples),
        cmocka_unit_test(nobody_need_call),
        cmocka_unit_test(the_dice_are_fair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
