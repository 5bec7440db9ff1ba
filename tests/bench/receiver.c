/* SPDX-License-Identifier: Apache-2.0 */
/* A webhook receiver for the benchmarks that costs far less than what it measures: one thread,
 * epoll, HTTP/1.1 with Content-Length bodies on addresses 127.0.0.1 and up. The path "/17" is
 * endpoint 17.
 *
 * Commands come on standard input, one a line; each is answered by one line; the end of the input
 * ends the program.
 *
 *   set FIRST LAST DELAY_MS STATUS   what these endpoints answer from now on, and when
 *   count                            requests, requests waiting for an answer, connections ever
 *   counts FIRST LAST                requests of each of these endpoints
 *   records FILE                     begin FILE anew with a struct arrival for each request
 *   flush                            write out what was recorded */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_SIZE     16384 /* the longest request */
#define EVENTS_PER_WAIT 256
#define ENDPOINTS_MAX   100000

/* One request in the file of records, in this machine's byte order. */
struct arrival {
    uint32_t endpoint;
    uint32_t number; /* the event's "n" */
    int64_t sent_us; /* the event's "sent_us" */
    int64_t at_us;   /* Unix time at which the request was complete */
    int32_t status;  /* that it is or will be answered with */
    int32_t delay_ms;
};

struct behaviour {
    int delay_ms;
    int status;
    int64_t count;
};

/* What epoll watches. */
struct watch {
    void (*ready)(struct watch *watch);
    int fd;
};

struct client {
    struct watch watch; /* first: the pointers are converted */
    bool waiting;       /* for its answer to be due */
    int64_t due_us;
    int status;
    LIST_ENTRY(client) link; /* while it waits */
    size_t len;
    char data[BUFFER_SIZE + 1];
};

static int epoll_fd;
static struct behaviour endpoints[ENDPOINTS_MAX];
static LIST_HEAD(, client) waiting = LIST_HEAD_INITIALIZER(waiting);
static int64_t next_due_us = INT64_MAX;
static int64_t requests, connections, waiting_count;
static FILE *records;

static void die(const char *what)
{
    fprintf(stderr, "receiver: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void watch_add(struct watch *watch)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = watch};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, watch->fd, &event) < 0)
        die("epoll_ctl");
}

/* --- Clients -------------------------------------------------------------------------------- */

static void client_stop_waiting(struct client *client)
{
    if (!client->waiting)
        return;
    client->waiting = false;
    waiting_count--;
    LIST_REMOVE(client, link);
}

static void client_free(struct client *client)
{
    client_stop_waiting(client);
    close(client->watch.fd);
    free(client);
}

static bool client_answer(struct client *client, int status)
{
    static const char ok[] = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    char text[64];
    const char *answer = ok;
    size_t len = sizeof ok - 1;
    if (status != 200) {
        len = (size_t)snprintf(
            text, sizeof text, "HTTP/1.1 %d Status\r\ncontent-length: 0\r\n\r\n", status);
        answer = text;
    }
    return write(client->watch.fd, answer, len) == (ssize_t)len;
}

static size_t body_length(const char *head, const char *end)
{
    static const char name[] = "content-length:";
    for (const char *line = head; line && line < end;
        line = memchr(line, '\n', (size_t)(end - line))) {
        if (*line == '\n')
            line++;
        if ((*line | 0x20) == 'c' && strncasecmp(line, name, sizeof name - 1) == 0)
            return strtoul(line + sizeof name - 1, NULL, 10);
    }
    return 0;
}

static void record(const struct behaviour *behaviour, uint32_t endpoint, const char *body)
{
    static const char number[] = "{\"n\":", sent[] = ",\"sent_us\":";
    struct arrival arrival = {.endpoint = endpoint,
        .at_us = now_us(),
        .status = behaviour->status,
        .delay_ms = behaviour->delay_ms};
    if (strncmp(body, number, sizeof number - 1) == 0) {
        char *end;
        arrival.number = (uint32_t)strtoul(body + sizeof number - 1, &end, 10);
        if (strncmp(end, sent, sizeof sent - 1) == 0)
            arrival.sent_us = strtoll(end + sizeof sent - 1, NULL, 10);
    }
    fwrite(&arrival, sizeof arrival, 1, records);
}

/* False if the connection is of no more use. */
static bool client_take(struct client *client, const char *body)
{
    const char *slash = memchr(client->data, '/', 16);
    unsigned long endpoint = slash ? strtoul(slash + 1, NULL, 10) : 0;
    if (endpoint >= ENDPOINTS_MAX)
        return false;
    struct behaviour *behaviour = &endpoints[endpoint];
    behaviour->count++;
    requests++;
    if (records)
        record(behaviour, (uint32_t)endpoint, body);
    if (behaviour->delay_ms == 0)
        return client_answer(client, behaviour->status);
    client->waiting = true;
    waiting_count++;
    client->status = behaviour->status;
    client->due_us = now_us() + (int64_t)behaviour->delay_ms * 1000;
    LIST_INSERT_HEAD(&waiting, client, link);
    if (client->due_us < next_due_us)
        next_due_us = client->due_us;
    return true;
}

/* Takes one request from the buffer, if a whole one is there. */
static bool client_next(struct client *client, bool *ret_taken)
{
    *ret_taken = false;
    client->data[client->len] = '\0';
    char *end = memmem(client->data, client->len, "\r\n\r\n", 4);
    if (!end)
        return client->len < BUFFER_SIZE;
    size_t head = (size_t)(end - client->data) + 4, body = body_length(client->data, end);
    if (body > BUFFER_SIZE - head)
        return false;
    if (client->len < head + body)
        return true;
    *ret_taken = true;
    bool good = client_take(client, client->data + head);
    client->len -= head + body;
    memmove(client->data, client->data + head + body, client->len);
    return good;
}

static bool client_serve(struct client *client)
{
    bool taken = true;
    while (taken && !client->waiting)
        if (!client_next(client, &taken))
            return false;
    return true;
}

static void client_ready(struct watch *watch)
{
    struct client *client = (struct client *)watch;
    ssize_t n = read(watch->fd, client->data + client->len, BUFFER_SIZE - client->len);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        client->len += (size_t)n;
    if (n <= 0 || !client_serve(client))
        client_free(client);
}

static void accept_ready(struct watch *watch)
{
    int fd, on = 1;
    while ((fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct client *client = malloc(sizeof *client);
        if (!client)
            die("memory");
        client->watch = (struct watch){client_ready, fd};
        client->waiting = false;
        client->len = 0;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        connections++;
        watch_add(&client->watch);
    }
}

static void answer_due(void)
{
    int64_t now = now_us();
    if (now < next_due_us)
        return;
    next_due_us = INT64_MAX;
    for (struct client *client = LIST_FIRST(&waiting), *next; client; client = next) {
        next = LIST_NEXT(client, link);
        if (client->due_us > now) {
            if (client->due_us < next_due_us)
                next_due_us = client->due_us;
            continue;
        }
        client_stop_waiting(client);
        if (!client_answer(client, client->status) || !client_serve(client))
            client_free(client);
    }
}

/* --- Commands ------------------------------------------------------------------------------- */

static void print_counts(unsigned first, unsigned last)
{
    for (unsigned i = first; i <= last && i < ENDPOINTS_MAX; i++)
        printf("%" PRId64 "%c", endpoints[i].count, i == last ? '\n' : ' ');
}

static void set_behaviour(unsigned first, unsigned last, int delay_ms, int status)
{
    for (unsigned i = first; i <= last && i < ENDPOINTS_MAX; i++) {
        endpoints[i].delay_ms = delay_ms;
        endpoints[i].status = status;
    }
    puts("ok");
}

static void run_command(const char *line)
{
    unsigned first, last;
    int delay_ms, status;
    char path[1024];
    if (sscanf(line, "set %u %u %d %d", &first, &last, &delay_ms, &status) == 4) {
        set_behaviour(first, last, delay_ms, status);
    } else if (sscanf(line, "counts %u %u", &first, &last) == 2) {
        print_counts(first, last);
    } else if (strcmp(line, "count") == 0) {
        printf("%" PRId64 " %" PRId64 " %" PRId64 "\n", requests, waiting_count, connections);
    } else if (sscanf(line, "records %1023[^\n]", path) == 1) {
        if (records)
            fclose(records);
        records = fopen(path, "wb");
        if (!records)
            die(path);
        setvbuf(records, NULL, _IOFBF, 1 << 20);
        puts("ok");
    } else if (strcmp(line, "flush") == 0) {
        puts(records && fflush(records) != 0 ? "failed" : "ok");
    } else {
        puts("unknown command");
    }
    fflush(stdout);
}

static void input_ready(struct watch *watch)
{
    static char text[2048];
    static size_t len;
    ssize_t n = read(watch->fd, text + len, sizeof text - 1 - len);
    if (n <= 0) {
        if (records)
            fclose(records);
        exit(0);
    }
    len += (size_t)n;
    char *end;
    while ((end = memchr(text, '\n', len))) {
        *end = '\0';
        run_command(text);
        size_t taken = (size_t)(end - text) + 1;
        len -= taken;
        memmove(text, text + taken, len);
    }
}

/* --- Start ---------------------------------------------------------------------------------- */

static void listen_on(uint32_t address, uint16_t port)
{
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)};
    struct watch *watch = malloc(sizeof *watch);
    int on = 1;
    if (!watch)
        die("memory");
    *watch = (struct watch){
        accept_ready, socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    setsockopt(watch->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(watch->fd, (struct sockaddr *)&name, sizeof name) < 0 || listen(watch->fd, 4096) < 0)
        die("listen");
    watch_add(watch);
}

static void serve(void)
{
    struct epoll_event events[EVENTS_PER_WAIT];
    for (;;) {
        int timeout_ms = -1;
        if (next_due_us != INT64_MAX) {
            int64_t left_us = next_due_us - now_us();
            timeout_ms = left_us > 0 ? (int)((left_us + 999) / 1000) : 0;
        }
        int count = epoll_wait(epoll_fd, events, EVENTS_PER_WAIT, timeout_ms);
        for (int i = 0; i < count; i++) {
            struct watch *watch = events[i].data.ptr;
            watch->ready(watch);
        }
        answer_due();
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"port", required_argument, NULL, 'p'},
        {"addresses", required_argument, NULL, 'a'}, {NULL, 0, NULL, 0}};
    unsigned long port = 0, addresses = 1;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'p')
            port = strtoul(optarg, NULL, 10);
        else if (option == 'a')
            addresses = strtoul(optarg, NULL, 10);
        else
            return 2;
    }
    if (port == 0 || port > UINT16_MAX || addresses == 0 || addresses > 250) {
        fprintf(stderr, "Usage: receiver --port PORT [--addresses 1..250]\n");
        return 2;
    }
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (size_t i = 0; i < ENDPOINTS_MAX; i++)
        endpoints[i].status = 200;
    for (unsigned long i = 0; i < addresses; i++)
        listen_on(INADDR_LOOPBACK + (uint32_t)i, (uint16_t)port);
    static struct watch input = {input_ready, STDIN_FILENO};
    watch_add(&input);
    puts("ready");
    fflush(stdout);
    serve();
}
