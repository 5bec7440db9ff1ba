/* SPDX-License-Identifier: Apache-2.0 */
/* A webhook receiver. */
#include "commands/receiver.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/memory.h"

/* A request whose answer waits for its delay. There are no more of them than connections. */
struct delayed {
    struct http_exchange *exchange;
    const struct receiver_rule *rule;
    struct loop_timer *timer;
    LIST_ENTRY(delayed) link;
};

struct receiver {
    struct loop *loop;
    struct receiver_options options;
    struct http_server *server;
    char *url;
    LIST_HEAD(delayed_list, delayed) delayed;
};

static const struct receiver_rule accept_all = {"/", 204, 0, NULL};

static const struct receiver_rule *rule_for(const struct receiver *receiver, const char *path)
{
    const struct receiver_rule *rule = receiver->options.rules;
    for (; rule && rule->path; rule++)
        if (strncmp(path, rule->path, strlen(rule->path)) == 0)
            return rule;
    return &accept_all;
}

static void answer(struct http_exchange *exchange, const struct receiver_rule *rule)
{
    if (rule->retry_after)
        http_exchange_add_header(exchange, "retry-after", rule->retry_after);
    http_exchange_answer(exchange, rule->status, NULL, NULL, 0);
}

static void delay_over(void *arg)
{
    struct delayed *delayed = arg;
    answer(delayed->exchange, delayed->rule);
    LIST_REMOVE(delayed, link);
    loop_timer_free(delayed->timer);
    free(delayed);
}

static void handle(struct http_exchange *exchange, void *arg)
{
    struct receiver *receiver = arg;
    const struct receiver_rule *rule = rule_for(receiver, http_exchange_path(exchange));
    if (receiver->options.seen)
        receiver->options.seen(receiver->options.arg, exchange);
    if (rule->delay_ms <= 0) {
        answer(exchange, rule);
        return;
    }
    struct delayed *delayed = mem_zalloc(sizeof *delayed);
    delayed->exchange = exchange;
    delayed->rule = rule;
    delayed->timer = loop_timer_new(receiver->loop, delay_over, delayed);
    LIST_INSERT_HEAD(&receiver->delayed, delayed, link);
    loop_timer_start(delayed->timer, rule->delay_ms, 0);
}

/* An address that can be dialled: one that listens everywhere is also here. */
static char *make_url(const char *address)
{
    const char *everywhere[] = {"0.0.0.0:", "[::]:"};
    for (size_t i = 0; i < sizeof everywhere / sizeof everywhere[0]; i++)
        if (strncmp(address, everywhere[i], strlen(everywhere[i])) == 0)
            return mem_printf("http://localhost:%s", address + strlen(everywhere[i]));
    return mem_printf("http://%s", address);
}

struct receiver *receiver_new(
    struct loop *loop, const struct receiver_options *options, struct error *error)
{
    const struct http_server_options server = {
        .listen = options->listen,
        .max_body_bytes = RECEIVER_BODY_MAX,
    };
    struct receiver *receiver = mem_zalloc(sizeof *receiver);
    receiver->loop = loop;
    receiver->options = *options;
    LIST_INIT(&receiver->delayed);
    receiver->server = http_server_new(loop, &server, handle, receiver, error);
    if (!receiver->server) {
        free(receiver);
        return NULL;
    }
    receiver->url = make_url(http_server_address(receiver->server));
    return receiver;
}

void receiver_free(struct receiver *receiver)
{
    if (!receiver)
        return;
    const struct receiver_rule stopping = {"/", 503, 0, NULL};
    for (struct delayed *delayed = LIST_FIRST(&receiver->delayed), *next; delayed; delayed = next) {
        next = LIST_NEXT(delayed, link);
        answer(delayed->exchange, &stopping);
        loop_timer_free(delayed->timer);
        free(delayed);
    }
    http_server_free(receiver->server);
    free(receiver->url);
    free(receiver);
}

const char *receiver_url(const struct receiver *receiver)
{
    return receiver->url;
}
