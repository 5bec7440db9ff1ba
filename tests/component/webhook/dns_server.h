/* SPDX-License-Identifier: Apache-2.0 */
/* A name server on loopback in a thread of its own, which knows a few names of a test. */
#ifndef HOOKLINE_TESTS_DNS_SERVER_H
#define HOOKLINE_TESTS_DNS_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define DNS_A         1
#define DNS_AAAA      28
#define DNS_SERVFAIL  2
#define DNS_NXDOMAIN  3
#define DNS_NAMES_MAX 16

struct dns_name {
    const char *name;
    const char *addresses[4]; /* of both families */
    int ttl_s;
    int rcode;
    bool silent;
    int asked; /* for IPv4 addresses */
};

struct dns_server {
    int fd;
    char address[32]; /* "127.0.0.1:54321" */
    pthread_t thread;
    pthread_mutex_t lock;
    atomic_bool stopping;
    struct dns_name names[DNS_NAMES_MAX]; /* any other: no such name */
    size_t count;
};

/* The question's name at data + 12; its end, or 0. */
static inline size_t dns_read_name(const uint8_t *data, size_t len, char *out, size_t size)
{
    size_t at = 12, used = 0;
    while (at < len && data[at]) {
        size_t part = data[at];
        if (at + 1 + part >= len || used + part + 2 > size)
            return 0;
        if (used)
            out[used++] = '.';
        memcpy(out + used, data + at + 1, part);
        used += part;
        at += 1 + part;
    }
    out[used] = '\0';
    return at + 1;
}

static inline size_t dns_add_answer(uint8_t *at, const char *address, int type, int ttl_s)
{
    bool six = strchr(address, ':');
    if (six != (type == DNS_AAAA))
        return 0;
    uint8_t head[12] = {0xc0, 12, 0, (uint8_t)type, 0, 1, (uint8_t)(ttl_s >> 24),
        (uint8_t)(ttl_s >> 16), (uint8_t)(ttl_s >> 8), (uint8_t)ttl_s, 0, six ? 16 : 4};
    memcpy(at, head, sizeof head);
    inet_pton(six ? AF_INET6 : AF_INET, address, at + sizeof head);
    return sizeof head + head[11];
}

/* Returns the answer's length, 0 = none. */
static inline size_t dns_answer(struct dns_server *server, uint8_t *data, size_t len)
{
    char name[256];
    size_t end = dns_read_name(data, len, name, sizeof name);
    if (!end || end + 4 > len)
        return 0;
    int type = data[end + 1], count = 0;
    struct dns_name none = {.rcode = DNS_NXDOMAIN}, *found = &none;
    for (size_t i = 0; i < server->count; i++)
        if (strcasecmp(server->names[i].name, name) == 0)
            found = &server->names[i];
    found->asked += type == DNS_A;
    if (found->silent)
        return 0;
    len = end + 4;
    for (size_t i = 0; i < 4 && found->addresses[i]; i++) {
        size_t more = dns_add_answer(data + len, found->addresses[i], type, found->ttl_s);
        len += more;
        count += more > 0;
    }
    uint8_t head[10] = {0x81, (uint8_t)(0x80 | found->rcode), 0, 1, 0, (uint8_t)count, 0, 0, 0, 0};
    memcpy(data + 2, head, sizeof head);
    return len;
}

static inline void *dns_thread(void *arg)
{
    struct dns_server *server = arg;
    struct pollfd wanted = {.fd = server->fd, .events = POLLIN};
    while (!atomic_load(&server->stopping)) {
        uint8_t data[1024];
        struct sockaddr_in from;
        socklen_t size = sizeof from;
        if (poll(&wanted, 1, 20) <= 0)
            continue;
        ssize_t len = recvfrom(server->fd, data, 512, 0, (struct sockaddr *)&from, &size);
        if (len < 12)
            continue;
        pthread_mutex_lock(&server->lock);
        size_t answer = dns_answer(server, data, (size_t)len);
        pthread_mutex_unlock(&server->lock);
        if (answer)
            sendto(server->fd, data, answer, 0, (struct sockaddr *)&from, size);
    }
    return NULL;
}

/* A socket that takes questions and never answers unless somebody reads it. */
static inline int dns_listen(char address[32])
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t size = sizeof name;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof name) < 0 ||
        getsockname(fd, (struct sockaddr *)&name, &size) < 0)
        abort();
    snprintf(address, 32, "127.0.0.1:%u", ntohs(name.sin_port));
    return fd;
}

static inline void dns_server_start(struct dns_server *server)
{
    memset(server, 0, sizeof *server);
    server->fd = dns_listen(server->address);
    pthread_mutex_init(&server->lock, NULL);
    if (pthread_create(&server->thread, NULL, dns_thread, server) != 0)
        abort();
}

static inline void dns_server_stop(struct dns_server *server)
{
    atomic_store(&server->stopping, true);
    pthread_join(server->thread, NULL);
    pthread_mutex_destroy(&server->lock);
    close(server->fd);
}

/* Adds a name, or changes what is said about it. */
static inline void dns_set(struct dns_server *server, const struct dns_name *name)
{
    pthread_mutex_lock(&server->lock);
    size_t i = 0;
    while (i < server->count && strcmp(server->names[i].name, name->name) != 0)
        i++;
    if (i == DNS_NAMES_MAX)
        abort();
    int asked = i < server->count ? server->names[i].asked : 0;
    server->count += i == server->count;
    server->names[i] = *name;
    server->names[i].asked = asked;
    pthread_mutex_unlock(&server->lock);
}

static inline int dns_asked(struct dns_server *server, const char *name)
{
    int asked = 0;
    pthread_mutex_lock(&server->lock);
    for (size_t i = 0; i < server->count; i++)
        if (strcmp(server->names[i].name, name) == 0)
            asked = server->names[i].asked;
    pthread_mutex_unlock(&server->lock);
    return asked;
}

#endif
