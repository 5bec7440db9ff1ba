/* SPDX-License-Identifier: Apache-2.0 */
/* A small HTTP/1.1 server on the loop. The only file that knows libmicrohttpd. */
#include "common/http_server.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/buffer.h"
#include "common/listener.h"
#include "common/memory.h"

/* What is read and thrown away of a body that is too large, so that the client gets to see its 413:
 * closing on unread data resets the connection. Beyond it the connection is cut. */
#define DISCARD_MAX_BYTES ((size_t)16 << 20)

/* RECEIVING -> HANDLING               the whole request is there, the handler is being called
 * HANDLING  -> ANSWERED | WAITING     (WAITING: the connection is suspended)
 * WAITING   -> ANSWERED | ORPHANED    (ORPHANED: the connection is gone, the handler does not know)
 * RECEIVING and ANSWERED end with libmicrohttpd's request, ORPHANED ends with the answer. */
enum exchange_state { RECEIVING, HANDLING, WAITING, ANSWERED, ORPHANED };

struct answer_header {
    char *name;
    char *value;
};

struct http_exchange {
    struct http_server *server;        /* NULL when orphaned, */
    struct MHD_Connection *connection; /* and so is this */
    enum exchange_state state;
    char *method;
    char *path;
    struct buffer body; /* at most max_body_bytes */
    size_t discarded;   /* bytes of a body that is too large */
    struct answer_header *headers;
    size_t header_count;
    struct MHD_Response *response; /* from the answer until it is queued */
    int status;
    TAILQ_ENTRY(http_exchange) entry; /* in `waiting` */
};

struct http_server {
    struct MHD_Daemon *daemon;
    struct loop_watch *watch;
    struct loop_timer *timer;
    struct loop_prepare *prepare;
    http_handler *handler;
    void *arg;
    size_t max_body_bytes;
    char *address;
    uint16_t port;
    TAILQ_HEAD(, http_exchange) waiting;
    size_t open_requests; /* exchanges that libmicrohttpd knows */
    bool running;         /* inside MHD_run(), which is not re-entrant */
    bool due;             /* a connection was resumed since */
    bool closing;
};

static struct http_exchange *exchange_new(struct http_server *server,
    struct MHD_Connection *connection, const char *method, const char *path)
{
    struct http_exchange *exchange = mem_zalloc(sizeof *exchange);
    exchange->server = server;
    exchange->connection = connection;
    exchange->method = mem_strdup(method);
    exchange->path = mem_strdup(path);
    server->open_requests++;
    return exchange;
}

static void exchange_free(struct http_exchange *exchange)
{
    for (size_t i = 0; i < exchange->header_count; i++) {
        free(exchange->headers[i].name);
        free(exchange->headers[i].value);
    }
    if (exchange->response)
        MHD_destroy_response(exchange->response);
    buffer_release(&exchange->body);
    free(exchange->headers);
    free(exchange->method);
    free(exchange->path);
    free(exchange);
}

static struct MHD_Response *response_new(const void *body, size_t len)
{
    /* It takes void * for the sake of its other modes; this one only reads. */
    union {
        const void *in;
        void *out;
    } data = {.in = len ? body : ""};
    struct MHD_Response *response =
        MHD_create_response_from_buffer(len, data.out, MHD_RESPMEM_MUST_COPY);
    if (!response)
        fatal("out of memory (HTTP answer of %zu bytes)", len);
    return response;
}

/* Takes the response. */
static enum MHD_Result queue(
    struct MHD_Connection *connection, int status, struct MHD_Response *response)
{
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)status, response);
    MHD_destroy_response(response);
    return result;
}

/* An answer of the server's own. */
static enum MHD_Result refuse(
    struct MHD_Connection *connection, int status, const char *text, bool close)
{
    struct MHD_Response *response = response_new(text, strlen(text));
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; charset=utf-8");
    if (close)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    return queue(connection, status, response);
}

static enum MHD_Result refuse_closing(struct MHD_Connection *connection)
{
    return refuse(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "shutting down\n", true);
}

static enum MHD_Result refuse_too_large(struct MHD_Connection *connection, bool close)
{
    return refuse(connection, MHD_HTTP_CONTENT_TOO_LARGE, "request body too large\n", close);
}

static enum MHD_Result queue_answer(struct http_exchange *exchange)
{
    struct MHD_Response *response = exchange->response;
    exchange->response = NULL;
    return queue(exchange->connection, exchange->status, response);
}

/* Whether to refuse a body at once: when the client waits to be told, or when more would have to be
 * thrown away than is reasonable. */
static bool refuse_unread(const struct http_exchange *exchange)
{
    const char *text = http_exchange_header(exchange, MHD_HTTP_HEADER_CONTENT_LENGTH);
    size_t max = exchange->server->max_body_bytes;
    unsigned long long len = text ? strtoull(text, NULL, 10) : 0;
    return len > max &&
           (http_exchange_header(exchange, MHD_HTTP_HEADER_EXPECT) || len > DISCARD_MAX_BYTES);
}

/* MHD_NO closes the connection: an answer cannot be queued while a body is read. */
static enum MHD_Result take_body(struct http_exchange *exchange, const char *data, size_t *len)
{
    if (exchange->discarded || *len > exchange->server->max_body_bytes - exchange->body.len) {
        exchange->discarded += exchange->body.len + *len;
        buffer_release(&exchange->body);
    } else {
        buffer_add(&exchange->body, data, *len);
    }
    *len = 0;
    return exchange->discarded > DISCARD_MAX_BYTES ? MHD_NO : MHD_YES;
}

static void wait_for_answer(struct http_exchange *exchange)
{
    exchange->state = WAITING;
    TAILQ_INSERT_TAIL(&exchange->server->waiting, exchange, entry);
    MHD_suspend_connection(exchange->connection);
}

static void call_handler(struct http_exchange *exchange)
{
    struct http_server *server = exchange->server;
    exchange->state = HANDLING;
    server->handler(exchange, server->arg);
    if (exchange->state == HANDLING)
        wait_for_answer(exchange);
}

/* Called by libmicrohttpd with the headers, with each part of the body, with the end of the request
 * and, after that, when the connection was resumed. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *path,
    const char *method, const char *version, const char *upload, size_t *upload_len, void **request)
{
    (void)version;
    struct http_server *server = cls;
    struct http_exchange *exchange = *request;
    if (!exchange) {
        *request = exchange = exchange_new(server, connection, method, path);
        if (server->closing)
            return refuse_closing(connection);
        return refuse_unread(exchange) ? refuse_too_large(connection, true) : MHD_YES;
    }
    if (*upload_len)
        return take_body(exchange, upload, upload_len);
    if (exchange->discarded)
        return refuse_too_large(connection, false);
    if (server->closing && exchange->state != ANSWERED)
        return refuse_closing(connection);
    if (exchange->state == RECEIVING)
        call_handler(exchange);
    return exchange->state == ANSWERED ? queue_answer(exchange) : MHD_YES;
}

/* Called by libmicrohttpd when it forgets a request, whether it was answered or not. */
static void on_completed(void *cls, struct MHD_Connection *connection, void **request,
    enum MHD_RequestTerminationCode code)
{
    (void)connection;
    (void)code;
    struct http_server *server = cls;
    struct http_exchange *exchange = *request;
    if (!exchange)
        return;
    *request = NULL;
    server->open_requests--;
    if (exchange->state != WAITING) {
        exchange_free(exchange);
        return;
    }
    TAILQ_REMOVE(&server->waiting, exchange, entry);
    exchange->state = ORPHANED;
    exchange->connection = NULL;
    exchange->server = NULL;
}

static void run(struct http_server *server)
{
    server->running = true;
    server->due = false;
    MHD_run(server->daemon);
    server->running = false;

    MHD_UNSIGNED_LONG_LONG timeout_ms;
    if (server->due)
        loop_timer_start(server->timer, 0, 0);
    else if (MHD_get_timeout(server->daemon, &timeout_ms) == MHD_YES)
        loop_timer_start(server->timer, (int64_t)timeout_ms, 0);
    else
        loop_timer_stop(server->timer);
}

static void on_readable(void *arg, int events)
{
    (void)events;
    run(arg);
}

static void on_timer(void *arg)
{
    run(arg);
}

static void on_prepare(void *arg)
{
    struct http_server *server = arg;
    if (server->due)
        run(server);
}

/* Not before the next look at the loop: whoever answers does not want other requests' handlers to
 * be called under his feet. The timer is for answers from a hook that runs behind ours. */
static void run_soon(struct http_server *server)
{
    server->due = true;
    if (!server->running)
        loop_timer_start(server->timer, 0, 0);
}

/* NULL: of TLS, what it is given is wrong; otherwise nothing can be wrong. */
static struct MHD_Daemon *start_daemon(
    struct http_server *server, int fd, const struct http_server_options *options)
{
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)options->certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)options->private_key},
        {MHD_OPTION_END, 0, NULL},
    };
    unsigned idle_timeout_s = options->idle_timeout_s ? options->idle_timeout_s : 60;
    unsigned max_connections = options->max_connections ? options->max_connections : 1024;
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
    if (server->address[0] == '[')
        flags |= MHD_USE_IPv6;
    if (options->certificate)
        flags |= MHD_USE_TLS;
    return MHD_start_daemon(flags, server->port, NULL, NULL, on_request, server,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, max_connections,
        MHD_OPTION_CONNECTION_TIMEOUT, idle_timeout_s, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_ARRAY,
        options->certificate ? tls : &tls[2], MHD_OPTION_END);
}

struct http_server *http_server_new(struct loop *loop, const struct http_server_options *options,
    http_handler *handler, void *arg, struct error *error)
{
    int fd = listener_open(options->listen, error);
    if (fd < 0)
        return NULL;
    struct http_server *server = mem_zalloc(sizeof *server);
    TAILQ_INIT(&server->waiting);
    server->handler = handler;
    server->arg = arg;
    server->max_body_bytes = options->max_body_bytes;
    server->address = listener_address(fd, &server->port);
    server->daemon = start_daemon(server, fd, options); /* takes the descriptor */
    if (!server->daemon && !options->certificate)
        fatal("cannot start the HTTP server on %s", server->address);
    if (!server->daemon) {
        error_set(error, ERROR_CONFIG,
            "TLS cannot be used with this certificate and private key: each has to be PEM, and the "
            "one has to be the other's");
        free(server->address);
        free(server);
        return NULL;
    }
    int epoll_fd = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    server->watch = loop_watch_new(loop, epoll_fd, LOOP_READ, on_readable, server);
    server->timer = loop_timer_new(loop, on_timer, server);
    server->prepare = loop_prepare_new(loop, on_prepare, server);
    run(server); /* only now is the listening socket in the epoll set */
    return server;
}

/* Lets 503 go out to those who wait. What a slow reader does not take at once is cut off; stopping
 * with suspended connections would abort the process. */
static void close_waiting(struct http_server *server)
{
    struct http_exchange *exchange;
    server->closing = true;
    TAILQ_FOREACH(exchange, &server->waiting, entry)
        MHD_resume_connection(exchange->connection);
    for (int turn = 0; turn < 20 && server->open_requests; turn++)
        MHD_run(server->daemon);
}

void http_server_free(struct http_server *server)
{
    if (!server)
        return;
    bug_on(server->running);
    loop_prepare_free(server->prepare);
    loop_timer_free(server->timer);
    loop_watch_free(server->watch);
    close_waiting(server);
    MHD_stop_daemon(server->daemon);
    bug_on(!TAILQ_EMPTY(&server->waiting));
    free(server->address);
    free(server);
}

const char *http_server_address(const struct http_server *server)
{
    return server->address;
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}

const char *http_exchange_method(const struct http_exchange *exchange)
{
    return exchange->method;
}

const char *http_exchange_path(const struct http_exchange *exchange)
{
    return exchange->path;
}

/* What is there without a value ("?verbose") is "". */
static const char *lookup(
    const struct http_exchange *exchange, enum MHD_ValueKind kind, const char *name)
{
    const char *value = NULL;
    if (!exchange->connection || MHD_lookup_connection_value_n(exchange->connection, kind, name,
                                     strlen(name), &value, NULL) != MHD_YES)
        return NULL;
    return value ? value : "";
}

const char *http_exchange_query(const struct http_exchange *exchange, const char *name)
{
    return lookup(exchange, MHD_GET_ARGUMENT_KIND, name);
}

const char *http_exchange_header(const struct http_exchange *exchange, const char *name)
{
    return lookup(exchange, MHD_HEADER_KIND, name);
}

struct visit {
    void (*fn)(const char *name, const char *value, void *arg);
    void *arg;
};

static enum MHD_Result visit_header(
    void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    const struct visit *visit = cls;
    visit->fn(name, value ? value : "", visit->arg);
    return MHD_YES;
}

void http_exchange_headers(const struct http_exchange *exchange,
    void (*fn)(const char *name, const char *value, void *arg), void *arg)
{
    struct visit visit = {fn, arg};
    if (exchange->connection)
        MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, visit_header, &visit);
}

const void *http_exchange_body(const struct http_exchange *exchange, size_t *ret_len)
{
    *ret_len = exchange->body.len;
    return buffer_text(&exchange->body);
}

void http_exchange_add_header(struct http_exchange *exchange, const char *name, const char *value)
{
    exchange->headers =
        mem_array(exchange->headers, exchange->header_count + 1, sizeof *exchange->headers);
    exchange->headers[exchange->header_count++] =
        (struct answer_header){mem_strdup(name), mem_strdup(value)};
}

/* libmicrohttpd refuses a header with a line feed in it, which is then left out. */
static void set_response(struct http_exchange *exchange, int status, const char *content_type,
    const void *body, size_t len)
{
    exchange->response = response_new(body, len);
    exchange->status = status;
    if (content_type)
        MHD_add_response_header(exchange->response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    for (size_t i = 0; i < exchange->header_count; i++)
        MHD_add_response_header(
            exchange->response, exchange->headers[i].name, exchange->headers[i].value);
}

void http_exchange_answer(struct http_exchange *exchange, int status, const char *content_type,
    const void *body, size_t len)
{
    bug_on(status < 200 || status > 599);
    if (exchange->state == ORPHANED) {
        exchange_free(exchange);
        return;
    }
    bug_on(exchange->state != HANDLING && exchange->state != WAITING);
    set_response(exchange, status, content_type, body, len);
    bool suspended = exchange->state == WAITING;
    exchange->state = ANSWERED;
    if (!suspended)
        return;
    TAILQ_REMOVE(&exchange->server->waiting, exchange, entry);
    MHD_resume_connection(exchange->connection);
    run_soon(exchange->server);
}
