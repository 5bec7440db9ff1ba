/* SPDX-License-Identifier: Apache-2.0 */
/* Listening TCP sockets by address. */
#include "common/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/text.h"

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static socklen_t address_size(const union address *address)
{
    return address->any.sa_family == AF_INET6 ? sizeof address->v6 : sizeof address->v4;
}

static bool parse_host(const char *host, size_t len, union address *ret_address)
{
    char text[INET6_ADDRSTRLEN];
    bool bracketed = len >= 2 && host[0] == '[' && host[len - 1] == ']';
    if (bracketed) {
        host++;
        len -= 2;
    }
    if (len >= sizeof text)
        return false;
    memcpy(text, host, len);
    text[len] = '\0';
    if (!bracketed) {
        ret_address->v4.sin_family = AF_INET;
        return inet_pton(AF_INET, text, &ret_address->v4.sin_addr) == 1;
    }
    ret_address->v6.sin6_family = AF_INET6;
    return inet_pton(AF_INET6, text, &ret_address->v6.sin6_addr) == 1;
}

static void set_port(union address *address, uint16_t port)
{
    if (address->any.sa_family == AF_INET6)
        address->v6.sin6_port = htons(port);
    else
        address->v4.sin_port = htons(port);
}

/* An empty host is [::], of which the caller makes a socket for both families. */
static bool parse(const char *text, union address *ret_address)
{
    const char *colon = strrchr(text, ':');
    int64_t port;
    if (!colon || !text_parse_int(colon + 1, &port) || port < 0 || port > 65535)
        return false;
    *ret_address = (union address){0};
    if (colon == text)
        ret_address->v6.sin6_family = AF_INET6;
    else if (!parse_host(text, (size_t)(colon - text), ret_address))
        return false;
    set_port(ret_address, (uint16_t)port);
    return true;
}

/* -1 with errno. */
static int open_socket(const union address *address, bool both_families)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int on = 1, v6_only = !both_families;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only);
    if (bind(fd, &address->any, address_size(address)) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    int saved_errno = errno;
    close(fd);
    errno = saved_errno;
    return -1;
}

int listener_open(const char *text, struct error *error)
{
    union address address;
    if (!parse(text, &address)) {
        error_set(error, ERROR_CONFIG,
            "\"%.64s\" is not an address to listen on (such as \"127.0.0.1:8080\", "
            "\"[::1]:8080\" or \":8080\")",
            text);
        return -1;
    }
    bool all = text[0] == ':';
    int fd = open_socket(&address, all);
    if (fd < 0 && all && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) { /* no IPv6 here */
        uint16_t port = ntohs(address.v6.sin6_port);
        address = (union address){.v4 = {.sin_family = AF_INET, .sin_port = htons(port)}};
        fd = open_socket(&address, false);
    }
    if (fd < 0)
        error_set(error, ERROR_CONFIG, "cannot listen on %s: %s", text, strerror(errno));
    return fd;
}

char *listener_address(int fd, uint16_t *ret_port)
{
    union address address = {0};
    socklen_t size = sizeof address;
    char host[INET6_ADDRSTRLEN] = "";
    bug_on(getsockname(fd, &address.any, &size) != 0);
    if (address.any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &address.v6.sin6_addr, host, sizeof host);
        *ret_port = ntohs(address.v6.sin6_port);
        return mem_printf("[%s]:%u", host, *ret_port);
    }
    inet_ntop(AF_INET, &address.v4.sin_addr, host, sizeof host);
    *ret_port = ntohs(address.v4.sin_port);
    return mem_printf("%s:%u", host, *ret_port);
}
