/* SPDX-License-Identifier: Apache-2.0 */
/* A blocking HTTP client for tests. It runs in a thread of its own, where cmocka's assertions must
 * not: what goes wrong shows in what it returns. */
#ifndef HOOKLINE_TESTS_HTTP_CLIENT_H
#define HOOKLINE_TESTS_HTTP_CLIENT_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/loop.h"

#define ANSWER_SIZE 65536

struct answer {
    int status;             /* -1 = the connection ended or nothing came in 10 s */
    char text[ANSWER_SIZE]; /* head and body */
    const char *body;
};

static inline int client_connect_to(const struct sockaddr *address, socklen_t size)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = {.tv_sec = 10};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, address, size) == 0)
        return fd;
    close(fd);
    return -1;
}

static inline int client_connect(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return client_connect_to((struct sockaddr *)&address, sizeof address);
}

static inline bool client_send(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

/* The Content-Length of a head; 0 if there is none. */
static inline size_t client_body_length(const char *head)
{
    const char *at = strcasestr(head, "\r\ncontent-length:");
    return at ? strtoul(at + strlen("\r\ncontent-length:"), NULL, 10) : 0;
}

/* Reads exactly one answer, a byte at a time so that nothing of the next is lost. */
static inline void client_read(int fd, bool has_body, struct answer *ret_answer)
{
    size_t len = 0, want = 0;
    ret_answer->status = -1;
    ret_answer->body = ret_answer->text;
    while (len + 1 < ANSWER_SIZE && recv(fd, ret_answer->text + len, 1, 0) == 1) {
        len++;
        ret_answer->text[len] = '\0';
        if (!want && len >= 4 && strcmp(ret_answer->text + len - 4, "\r\n\r\n") == 0) {
            want = len + (has_body ? client_body_length(ret_answer->text) : 0);
            ret_answer->body = ret_answer->text + len;
        }
        if (want == len && sscanf(ret_answer->text, "HTTP/1.1 %d", &ret_answer->status) == 1)
            return;
    }
    ret_answer->text[len] = '\0';
}

static inline void client_ask(int fd, const char *request, struct answer *ret_answer)
{
    client_send(fd, request, strlen(request));
    client_read(fd, strncmp(request, "HEAD", 4) != 0, ret_answer);
}

/* Whether the server has closed the connection (waits for it). */
static inline bool client_sees_end(int fd)
{
    char byte;
    return recv(fd, &byte, 1, 0) <= 0;
}

struct client {
    void (*script)(void *arg);
    void *arg;
    struct loop *loop;
    struct loop_wakeup *done;
};

static void *client_thread(void *arg)
{
    struct client *client = arg;
    client->script(client->arg);
    loop_wakeup_send(client->done);
    return NULL;
}

static void client_done(void *arg)
{
    struct client *client = arg;
    loop_stop(client->loop);
}

/* Runs the loop until `script` has ended in its thread. */
static inline void run_with_client(struct loop *loop, void (*script)(void *arg), void *arg)
{
    struct client client = {script, arg, loop, NULL};
    pthread_t thread;
    client.done = loop_wakeup_new(loop, client_done, &client);
    if (pthread_create(&thread, NULL, client_thread, &client) != 0)
        abort();
    loop_run(loop);
    pthread_join(thread, NULL);
    loop_wakeup_free(client.done);
}

#endif
