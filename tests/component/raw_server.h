/* SPDX-License-Identifier: Apache-2.0 */
/* A TCP server on loopback in a thread of its own, which does to each connection what a script says:
 * for answers that no HTTP server gives. cmocka's assertions must not be used in a script. */
#ifndef HOOKLINE_TESTS_RAW_SERVER_H
#define HOOKLINE_TESTS_RAW_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

struct raw_server;

/* One connection; the server closes it afterwards. */
typedef void raw_script(struct raw_server *server, int fd);

struct raw_server {
    int listener;
    uint16_t port;
    char url[64]; /* "http://127.0.0.1:43210/" */
    pthread_t thread;
    raw_script *script;
    void *arg;
    atomic_int connections;
    atomic_bool stopping;
    char request[8192]; /* the last one: head and body */
};

/* Between the moments at which a script that waits looks whether it shall end. */
#define RAW_STEP_MS 20

/* Waits until there is something to read (or the end of the connection); false when stopping. */
static inline bool raw_readable(struct raw_server *server, int fd)
{
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    while (!atomic_load(&server->stopping))
        if (poll(&wanted, 1, RAW_STEP_MS) != 0)
            return true;
    return false;
}

static inline size_t raw_content_length(const char *head)
{
    const char *at = strcasestr(head, "\r\ncontent-length:");
    return at ? strtoul(at + strlen("\r\ncontent-length:"), NULL, 10) : 0;
}

/* Reads one request into server->request; false if the connection ended before. */
static inline bool raw_read(struct raw_server *server, int fd)
{
    size_t len = 0;
    char *text = server->request;
    while (len + 1 < sizeof server->request && raw_readable(server, fd)) {
        ssize_t n = recv(fd, text + len, sizeof server->request - 1 - len, 0);
        if (n <= 0)
            return false;
        len += (size_t)n;
        text[len] = '\0';
        const char *body = strstr(text, "\r\n\r\n");
        if (body && len >= (size_t)(body + 4 - text) + raw_content_length(text))
            return true;
    }
    return false;
}

static inline bool raw_send(int fd, const void *data, size_t len)
{
    const char *at = data;
    while (len) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

static inline bool raw_say(int fd, const char *text)
{
    return raw_send(fd, text, strlen(text));
}

/* Until the client closes, or the test ends. */
static inline void raw_wait_for_end(struct raw_server *server, int fd)
{
    char byte;
    while (raw_readable(server, fd) && recv(fd, &byte, 1, 0) > 0)
        ;
}

static inline void *raw_thread(void *arg)
{
    struct raw_server *server = arg;
    while (raw_readable(server, server->listener)) {
        int fd = accept(server->listener, NULL, NULL);
        if (fd < 0)
            continue;
        struct timeval patience = {.tv_sec = 10};
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        atomic_fetch_add(&server->connections, 1);
        server->script(server, fd);
        close(fd);
    }
    return NULL;
}

static inline int raw_listen(uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 64) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        abort();
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static inline void raw_server_start(struct raw_server *server, raw_script *script, void *arg)
{
    memset(server, 0, sizeof *server);
    server->script = script;
    server->arg = arg;
    server->listener = raw_listen(&server->port);
    snprintf(server->url, sizeof server->url, "http://127.0.0.1:%u/", server->port);
    if (pthread_create(&server->thread, NULL, raw_thread, server) != 0)
        abort();
}

/* Afterwards the fields can be read without a race. */
static inline void raw_server_stop(struct raw_server *server)
{
    atomic_store(&server->stopping, true);
    pthread_join(server->thread, NULL);
    close(server->listener);
}

#endif
