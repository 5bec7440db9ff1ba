/* SPDX-License-Identifier: Apache-2.0 */
/* curl's sockets and timer on the loop. The sockets are watched by one epoll descriptor of our own,
 * lazily: curl removes and adds a socket at every request of a connection, and epoll_ctl is called
 * only when what it wants has really changed. */
#include "webhook/http_sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/error.h"
#include "common/memory.h"

#define EVENTS_PER_WAIT 128

/* What a descriptor is watched for: by the kernel, and as curl wants it. */
struct interest {
    uint32_t registered; /* 0 = not in the epoll set */
    uint32_t wanted;
};

struct http_sockets {
    CURLM *multi;
    int epoll_fd;
    struct loop_watch *watch;
    struct loop_timer *timer;
    bool due;                   /* curl wants to be called at once */
    struct interest *interests; /* by descriptor */
    size_t interest_count;
};

static void run_socket(struct http_sockets *sockets, curl_socket_t fd, int flags)
{
    int running;
    curl_multi_socket_action(sockets->multi, fd, flags, &running);
}

static void timer_due(void *arg)
{
    struct http_sockets *sockets = arg;
    sockets->due = false;
    run_socket(sockets, CURL_SOCKET_TIMEOUT, 0);
}

static int set_timer(CURLM *multi, long timeout_ms, void *arg)
{
    (void)multi;
    struct http_sockets *sockets = arg;
    sockets->due = timeout_ms == 0;
    if (timeout_ms < 0)
        loop_timer_stop(sockets->timer);
    else
        loop_timer_start(sockets->timer, timeout_ms, 0);
    return 0;
}

void http_sockets_hurry(struct http_sockets *sockets)
{
    if (sockets->due)
        timer_due(sockets);
}

static struct interest *interest_in(struct http_sockets *sockets, curl_socket_t fd)
{
    size_t index = (size_t)fd;
    if (index >= sockets->interest_count) {
        size_t count = index + 64;
        sockets->interests = mem_array(sockets->interests, count, sizeof *sockets->interests);
        memset(sockets->interests + sockets->interest_count, 0,
            (count - sockets->interest_count) * sizeof *sockets->interests);
        sockets->interest_count = count;
    }
    return &sockets->interests[index];
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    (void)easy;
    (void)socket_arg;
    struct http_sockets *sockets = arg;
    struct interest *interest = interest_in(sockets, fd);
    interest->wanted = 0;
    if (what == CURL_POLL_REMOVE)
        return 0; /* most likely wanted again at once; an idle one that fires is taken out then */
    if (what & CURL_POLL_IN)
        interest->wanted |= EPOLLIN;
    if (what & CURL_POLL_OUT)
        interest->wanted |= EPOLLOUT;
    if (interest->wanted == interest->registered)
        return 0;
    struct epoll_event event = {.events = interest->wanted, .data.fd = fd};
    int operation = interest->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(sockets->epoll_fd, operation, fd, &event) < 0)
        return -1;
    interest->registered = interest->wanted;
    return 0;
}

/* The kernel forgets a closed descriptor; so must we, before its number comes back. */
int http_sockets_close(void *arg, curl_socket_t fd)
{
    struct interest *interest = interest_in(arg, fd);
    *interest = (struct interest){0, 0};
    return close(fd);
}

static void serve_event(struct http_sockets *sockets, const struct epoll_event *event)
{
    curl_socket_t fd = event->data.fd;
    struct interest *interest = interest_in(sockets, fd);
    if (!interest->wanted) {
        if (interest->registered)
            epoll_ctl(sockets->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        interest->registered = 0;
        return;
    }
    int flags = 0;
    if (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        flags |= CURL_CSELECT_IN;
    if (event->events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        flags |= CURL_CSELECT_OUT;
    if (event->events & EPOLLERR)
        flags |= CURL_CSELECT_ERR;
    run_socket(sockets, fd, flags);
}

static void sockets_ready(void *arg, int loop_events)
{
    (void)loop_events;
    struct http_sockets *sockets = arg;
    struct epoll_event events[EVENTS_PER_WAIT];
    int count = epoll_wait(sockets->epoll_fd, events, EVENTS_PER_WAIT, 0);
    for (int i = 0; i < count; i++)
        serve_event(sockets, &events[i]);
}

struct http_sockets *http_sockets_new(struct loop *loop, CURLM *multi)
{
    struct http_sockets *sockets = mem_zalloc(sizeof *sockets);
    sockets->multi = multi;
    sockets->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (sockets->epoll_fd < 0)
        fatal("epoll: %s", strerror(errno));
    sockets->timer = loop_timer_new(loop, timer_due, sockets);
    sockets->watch = loop_watch_new(loop, sockets->epoll_fd, LOOP_READ, sockets_ready, sockets);
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, sockets);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, sockets);
    return sockets;
}

void http_sockets_free(struct http_sockets *sockets)
{
    loop_watch_free(sockets->watch);
    loop_timer_free(sockets->timer);
    close(sockets->epoll_fd);
    free(sockets->interests);
    free(sockets);
}
