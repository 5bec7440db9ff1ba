/* SPDX-License-Identifier: Apache-2.0 */
/* POSTs on the loop. curl's sockets are watched by one epoll descriptor of our own, lazily: curl
 * removes and adds a socket at every request of a connection, and epoll_ctl is called only when what
 * it wants has really changed. */
#include "webhook/http_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <unistd.h>

#include "common/memory.h"

#define EVENTS_PER_WAIT  128
#define RETRY_AFTER_SIZE 64

const char *const http_fault_names[] = {
    "answered",
    "dns",
    "connect",
    "tls",
    "timeout",
    "broken",
    "ours",
    "cancelled",
    NULL,
};

/* What a descriptor is watched for: by the kernel, and as curl wants it. */
struct socket_interest {
    uint32_t registered; /* 0 = not in the epoll set */
    uint32_t wanted;
};

TAILQ_HEAD(http_post_list, http_post);

struct http_client {
    CURLM *multi;
    struct http_client_options options;
    char *ca_file, *proxy;
    int epoll_fd;
    struct loop_watch *watch;
    struct loop_timer *timer;
    struct loop_prepare *prepare;
    struct socket_interest *sockets; /* by descriptor */
    size_t socket_count;
    struct http_post_list active, idle;
};

/* A request under way, or one kept with its handle for the next. */
struct http_post {
    TAILQ_ENTRY(http_post) link;
    struct http_client *client;
    CURL *easy;
    struct curl_slist *headers;
    http_answered *answered;
    void *arg;
    char error[CURL_ERROR_SIZE];
    char retry_after[RETRY_AFTER_SIZE];
    char kept[HTTP_ANSWER_KEPT + 1];
    size_t kept_len;
    int64_t received;
    bool capped;   /* we stopped reading the answer */
    bool has_head; /* all of the answer's head has come */
};

static void run_socket(struct http_client *client, curl_socket_t fd, int flags)
{
    int running;
    curl_multi_socket_action(client->multi, fd, flags, &running);
}

static void timer_due(void *arg)
{
    run_socket(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int set_timer(CURLM *multi, long timeout_ms, void *arg)
{
    (void)multi;
    struct http_client *client = arg;
    if (timeout_ms < 0)
        loop_timer_stop(client->timer);
    else
        loop_timer_start(client->timer, timeout_ms, 0);
    return 0;
}

static struct socket_interest *interest(struct http_client *client, curl_socket_t fd)
{
    size_t index = (size_t)fd;
    if (index >= client->socket_count) {
        size_t count = index + 64;
        client->sockets = mem_array(client->sockets, count, sizeof *client->sockets);
        memset(client->sockets + client->socket_count, 0,
            (count - client->socket_count) * sizeof *client->sockets);
        client->socket_count = count;
    }
    return &client->sockets[index];
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    (void)easy;
    (void)socket_arg;
    struct http_client *client = arg;
    struct socket_interest *socket = interest(client, fd);
    socket->wanted = 0;
    if (what == CURL_POLL_REMOVE)
        return 0; /* most likely wanted again at once; an idle one that fires is taken out then */
    if (what & CURL_POLL_IN)
        socket->wanted |= EPOLLIN;
    if (what & CURL_POLL_OUT)
        socket->wanted |= EPOLLOUT;
    if (socket->wanted == socket->registered)
        return 0;
    struct epoll_event event = {.events = socket->wanted, .data.fd = fd};
    int operation = socket->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(client->epoll_fd, operation, fd, &event) < 0)
        return -1;
    socket->registered = socket->wanted;
    return 0;
}

/* The kernel forgets a closed descriptor; so must we, before its number comes back. */
static int close_socket(void *arg, curl_socket_t fd)
{
    struct socket_interest *socket = interest(arg, fd);
    *socket = (struct socket_interest){0, 0};
    return close(fd);
}

static void serve_event(struct http_client *client, const struct epoll_event *event)
{
    curl_socket_t fd = event->data.fd;
    struct socket_interest *socket = interest(client, fd);
    if (!socket->wanted) {
        if (socket->registered)
            epoll_ctl(client->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        socket->registered = 0;
        return;
    }
    int flags = 0;
    if (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        flags |= CURL_CSELECT_IN;
    if (event->events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        flags |= CURL_CSELECT_OUT;
    if (event->events & EPOLLERR)
        flags |= CURL_CSELECT_ERR;
    run_socket(client, fd, flags);
}

static void sockets_ready(void *arg, int loop_events)
{
    (void)loop_events;
    struct http_client *client = arg;
    struct epoll_event events[EVENTS_PER_WAIT];
    int count = epoll_wait(client->epoll_fd, events, EVENTS_PER_WAIT, 0);
    for (int i = 0; i < count; i++)
        serve_event(client, &events[i]);
}

static size_t take_body(char *data, size_t size, size_t count, void *arg)
{
    struct http_post *post = arg;
    size_t len = size * count;
    size_t room = HTTP_ANSWER_KEPT - post->kept_len;
    size_t kept = len < room ? len : room;
    memcpy(post->kept + post->kept_len, data, kept);
    post->kept_len += kept;
    post->kept[post->kept_len] = '\0';
    post->received += (int64_t)len;
    if (post->received > post->client->options.max_answer_bytes) {
        post->capped = true;
        return 0; /* closes the connection */
    }
    return len;
}

static size_t take_header(char *data, size_t size, size_t count, void *arg)
{
    static const char name[] = "retry-after:";
    struct http_post *post = arg;
    size_t len = size * count, skip = sizeof name - 1;
    if (len > 5 && memcmp(data, "HTTP/", 5) == 0)
        post->has_head = false; /* that was an interim answer's */
    else if (data[0] == '\r' || data[0] == '\n')
        post->has_head = true; /* the empty line */
    if (len < skip || strncasecmp(data, name, skip) != 0)
        return len;
    while (skip < len && (data[skip] == ' ' || data[skip] == '\t'))
        skip++;
    size_t end = len;
    while (end > skip && strchr(" \t\r\n", data[end - 1]))
        end--;
    if (end - skip < sizeof post->retry_after) {
        memcpy(post->retry_after, data + skip, end - skip);
        post->retry_after[end - skip] = '\0';
    }
    return len;
}

static enum http_fault fault_of(const struct http_post *post, CURLcode code)
{
    long os_errno = 0;
    if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && post->capped))
        return post->has_head ? HTTP_ANSWERED : HTTP_BROKEN; /* to curl half a head is one */
    curl_easy_getinfo(post->easy, CURLINFO_OS_ERRNO, &os_errno);
    if (os_errno == EMFILE || os_errno == ENFILE || os_errno == ENOBUFS || os_errno == ENOMEM)
        return HTTP_OURS;
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return HTTP_DNS;
    case CURLE_COULDNT_CONNECT:
        return HTTP_CONNECT;
    case CURLE_OPERATION_TIMEDOUT:
        return HTTP_TIMEOUT;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
    case CURLE_SSL_CACERT_BADFILE:
        return HTTP_OURS;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_USE_SSL_FAILED:
        return HTTP_TLS;
    default:
        return HTTP_BROKEN;
    }
}

static int64_t moment(CURL *easy, CURLINFO what)
{
    curl_off_t us = 0;
    curl_easy_getinfo(easy, what, &us);
    return (int64_t)us;
}

/* curl's times are all counted from the start; ours are the duration of each part. */
static void fill_times(CURL *easy, struct http_answer *answer)
{
    int64_t dns = moment(easy, CURLINFO_NAMELOOKUP_TIME_T);
    int64_t connect = moment(easy, CURLINFO_CONNECT_TIME_T);
    int64_t tls = moment(easy, CURLINFO_APPCONNECT_TIME_T);
    int64_t ready = moment(easy, CURLINFO_PRETRANSFER_TIME_T);
    int64_t first = moment(easy, CURLINFO_STARTTRANSFER_TIME_T);
    answer->dns_us = dns;
    answer->connect_us = connect > dns ? connect - dns : 0;
    answer->tls_us = tls > connect ? tls - connect : 0;
    answer->first_byte_us = first > ready ? first - ready : 0;
    answer->total_us = moment(easy, CURLINFO_TOTAL_TIME_T);
}

static void fill_answer(struct http_post *post, CURLcode code, struct http_answer *answer)
{
    long status = 0, connections = 0;
    char *ip = NULL;
    answer->fault = fault_of(post, code);
    curl_easy_getinfo(post->easy, CURLINFO_NUM_CONNECTS, &connections);
    curl_easy_getinfo(post->easy, CURLINFO_PRIMARY_IP, &ip);
    if (answer->fault == HTTP_ANSWERED) {
        curl_easy_getinfo(post->easy, CURLINFO_RESPONSE_CODE, &status);
        answer->detail = "";
    } else if (code == CURLE_OK) {
        answer->detail = "The connection ended inside the head of the answer";
    } else {
        answer->detail = post->error[0] ? post->error : curl_easy_strerror(code);
    }
    answer->status = (int)status;
    answer->retry_after = post->retry_after[0] ? post->retry_after : NULL;
    answer->body = post->kept;
    answer->body_len = post->kept_len;
    answer->remote_ip = ip ? ip : "";
    answer->reused = connections == 0 && ip && *ip; /* not where none was made */
    fill_times(post->easy, answer);
}

/* Puts the handle back for the next request. */
static void retire(struct http_post *post)
{
    struct http_client *client = post->client;
    curl_multi_remove_handle(client->multi, post->easy);
    curl_slist_free_all(post->headers);
    post->headers = NULL;
    TAILQ_REMOVE(&client->active, post, link);
    TAILQ_INSERT_HEAD(&client->idle, post, link);
}

static void finish(struct http_post *post, CURLcode code)
{
    struct http_answer answer;
    fill_answer(post, code, &answer);
    post->answered(post->arg, &answer);
    retire(post);
}

/* Right before the loop waits, since a request may also end inside curl's timer. */
static void reap(void *arg)
{
    struct http_client *client = arg;
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(client->multi, &left))) {
        struct http_post *post = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &post);
        finish(post, code);
    }
}

struct http_client *http_client_new(
    struct loop *loop, const struct http_client_options *options, struct error *error)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        error_set(error, ERROR_PERMANENT, "libcurl could not be initialised");
        return NULL;
    }
    if (options->ca_file && access(options->ca_file, R_OK) < 0) {
        error_set(error, ERROR_CONFIG, "http.ca_file: %s: %s", options->ca_file, strerror(errno));
        return NULL;
    }
    struct http_client *client = mem_zalloc(sizeof *client);
    client->options = *options;
    client->ca_file = mem_strdup(options->ca_file);
    client->proxy = mem_strdup(options->proxy ? options->proxy : "");
    TAILQ_INIT(&client->active);
    TAILQ_INIT(&client->idle);
    client->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (client->epoll_fd < 0)
        fatal("epoll: %s", strerror(errno));
    client->multi = curl_multi_init();
    if (!client->multi)
        fatal("out of memory");
    client->timer = loop_timer_new(loop, timer_due, client);
    client->watch = loop_watch_new(loop, client->epoll_fd, LOOP_READ, sockets_ready, client);
    client->prepare = loop_prepare_new(loop, reap, client);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    if (options->max_connections > 0)
        curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)options->max_connections);
    return client;
}

static void free_posts(struct http_post_list *list)
{
    struct http_post *post;
    while ((post = TAILQ_FIRST(list))) {
        TAILQ_REMOVE(list, post, link);
        curl_easy_cleanup(post->easy);
        free(post);
    }
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    while (!TAILQ_EMPTY(&client->active))
        retire(TAILQ_FIRST(&client->active));
    free_posts(&client->idle);
    curl_multi_cleanup(client->multi);
    loop_watch_free(client->watch);
    loop_timer_free(client->timer);
    loop_prepare_free(client->prepare);
    close(client->epoll_fd);
    free(client->sockets);
    free(client->ca_file);
    free(client->proxy);
    free(client);
    curl_global_cleanup();
}

static struct http_post *take_post(struct http_client *client)
{
    struct http_post *post = TAILQ_FIRST(&client->idle);
    if (post) {
        TAILQ_REMOVE(&client->idle, post, link);
        curl_easy_reset(post->easy);
    } else {
        post = mem_zalloc(sizeof *post);
        post->client = client;
        post->easy = curl_easy_init();
        if (!post->easy)
            fatal("out of memory");
    }
    TAILQ_INSERT_TAIL(&client->active, post, link);
    post->error[0] = post->retry_after[0] = post->kept[0] = '\0';
    post->kept_len = 0;
    post->received = 0;
    post->capped = post->has_head = false;
    return post;
}

static void add_header(struct http_post *post, const char *line)
{
    struct curl_slist *headers = curl_slist_append(post->headers, line);
    if (!headers)
        fatal("out of memory");
    post->headers = headers;
}

static void set_connection_options(struct http_post *post, const struct http_request *request)
{
    CURL *easy = post->easy;
    struct http_client *client = post->client;
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a name server that hangs must not hold us */
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L); /* they are not the answer's */
    curl_easy_setopt(easy, CURLOPT_PROXY, client->proxy); /* also "": not from the environment */
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
        request->http2 ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
    /* Debian's built-in CAPATH disables curl's cache of the CA store: 19 ms per TLS connection. */
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    if (client->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, client->ca_file);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, client);
}

static void set_request_options(struct http_post *post, const struct http_request *request)
{
    CURL *easy = post->easy;
    add_header(post, "Expect:"); /* no round trip for 100-continue */
    add_header(post, "Accept:");
    for (const char *const *line = request->headers; line && *line; line++)
        add_header(post, *line);
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body ? request->body : "");
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, post->headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, post);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, post);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, post->error);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, post);
}

struct http_post *http_client_post(struct http_client *client, const struct http_request *request,
    http_answered *answered, void *arg)
{
    struct http_post *post = take_post(client);
    post->answered = answered;
    post->arg = arg;
    set_request_options(post, request);
    set_connection_options(post, request);
    CURLMcode code = curl_multi_add_handle(client->multi, post->easy);
    bug_on(code != CURLM_OK);
    return post;
}

void http_post_cancel(struct http_post *post)
{
    retire(post);
}
