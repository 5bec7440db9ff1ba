/* SPDX-License-Identifier: Apache-2.0 */
/* One blocking GET over plain HTTP. */
#include "commands/http_get.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/text.h"

#define DEFAULT_HOST "127.0.0.1"
#define DEFAULT_PORT "9464"
#define READ_SIZE    65536

/* --- Addresses ------------------------------------------------------------------------------ */

/* Where the host of "host:port" ends; NULL where it is not that. */
static const char *host_end(const char *text)
{
    const char *colon = strrchr(text, ':');
    if (*text == '[') {
        const char *bracket = strchr(text, ']');
        return bracket && (bracket[1] == '\0' || bracket[1] == ':') ? bracket + 1 : NULL;
    }
    if (colon && strchr(text, ':') != colon)
        return NULL; /* an IPv6 address needs brackets, or its end would be taken for a port */
    return colon ? colon : text + strlen(text);
}

static bool take_host(struct http_address *address, const char *host, size_t len)
{
    if (len && *host == '[') {
        host++;
        len -= 2;
    }
    if (len >= sizeof address->host || memchr(host, '@', len) || memchr(host, ' ', len))
        return false;
    snprintf(address->host, sizeof address->host, "%.*s", (int)len, host);
    if (len == 0)
        snprintf(address->host, sizeof address->host, DEFAULT_HOST);
    return true;
}

static bool take_port(struct http_address *address, const char *port)
{
    int64_t number;
    if (!*port)
        port = ":" DEFAULT_PORT;
    if (!text_parse_int(port + 1, &number) || number < 1 || number > 65535)
        return false;
    snprintf(address->port, sizeof address->port, "%d", (int)number);
    return true;
}

bool http_address_parse(const char *text, struct http_address *ret_address, struct error *error)
{
    static const char scheme[] = "http://";
    char plain[sizeof ret_address->host + 16];
    struct http_address address;
    const char *from = text;
    if (strncasecmp(from, scheme, strlen(scheme)) == 0)
        from += strlen(scheme);
    size_t len = strlen(from);
    if (len && from[len - 1] == '/')
        len--;
    const char *end = NULL;
    if (len && len < sizeof plain && !memchr(from, '/', len)) {
        snprintf(plain, sizeof plain, "%.*s", (int)len, from);
        end = host_end(plain);
    }
    if (!end || !take_host(&address, plain, (size_t)(end - plain)) || !take_port(&address, end))
        return error_set(error, ERROR_CONFIG,
            "\"%s\" is no address: HOST:PORT or http://HOST:PORT is expected", text);
    *ret_address = address;
    return true;
}

void http_add_query(struct buffer *out, const char *text)
{
    for (; *text; text++)
        if (text_matches_set((char[]){*text, '\0'}, 1, "A-Za-z0-9._~-"))
            buffer_add(out, text, 1);
        else
            buffer_printf(out, "%%%02X", (unsigned char)*text);
}

/* --- The connection ------------------------------------------------------------------------- */

/* Whether `fd` is ready before the deadline; false with errno. */
static bool ready(int fd, short events, struct mono_time deadline)
{
    struct pollfd poll_fd = {.fd = fd, .events = events};
    for (;;) {
        int64_t left_ms = mono_diff_ms(deadline, mono_now());
        int count = left_ms > 0 ? poll(&poll_fd, 1, (int)left_ms) : 0;
        if (count > 0)
            return true;
        if (count == 0)
            errno = ETIMEDOUT;
        if (errno != EINTR)
            return false;
    }
}

/* -1 with errno. */
static int open_one(const struct addrinfo *info, struct mono_time deadline)
{
    int failure = 0;
    socklen_t size = sizeof failure;
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, info->ai_addr, info->ai_addrlen) == 0)
        return fd;
    if (errno != EINPROGRESS || !ready(fd, POLLOUT, deadline))
        failure = errno;
    else
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size);
    if (!failure)
        return fd;
    close(fd);
    errno = failure;
    return -1;
}

static int open_any(
    const struct http_address *address, struct mono_time deadline, struct error *error)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list;
    int code = getaddrinfo(address->host, address->port, &hints, &list), fd = -1;
    if (code != 0) {
        error_fill(
            error, ERROR_RETRY, "%s", code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code));
        return -1;
    }
    for (const struct addrinfo *each = list; each && fd < 0; each = each->ai_next)
        fd = open_one(each, deadline);
    if (fd < 0)
        error_fill(error, ERROR_RETRY, "%s", strerror(errno));
    freeaddrinfo(list);
    return fd;
}

static bool send_all(int fd, const struct buffer *data, struct mono_time deadline)
{
    size_t sent = 0;
    while (sent < data->len) {
        ssize_t n = send(fd, data->data + sent, data->len - sent, MSG_NOSIGNAL);
        if (n > 0)
            sent += (size_t)n;
        else if ((errno != EAGAIN && errno != EINTR) || !ready(fd, POLLOUT, deadline))
            return false;
    }
    return true;
}

/* Up to the end; false with errno, EMSGSIZE where that is too far away. */
static bool receive_all(int fd, struct buffer *answer, struct mono_time deadline)
{
    for (;;) {
        buffer_reserve(answer, READ_SIZE);
        ssize_t n = recv(fd, answer->data + answer->len, READ_SIZE, 0);
        if (n == 0)
            return true;
        if (n > 0) {
            answer->len += (size_t)n;
            answer->data[answer->len] = '\0';
            if (answer->len > HTTP_GET_BYTES_MAX) {
                errno = EMSGSIZE;
                return false;
            }
        } else if ((errno != EAGAIN && errno != EINTR) || !ready(fd, POLLIN, deadline)) {
            return false;
        }
    }
}

/* --- The answer ----------------------------------------------------------------------------- */

/* HTTP/1.0 has no chunks: the body goes up to the end, and is whole if it has its length. */
static bool take_answer(
    const struct buffer *answer, int *ret_status, struct buffer *ret_body, struct error *error)
{
    const char *text = buffer_text(answer);
    const char *head_end = strstr(text, "\r\n\r\n");
    int status = 0;
    if (strncmp(text, "HTTP/1.", 7) == 0 && text[7] && text[8] == ' ')
        status = (int)strtol(text + 9, NULL, 10);
    if (!head_end || status < 100 || status > 999)
        return error_set(error, ERROR_PERMANENT, "the answer is not HTTP");
    const char *body = head_end + 4, *length = strcasestr(text, "\r\ncontent-length:");
    size_t len = answer->len - (size_t)(body - text);
    if (length && length < head_end &&
        strtoull(length + strlen("\r\ncontent-length:"), NULL, 10) != len)
        return error_set(error, ERROR_RETRY, "the answer was cut off");
    buffer_add(ret_body, body, len);
    *ret_status = status;
    return true;
}

static bool exchange(int fd, const struct buffer *request, struct mono_time deadline,
    struct buffer *answer, struct error *error)
{
    if (send_all(fd, request, deadline) && receive_all(fd, answer, deadline))
        return true;
    if (errno == EMSGSIZE)
        return error_set(
            error, ERROR_PERMANENT, "the answer is larger than %d MiB", HTTP_GET_BYTES_MAX >> 20);
    return error_set(
        error, ERROR_RETRY, "%s", errno == ETIMEDOUT ? "no answer in time" : strerror(errno));
}

bool http_get(const struct http_address *address, const char *target, int64_t timeout_ms,
    int *ret_status, struct buffer *ret_body, struct error *error)
{
    struct mono_time deadline = mono_add_ms(mono_now(), timeout_ms);
    struct buffer request = BUFFER_INIT, answer = BUFFER_INIT;
    bool v6 = strchr(address->host, ':');
    buffer_printf(&request, "GET %s HTTP/1.0\r\nHost: %s%s%s:%s\r\nConnection: close\r\n\r\n",
        target, v6 ? "[" : "", address->host, v6 ? "]" : "", address->port);
    int fd = open_any(address, deadline, error);
    bool ok = fd >= 0 && exchange(fd, &request, deadline, &answer, error) &&
              take_answer(&answer, ret_status, ret_body, error);
    if (!ok)
        error_prefix(
            error, "%s%s%s:%s", v6 ? "[" : "", address->host, v6 ? "]" : "", address->port);
    if (fd >= 0)
        close(fd);
    buffer_release(&request);
    buffer_release(&answer);
    return ok;
}
