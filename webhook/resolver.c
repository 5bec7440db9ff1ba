/* SPDX-License-Identifier: Apache-2.0 */
/* Host names to addresses. c-ares calls back in the middle of its work; what it says is noted there,
 * and whoever waits for it is told when c-ares has returned, so that they may ask again. */
#include "webhook/resolver.h"

#include <ares.h>
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/queue.h>

#include "common/buffer.h"
#include "common/clock.h"
#include "common/memory.h"
#include "common/table.h"

#define HOSTS_MAX     10000
#define ADDRESSES_MAX 16
#define FRESH_MIN_MS  1000 /* an answer is not asked for again so long, whatever its TTL */
#define FRESH_MAX_MS  60000
#define FAILURE_MS    1000
/* So long after that the old addresses are still given while new ones are under way, and so long if
 * new ones cannot be had (RFC 8767); who waits for new ones has old ones after STALE_WAIT_MS. */
#define RENEWAL_MS    60000
#define STALE_MS      3600000
#define STALE_WAIT_MS 2000
#define TRY_MS        1000 /* the first time, doubled for each round; of c-ares, per name server */
#define TRIES         3
#define TICK_MS       50
#define NO_SERVER     26 /* ARES_ENOSERVER, which 1.18 does not have yet */

enum host_state {
    HOST_NEW,      /* -> ASKED */
    HOST_ASKED,    /* c-ares is at it -> ANSWERED */
    HOST_ANSWERED, /* noted, but those who wait do not know yet -> KNOWN */
    HOST_KNOWN,    /* -> ASKED when no longer fresh, or forgotten */
};

TAILQ_HEAD(query_list, resolver_query);
TAILQ_HEAD(host_list, host);

struct host {
    UT_hash_handle hh;
    TAILQ_ENTRY(host) link; /* in `answered` or `known`, after its state */
    struct resolver *resolver;
    enum host_state state;
    bool telling; /* is not forgotten meanwhile */
    char *name;
    char *addresses, *detail; /* NULL = none */
    struct resolver_answer answer;
    bool failing; /* what was known could not be renewed */
    struct mono_time asked_at, fresh_until, ask_after;
    struct query_list waiting;
};

struct resolver_query {
    TAILQ_ENTRY(resolver_query) link;
    struct host *host;
    struct loop_timer *deadline;
    int64_t timeout_ms;
    resolver_answered *answered;
    void *arg;
};

/* A socket of c-ares. */
struct watched {
    LIST_ENTRY(watched) link;
    struct resolver *resolver;
    ares_socket_t fd;
    struct loop_watch *watch;
};

struct resolver {
    struct loop *loop;
    ares_channel channel;
    bool freeing;
    LIST_HEAD(, watched) sockets;
    struct loop_timer *tick;
    struct host *hosts;
    struct host_list answered, known; /* `known` by the time of the answer, oldest first */
    size_t asked;
    uint64_t version;
    /* When a name server last sent anything, and when one was last found not to be there. */
    struct mono_time heard_at, refused_at;
};

/* --- Hosts ----------------------------------------------------------------------------------- */

static void set_state(struct host *host, enum host_state state)
{
    struct resolver *resolver = host->resolver;
    if (host->state == HOST_ANSWERED)
        TAILQ_REMOVE(&resolver->answered, host, link);
    else if (host->state == HOST_KNOWN)
        TAILQ_REMOVE(&resolver->known, host, link);
    else if (host->state == HOST_ASKED)
        resolver->asked--;
    host->state = state;
    if (state == HOST_ANSWERED)
        TAILQ_INSERT_TAIL(&resolver->answered, host, link);
    else if (state == HOST_KNOWN)
        TAILQ_INSERT_TAIL(&resolver->known, host, link);
    else if (state == HOST_ASKED)
        resolver->asked++;
}

static void free_host(struct host *host)
{
    HASH_DEL(host->resolver->hosts, host);
    free(host->name);
    free(host->addresses);
    free(host->detail);
    free(host);
}

/* Some of those that are worth nothing any more, and one that is when there are too many. */
static void make_room(struct resolver *resolver)
{
    struct mono_time now = mono_now();
    struct host *host = TAILQ_FIRST(&resolver->known), *next;
    for (int i = 0; i < 2 && host && !host->telling; i++, host = next) {
        int64_t worth_ms = host->addresses ? STALE_MS : 0;
        if (mono_before(now, mono_add_ms(host->fresh_until, worth_ms)) &&
            HASH_COUNT(resolver->hosts) < HOSTS_MAX)
            return;
        next = TAILQ_NEXT(host, link);
        set_state(host, HOST_NEW);
        free_host(host);
    }
}

/* NULL if there is no room, because all of them are being asked for. */
static struct host *find_host(struct resolver *resolver, const char *name)
{
    struct host *host;
    size_t len = strlen(name);
    HASH_FIND(hh, resolver->hosts, name, len, host);
    if (host)
        return host;
    make_room(resolver);
    if (HASH_COUNT(resolver->hosts) >= HOSTS_MAX)
        return NULL;
    host = mem_zalloc(sizeof *host);
    host->resolver = resolver;
    host->name = mem_strdup(name);
    TAILQ_INIT(&host->waiting);
    HASH_ADD_KEYPTR(hh, resolver->hosts, host->name, len, host);
    return host;
}

/* --- Answers --------------------------------------------------------------------------------- */

static void set_failure(struct host *host, enum resolver_verdict verdict, const char *why)
{
    free(host->addresses);
    free(host->detail);
    host->addresses = NULL;
    host->detail = mem_printf("%s: %s", host->name, why);
    host->answer = (struct resolver_answer){verdict, "", 0, host->detail};
}

static void set_addresses(struct host *host, const char *addresses)
{
    host->failing = false;
    if (host->addresses && strcmp(host->addresses, addresses) == 0)
        return;
    free(host->addresses);
    host->addresses = mem_strdup(addresses);
    host->answer =
        (struct resolver_answer){RESOLVER_FOUND, host->addresses, ++host->resolver->version, ""};
}

static bool add_address(struct buffer *text, const struct sockaddr *address)
{
    char one[INET6_ADDRSTRLEN];
    const void *from;
    bool six = address->sa_family == AF_INET6;
    if (six)
        from = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    else if (address->sa_family == AF_INET)
        from = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
    else
        return false;
    if (!inet_ntop(address->sa_family, from, one, sizeof one))
        return false;
    buffer_printf(text, six ? "%s[%s]" : "%s%s", text->len ? "," : "", one);
    return true;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Returns for how long they are good. */
static int64_t read_addresses(const struct ares_addrinfo *info, struct buffer *text)
{
    int64_t ttl_s = FRESH_MAX_MS / 1000;
    int count = 0;
    for (const struct ares_addrinfo_node *node = info->nodes; node; node = node->ai_next)
        if (count < ADDRESSES_MAX && add_address(text, node->ai_addr)) {
            ttl_s = least(ttl_s, node->ai_ttl);
            count++;
        }
    for (const struct ares_addrinfo_cname *cname = info->cnames; cname; cname = cname->next)
        ttl_s = least(ttl_s, cname->ttl);
    return ttl_s * 1000 < FRESH_MIN_MS ? FRESH_MIN_MS : ttl_s * 1000;
}

static bool is_stale(const struct host *host, struct mono_time now)
{
    return !mono_before(now, mono_add_ms(host->fresh_until, STALE_MS));
}

/* No name server is there, rather than none that knows. c-ares' own word does not tell: one that
 * refuses is also a timeout, and with 1.18 "refused" is also what each of them may have answered. */
static bool nobody_is_there(const struct host *host, int status)
{
    const struct resolver *resolver = host->resolver;
    if (status == NO_SERVER || status == ARES_ENOMEM || status == ARES_EFILE)
        return true;
    if (!mono_before(resolver->heard_at, host->asked_at))
        return false;
    return status == ARES_ECONNREFUSED || !mono_before(resolver->refused_at, host->asked_at);
}

static void note_failure(struct host *host, int status)
{
    host->failing = true;
    if (status == ARES_ENODATA || status == ARES_ENOTFOUND || status == ARES_EBADNAME)
        set_failure(host, RESOLVER_FAILED, ares_strerror(status));
    else if (host->addresses && !is_stale(host, mono_now()))
        return;
    else if (nobody_is_there(host, status))
        set_failure(host, RESOLVER_UNUSABLE, "No name server could be reached");
    else if (status == ARES_ECONNREFUSED)
        set_failure(host, RESOLVER_FAILED, "The name servers could not say");
    else
        set_failure(host, RESOLVER_FAILED, ares_strerror(status));
}

/* Calls nobody: see above. */
static void take_answer(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    (void)timeouts;
    struct host *host = arg;
    struct buffer text = BUFFER_INIT;
    int64_t good_ms = 0;
    if (host->resolver->freeing)
        goto out;
    if (status == ARES_SUCCESS)
        good_ms = read_addresses(info, &text);
    if (text.len) {
        set_addresses(host, text.data);
    } else {
        good_ms = FAILURE_MS;
        note_failure(host, status == ARES_SUCCESS ? ARES_ENODATA : status);
    }
    host->ask_after = mono_add_ms(mono_now(), good_ms);
    if (text.len || !host->addresses) /* old ones keep their age */
        host->fresh_until = host->ask_after;
    set_state(host, HOST_ANSWERED);
out:
    buffer_release(&text);
    if (info)
        ares_freeaddrinfo(info);
}

static void end_query(struct resolver_query *query)
{
    TAILQ_REMOVE(&query->host->waiting, query, link);
    loop_timer_free(query->deadline);
    free(query);
}

static void tell(struct resolver_query *query, const struct resolver_answer *answer)
{
    resolver_answered *answered = query->answered;
    void *arg = query->arg;
    end_query(query);
    answered(arg, answer);
}

static void tell_all(struct resolver *resolver)
{
    struct host *host;
    struct resolver_query *query;
    while ((host = TAILQ_FIRST(&resolver->answered))) {
        set_state(host, HOST_KNOWN);
        host->telling = true;
        while (host->state == HOST_KNOWN && (query = TAILQ_FIRST(&host->waiting)))
            tell(query, &host->answer);
        host->telling = false;
    }
    if (!resolver->asked)
        loop_timer_stop(resolver->tick);
}

static void deadline_passed(void *arg)
{
    struct resolver_query *query = arg;
    struct host *host = query->host;
    bool telling = host->telling;
    host->telling = true;
    if (host->addresses && !is_stale(host, mono_now())) {
        tell(query, &host->answer);
    } else {
        char *why = mem_printf("%s: No answer from the name servers within %" PRId64 " ms",
            host->name, query->timeout_ms);
        tell(query, &(struct resolver_answer){
                        nobody_is_there(host, ARES_ETIMEOUT) ? RESOLVER_UNUSABLE : RESOLVER_FAILED,
                        "", 0, why});
        free(why);
    }
    host->telling = telling;
}

/* --- c-ares ---------------------------------------------------------------------------------- */

static void socket_ready(void *arg, int events)
{
    struct watched *watched = arg;
    struct resolver *resolver = watched->resolver;
    ares_socket_t fd = watched->fd;
    int waiting = 0;
    if ((events & LOOP_READ) && ioctl(fd, FIONREAD, &waiting) == 0)
        *(waiting > 0 ? &resolver->heard_at : &resolver->refused_at) = mono_now();
    ares_process_fd(resolver->channel, (events & LOOP_READ) ? fd : ARES_SOCKET_BAD,
        (events & LOOP_WRITE) ? fd : ARES_SOCKET_BAD);
    tell_all(resolver);
}

/* c-ares' deadlines are seconds, and asking it for the next one walks all of its queries. */
static void ticked(void *arg)
{
    struct resolver *resolver = arg;
    ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    tell_all(resolver);
}

static void watch_socket(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct resolver *resolver = arg;
    struct watched *watched;
    LIST_FOREACH(watched, &resolver->sockets, link)
        if (watched->fd == fd)
            break;
    if (watched) {
        LIST_REMOVE(watched, link);
        loop_watch_free(watched->watch);
        free(watched);
    }
    if (!readable && !writable)
        return;
    watched = mem_zalloc(sizeof *watched);
    watched->resolver = resolver;
    watched->fd = fd;
    LIST_INSERT_HEAD(&resolver->sockets, watched, link);
    int events = (readable ? LOOP_READ : 0) | (writable ? LOOP_WRITE : 0);
    watched->watch = loop_watch_new(resolver->loop, fd, events, socket_ready, watched);
}

static int open_channel(struct resolver *resolver, const char *servers)
{
    struct ares_options options = {
        .timeout = TRY_MS,
        .tries = TRIES,
        .sock_state_cb = watch_socket,
        .sock_state_cb_data = resolver,
    };
    int status = ares_init_options(
        &resolver->channel, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
    if (status != ARES_SUCCESS || !servers || !*servers)
        return status;
    return ares_set_servers_ports_csv(resolver->channel, servers);
}

struct resolver *resolver_new(struct loop *loop, const char *servers, struct error *error)
{
    int status = ares_library_init(ARES_LIB_INIT_ALL);
    if (status != ARES_SUCCESS) {
        error_set(error, ERROR_PERMANENT, "c-ares: %s", ares_strerror(status));
        return NULL;
    }
    struct resolver *resolver = mem_zalloc(sizeof *resolver);
    resolver->loop = loop;
    LIST_INIT(&resolver->sockets);
    TAILQ_INIT(&resolver->answered);
    TAILQ_INIT(&resolver->known);
    resolver->tick = loop_timer_new(loop, ticked, resolver);
    status = open_channel(resolver, servers);
    if (status != ARES_SUCCESS) {
        error_set(error, ERROR_CONFIG, "name servers%s%s: %s", servers && *servers ? " " : "",
            servers ? servers : "", ares_strerror(status));
        resolver_free(resolver);
        return NULL;
    }
    return resolver;
}

void resolver_free(struct resolver *resolver)
{
    if (!resolver)
        return;
    resolver->freeing = true;
    if (resolver->channel)
        ares_destroy(resolver->channel);
    struct host *host, *next;
    HASH_ITER(hh, resolver->hosts, host, next) {
        struct resolver_query *query, *after;
        for (query = TAILQ_FIRST(&host->waiting); query; query = after) {
            after = TAILQ_NEXT(query, link);
            end_query(query);
        }
        free_host(host);
    }
    loop_timer_free(resolver->tick);
    free(resolver);
    ares_library_cleanup();
}

/* --- Questions ------------------------------------------------------------------------------- */

static void begin(struct host *host, struct mono_time now)
{
    static const struct ares_addrinfo_hints hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct resolver *resolver = host->resolver;
    if (!resolver->asked)
        loop_timer_start(resolver->tick, TICK_MS, TICK_MS);
    host->asked_at = now;
    set_state(host, HOST_ASKED);
    ares_getaddrinfo(resolver->channel, host->name, NULL, &hints, take_answer, host);
    if (host->state == HOST_ANSWERED && TAILQ_EMPTY(&host->waiting))
        set_state(host, HOST_KNOWN);
    if (!TAILQ_EMPTY(&resolver->answered)) /* of others, whose socket has failed in passing */
        loop_timer_start(resolver->tick, 0, TICK_MS);
}

/* An endpoint in use does not wait for the renewal of an answer, nor for one that has failed. */
static bool serves_old(const struct host *host, struct mono_time now)
{
    if (!host->addresses || is_stale(host, now))
        return false;
    return host->failing || mono_before(now, mono_add_ms(host->fresh_until, RENEWAL_MS));
}

static struct resolver_query *wait_for(
    struct host *host, int64_t timeout_ms, resolver_answered *answered, void *arg)
{
    struct resolver_query *query = mem_zalloc(sizeof *query);
    query->host = host;
    query->answered = answered;
    query->arg = arg;
    query->timeout_ms = timeout_ms;
    query->deadline = loop_timer_new(host->resolver->loop, deadline_passed, query);
    if (host->addresses && (timeout_ms <= 0 || timeout_ms > STALE_WAIT_MS))
        timeout_ms = STALE_WAIT_MS;
    if (timeout_ms > 0)
        loop_timer_start(query->deadline, timeout_ms, 0);
    TAILQ_INSERT_TAIL(&host->waiting, query, link);
    return query;
}

const struct resolver_answer *resolver_ask(struct resolver *resolver, const char *host,
    int64_t timeout_ms, resolver_answered *answered, void *arg, struct resolver_query **ret_query)
{
    static const struct resolver_answer full = {
        RESOLVER_UNUSABLE, "", 0, "Too many host names are being resolved"};
    struct mono_time now = mono_now();
    struct host *known = find_host(resolver, host);
    if (!known)
        return &full;
    if (known->state == HOST_KNOWN && mono_before(now, known->ask_after))
        return &known->answer;
    if (known->state == HOST_NEW || known->state == HOST_KNOWN)
        begin(known, now);
    if (known->state == HOST_KNOWN || serves_old(known, now))
        return &known->answer;
    *ret_query = wait_for(known, timeout_ms, answered, arg);
    return NULL;
}

void resolver_cancel(struct resolver_query *query)
{
    end_query(query);
}
