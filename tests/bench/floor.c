/* SPDX-License-Identifier: Apache-2.0 */
/* The floor of the benchmarks: the same POSTs as Hookline's with libcurl's multi interface and
 * nothing else. As little as libcurl allows is done per request: handles, bodies and header lists
 * are kept, and a new id, time and signature are written into the list's lines where they stand.
 *
 * curl takes a socket out of the set that it wants watched after each request. The registration
 * with epoll is kept all the same and changed only when the interest changes ("lazy"), as in
 * webhook/http_client.c. */
#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_PER_WAIT 256
#define SOCKETS_MAX     65536
#define BODY_MAX        16384
#define LINE_SIZE       128
#define URLS_MAX        250
#define SECRET_BYTES    32

struct interest {
    uint32_t wanted, registered;
};

struct job {
    CURL *easy;
    char *body;
    /* The lines that change lie here; the nodes of `headers` point at them. */
    char id[LINE_SIZE], time[LINE_SIZE], signature[LINE_SIZE];
    struct curl_slist headers[10];
};

static struct {
    const char *host; /* "127.0.0.": the addresses' last number follows */
    unsigned long port, addresses, requests, in_flight, size;
    bool is_signed;
} options = {"127.0.0.", 0, 1, 500000, 64, 600, false};

static CURLM *multi;
static int epoll_fd;
static struct interest sockets[SOCKETS_MAX];
static int64_t timer_due_us = -1;
static EVP_MAC_CTX *mac;
static char urls[URLS_MAX][64];
static unsigned long begun, ended, failed, connected;

static void die(const char *what)
{
    fprintf(stderr, "floor: %s\n", what);
    exit(1);
}

static int64_t clock_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* --- Sockets and timer ---------------------------------------------------------------------- */

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    (void)easy, (void)arg, (void)socket_arg;
    if (fd >= SOCKETS_MAX)
        return -1;
    struct interest *interest = &sockets[fd];
    interest->wanted = 0;
    if (what == CURL_POLL_REMOVE)
        return 0;
    if (what & CURL_POLL_IN)
        interest->wanted |= EPOLLIN;
    if (what & CURL_POLL_OUT)
        interest->wanted |= EPOLLOUT;
    if (interest->wanted == interest->registered)
        return 0;
    struct epoll_event event = {.events = interest->wanted, .data.fd = fd};
    int operation = interest->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(epoll_fd, operation, fd, &event) < 0)
        return -1;
    interest->registered = interest->wanted;
    return 0;
}

static int close_socket(void *arg, curl_socket_t fd)
{
    (void)arg;
    sockets[fd] = (struct interest){0, 0};
    return close(fd);
}

static int set_timer(CURLM *handle, long timeout_ms, void *arg)
{
    (void)handle, (void)arg;
    timer_due_us = timeout_ms < 0 ? -1 : clock_us(CLOCK_MONOTONIC) + timeout_ms * 1000;
    return 0;
}

static void serve_event(const struct epoll_event *event)
{
    int running, flags = 0;
    struct interest *interest = &sockets[event->data.fd];
    if (!interest->wanted) {
        if (interest->registered)
            epoll_ctl(epoll_fd, EPOLL_CTL_DEL, event->data.fd, NULL);
        interest->registered = 0;
        return;
    }
    if (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        flags |= CURL_CSELECT_IN;
    if (event->events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        flags |= CURL_CSELECT_OUT;
    if (event->events & EPOLLERR)
        flags |= CURL_CSELECT_ERR;
    curl_multi_socket_action(multi, event->data.fd, flags, &running);
}

static void turn(void)
{
    struct epoll_event events[EVENTS_PER_WAIT];
    int timeout_ms = 1000, running;
    if (timer_due_us >= 0) {
        int64_t left_us = timer_due_us - clock_us(CLOCK_MONOTONIC);
        timeout_ms = left_us > 0 ? (int)((left_us + 999) / 1000) : 0;
    }
    int count = epoll_wait(epoll_fd, events, EVENTS_PER_WAIT, timeout_ms);
    for (int i = 0; i < count; i++)
        serve_event(&events[i]);
    if (timer_due_us >= 0 && clock_us(CLOCK_MONOTONIC) >= timer_due_us) {
        timer_due_us = -1;
        curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
}

/* --- Requests ------------------------------------------------------------------------------- */

static size_t drop(char *data, size_t size, size_t count, void *arg)
{
    (void)data, (void)arg;
    return size * count;
}

static void mac_open(void)
{
    unsigned char secret[SECRET_BYTES] = {1, 2, 3};
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    mac = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
    if (!mac || !EVP_MAC_init(mac, secret, sizeof secret, params))
        die("no HMAC");
    EVP_MAC_free(hmac);
}

/* Standard Webhooks, v1: the HMAC of "<id>.<timestamp>.<body>". */
static void sign(struct job *job, const char *id, const char *time)
{
    unsigned char hash[32], text[48];
    size_t len;
    EVP_MAC_init(mac, NULL, 0, NULL); /* the same key again */
    EVP_MAC_update(mac, (const unsigned char *)id, strlen(id));
    EVP_MAC_update(mac, (const unsigned char *)".", 1);
    EVP_MAC_update(mac, (const unsigned char *)time, strlen(time));
    EVP_MAC_update(mac, (const unsigned char *)".", 1);
    EVP_MAC_update(mac, (const unsigned char *)job->body, options.size);
    if (!EVP_MAC_final(mac, hash, &len, sizeof hash))
        die("HMAC failed");
    EVP_EncodeBlock(text, hash, (int)len);
    snprintf(job->signature, sizeof job->signature, "webhook-signature: v1,%s", (char *)text);
}

static void begin(struct job *job)
{
    static const char id_name[] = "webhook-id: ", time_name[] = "webhook-timestamp: ";
    snprintf(job->id, sizeof job->id, "%smsg_%032lx", id_name, begun);
    snprintf(job->time, sizeof job->time, "%s%" PRId64, time_name, (int64_t)time(NULL));
    if (options.is_signed)
        sign(job, job->id + sizeof id_name - 1, job->time + sizeof time_name - 1);
    if (options.addresses > 1)
        curl_easy_setopt(job->easy, CURLOPT_URL, urls[begun % options.addresses]);
    begun++;
    if (curl_multi_add_handle(multi, job->easy) != CURLM_OK)
        die("curl_multi_add_handle");
}

static void set_headers(struct job *job)
{
    static char lines[][LINE_SIZE] = {"Expect:", "Accept:", "content-type: application/json",
        "user-agent: Hookline/floor", "hookline-event: call.ended", "hookline-attempt: 1",
        "hookline-tenant: tenant-0"};
    size_t count = 0;
    for (; count < sizeof lines / sizeof lines[0]; count++)
        job->headers[count].data = lines[count];
    job->headers[count++].data = job->id;
    job->headers[count++].data = job->time;
    if (options.is_signed)
        job->headers[count++].data = job->signature;
    for (size_t i = 0; i + 1 < count; i++)
        job->headers[i].next = &job->headers[i + 1];
}

static struct job *job_new(void)
{
    struct job *job = calloc(1, sizeof *job);
    if (!job || !(job->easy = curl_easy_init()) || !(job->body = malloc(BODY_MAX)))
        die("out of memory");
    memset(job->body, 'x', options.size);
    set_headers(job);
    curl_easy_setopt(job->easy, CURLOPT_URL, urls[0]);
    curl_easy_setopt(job->easy, CURLOPT_POST, 1L);
    curl_easy_setopt(job->easy, CURLOPT_POSTFIELDS, job->body);
    curl_easy_setopt(job->easy, CURLOPT_POSTFIELDSIZE, (long)options.size);
    curl_easy_setopt(job->easy, CURLOPT_HTTPHEADER, job->headers);
    curl_easy_setopt(job->easy, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(job->easy, CURLOPT_PRIVATE, job);
    curl_easy_setopt(job->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(job->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(job->easy, CURLOPT_TIMEOUT_MS, 15000L);
    curl_easy_setopt(job->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(job->easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    return job;
}

static void reap(void)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(multi, &left))) {
        struct job *job = NULL;
        long status = 0, made = 0;
        CURLcode code = message->data.result;
        CURL *easy = message->easy_handle;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &job);
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &made);
        connected += (unsigned long)made;
        curl_multi_remove_handle(multi, easy);
        ended++;
        if (code != CURLE_OK || status != 200)
            failed++;
        if (begun < options.requests)
            begin(job);
    }
}

/* --- Figures -------------------------------------------------------------------------------- */

struct moment {
    unsigned long ended;
    int64_t wall_us, user_us, system_us;
};

static struct moment moment(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (struct moment){ended, clock_us(CLOCK_MONOTONIC),
        (int64_t)usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec,
        (int64_t)usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec};
}

static void print(const struct moment *from, const struct moment *to)
{
    double count = (double)(to->ended - from->ended);
    double user = (double)(to->user_us - from->user_us) / count;
    double system = (double)(to->system_us - from->system_us) / count;
    printf("{\"requests\": %lu, \"failed\": %lu, \"connections\": %lu, \"cpu_us\": %.3f, "
           "\"user_us\": %.3f, \"system_us\": %.3f, \"per_second\": %.0f}\n",
        ended, failed, connected, user + system, user, system,
        count * 1e6 / (double)(to->wall_us - from->wall_us));
}

static void run(void)
{
    struct moment warm = {0}, last;
    unsigned long from = options.requests / 10, to = options.requests * 95 / 100;
    for (unsigned long i = 0; i < options.in_flight && begun < options.requests; i++)
        begin(job_new());
    bool is_warm = false, is_done = false;
    while (ended < options.requests) {
        turn();
        reap();
        if (!is_warm && ended >= from) {
            warm = moment();
            is_warm = true;
        }
        if (!is_done && ended >= to) {
            last = moment();
            is_done = true;
        }
    }
    if (!is_done)
        last = moment();
    print(&warm, &last);
}

static unsigned long number(unsigned long least, unsigned long most)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(optarg, &end, 10);
    if (errno || *end || value < least || value > most)
        die("an option's value is out of range");
    return value;
}

static void parse(int argc, char **argv)
{
    static const struct option names[] = {{"port", required_argument, NULL, 'p'},
        {"addresses", required_argument, NULL, 'a'}, {"requests", required_argument, NULL, 'r'},
        {"in-flight", required_argument, NULL, 'f'}, {"size", required_argument, NULL, 'b'},
        {"signed", no_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (option) {
        case 'p':
            options.port = number(1, UINT16_MAX);
            break;
        case 'a':
            options.addresses = number(1, URLS_MAX);
            break;
        case 'r':
            options.requests = number(100, 1000000000);
            break;
        case 'f':
            options.in_flight = number(1, 10000);
            break;
        case 'b':
            options.size = number(1, BODY_MAX);
            break;
        case 's':
            options.is_signed = true;
            break;
        default:
            exit(2);
        }
    }
    if (options.port == 0)
        die("Usage: floor --port P [--addresses N] [--requests N] [--in-flight N] [--size BYTES] "
            "[--signed]");
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    for (unsigned i = 0; i < options.addresses; i++)
        snprintf(
            urls[i], sizeof urls[i], "http://%s%u:%lu/%u", options.host, i + 1, options.port, i);
    if (options.is_signed)
        mac_open();
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    multi = curl_multi_init();
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 1024L);
    run();
    return failed == 0 ? 0 : 1;
}
