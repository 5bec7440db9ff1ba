/* SPDX-License-Identifier: Apache-2.0 */
/* /livez, /readyz, /metrics and the pages of roles on a port of their own. */
#include "common/probes.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/metrics.h"

#define CONDITIONS_MAX 64
#define PAGES_MAX      16
#define TEXT_TYPE      "text/plain; charset=utf-8"
#define METRICS_TYPE   "text/plain; version=0.0.4; charset=utf-8"

struct condition {
    char *name;
    char *detail; /* may be NULL */
    bool holds;
};

struct page {
    const char *path;
    probes_print *print;
    void *arg;
    const char *content_type;
};

struct probes {
    struct http_server *server; /* NULL without an address */
    struct page pages[PAGES_MAX];
    size_t page_count;
    struct condition conditions[CONDITIONS_MAX];
    size_t condition_count;
    char *dead; /* why, or NULL */
};

static int show_livez(struct buffer *out, const struct http_exchange *exchange, void *arg)
{
    const struct probes *probes = arg;
    (void)exchange;
    if (!probes->dead) {
        buffer_add_text(out, "alive\n");
        return 200;
    }
    buffer_printf(out, "dead: %s\n", probes->dead);
    return 503;
}

static void show_condition(const struct condition *condition, struct buffer *out)
{
    buffer_printf(out, "[%c]%s", condition->holds ? '+' : '-', condition->name);
    if (!condition->holds && condition->detail)
        buffer_printf(out, ": %s", condition->detail);
    buffer_add_text(out, "\n");
}

static int show_readyz(struct buffer *out, const struct http_exchange *exchange, void *arg)
{
    const struct probes *probes = arg;
    (void)exchange;
    if (probes_ready(probes)) {
        buffer_add_text(out, "ready\n");
        return 200;
    }
    for (size_t i = 0; i < probes->condition_count; i++)
        show_condition(&probes->conditions[i], out);
    if (probes->condition_count == 0)
        buffer_add_text(out, "starting\n");
    return 503;
}

static int show_metrics(struct buffer *out, const struct http_exchange *exchange, void *arg)
{
    (void)exchange;
    (void)arg;
    metrics_print(out);
    return 200;
}

/* The page of that path; NULL = none. */
static struct page *find_page(struct probes *probes, const char *path)
{
    for (size_t i = 0; i < probes->page_count; i++)
        if (strcmp(probes->pages[i].path, path) == 0)
            return &probes->pages[i];
    return NULL;
}

void probes_page(struct probes *probes, const char *path, probes_print *print, void *arg,
    const char *content_type)
{
    struct page *page = find_page(probes, path);
    if (print) {
        bug_on(!page && probes->page_count == PAGES_MAX);
        if (!page)
            page = &probes->pages[probes->page_count++];
        *page = (struct page){path, print, arg, content_type};
    } else if (page) {
        *page = probes->pages[--probes->page_count];
    }
}

static void answer_text(struct http_exchange *exchange, int status, const char *text)
{
    http_exchange_answer(exchange, status, TEXT_TYPE, text, strlen(text));
}

static void on_request(struct http_exchange *exchange, void *arg)
{
    const struct page *page = find_page(arg, http_exchange_path(exchange));
    const char *method = http_exchange_method(exchange);
    if (!page) {
        answer_text(exchange, 404, "not found\n");
        return;
    }
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        http_exchange_add_header(exchange, "Allow", "GET, HEAD");
        answer_text(exchange, 405, "method not allowed\n");
        return;
    }
    struct buffer out = BUFFER_INIT;
    int status = page->print(&out, exchange, page->arg);
    http_exchange_add_header(exchange, "Cache-Control", "no-store");
    http_exchange_answer(exchange, status, page->content_type, buffer_text(&out), out.len);
    buffer_release(&out);
}

struct probes *probes_new(
    struct loop *loop, const struct probes_options *options, struct error *error)
{
    struct probes *probes = mem_zalloc(sizeof *probes);
    struct http_server_options server = {
        .listen = options->listen,
        .max_body_bytes = 1024,
        .max_connections = 64,
    };
    metrics_register_process();
    probes_page(probes, "/livez", show_livez, probes, TEXT_TYPE);
    probes_page(probes, "/readyz", show_readyz, probes, TEXT_TYPE);
    probes_page(probes, "/metrics", show_metrics, NULL, METRICS_TYPE);
    if (!*options->listen)
        return probes;
    probes->server = http_server_new(loop, &server, on_request, probes, error);
    if (probes->server)
        return probes;
    error_prefix(error, "probes");
    probes_free(probes);
    return NULL;
}

void probes_free(struct probes *probes)
{
    if (!probes)
        return;
    http_server_free(probes->server);
    for (size_t i = 0; i < probes->condition_count; i++) {
        free(probes->conditions[i].name);
        free(probes->conditions[i].detail);
    }
    free(probes->dead);
    free(probes);
}

const char *probes_address(const struct probes *probes)
{
    return probes->server ? http_server_address(probes->server) : "";
}

/* The condition of that name, new if there is none. */
static struct condition *find_condition(struct probes *probes, const char *name)
{
    for (size_t i = 0; i < probes->condition_count; i++)
        if (strcmp(probes->conditions[i].name, name) == 0)
            return &probes->conditions[i];
    bug_on(probes->condition_count == CONDITIONS_MAX);
    struct condition *condition = &probes->conditions[probes->condition_count++];
    condition->name = mem_strdup(name);
    return condition;
}

void probes_condition(struct probes *probes, const char *name, bool holds, const char *detail)
{
    struct condition *condition = find_condition(probes, name);
    char *copy = mem_strdup(detail); /* first, in case it is our own */
    free(condition->detail);
    condition->detail = copy;
    condition->holds = holds;
}

void probes_dead(struct probes *probes, const char *detail)
{
    if (!probes->dead) /* the first reason is the one that matters */
        probes->dead = mem_strdup(detail);
}

bool probes_ready(const struct probes *probes)
{
    for (size_t i = 0; i < probes->condition_count; i++)
        if (!probes->conditions[i].holds)
            return false;
    return probes->condition_count > 0;
}
