/* SPDX-License-Identifier: Apache-2.0 */
/* The table of settings. A setting is added here and nowhere else: the loader, the reference file
 * and the documents read this table. */
#include "config/settings.h"

#include "config/settings_internal.h"

#define KIB      (INT64_C(1) << 10)
#define MIB      (INT64_C(1) << 20)
#define GIB      (INT64_C(1) << 30)
#define SECOND   INT64_C(1000)
#define MINUTE   (60 * SECOND)
#define HOUR     (60 * MINUTE)
#define DAY      (24 * HOUR)
#define TEXT_MAX 1024
#define LIST_MAX 1000

/* The offset of a member; does not compile if its type is another. */
#define OFFSET(member, ctype)                                                  \
    (offsetof(struct settings, member) +                                       \
        0 * sizeof(char[__builtin_types_compatible_p(                          \
                            __typeof__(((struct settings *)0)->member), ctype) \
                            ? 1                                                \
                            : -1]))

#define STRING(p, member, def, lo, hi, text, ...) \
    {.path = (p),                                 \
        .type = SETTING_STRING,                   \
        .offset = OFFSET(member, const char *),   \
        .fallback = (def),                        \
        .min = (lo),                              \
        .max = (hi),                              \
        .doc = (text)__VA_OPT__(, ) __VA_ARGS__}
#define BOOL(p, member, def, text, ...) \
    {.path = (p),                       \
        .type = SETTING_BOOL,           \
        .offset = OFFSET(member, bool), \
        .fallback = (def),              \
        .max = 1,                       \
        .doc = (text)__VA_OPT__(, ) __VA_ARGS__}
#define INT(p, member, def, lo, hi, u, text, ...) \
    {.path = (p),                                 \
        .type = SETTING_INT,                      \
        .offset = OFFSET(member, int64_t),        \
        .fallback = (def),                        \
        .min = (lo),                              \
        .max = (hi),                              \
        .unit = (u),                              \
        .doc = (text)__VA_OPT__(, ) __VA_ARGS__}
#define DURATION(p, member, def, lo, hi, text, ...) \
    {.path = (p),                                   \
        .type = SETTING_DURATION,                   \
        .offset = OFFSET(member, int64_t),          \
        .fallback = (def),                          \
        .min = (lo),                                \
        .max = (hi),                                \
        .doc = (text)__VA_OPT__(, ) __VA_ARGS__}
#define SIZE(p, member, def, lo, hi, text, ...) \
    {.path = (p),                               \
        .type = SETTING_SIZE,                   \
        .offset = OFFSET(member, int64_t),      \
        .fallback = (def),                      \
        .min = (lo),                            \
        .max = (hi),                            \
        .doc = (text)__VA_OPT__(, ) __VA_ARGS__}
#define ENUM(p, member, ctype, def, names, text, ...) \
    {.path = (p),                                     \
        .type = SETTING_ENUM,                         \
        .offset = OFFSET(member, ctype),              \
        .fallback = (def),                            \
        .choices = (names),                           \
        .doc = (text)__VA_OPT__(, ) __VA_ARGS__}
#define LIST(p, member, def, lo, text, ...)            \
    {.path = (p),                                      \
        .type = SETTING_LIST,                          \
        .offset = OFFSET(member, const char *const *), \
        .fallback = (def),                             \
        .min = (lo),                                   \
        .max = LIST_MAX,                               \
        .doc = (text)__VA_OPT__(, ) __VA_ARGS__}

/* At the end of a row: the roles take a change of it over while they run (roles_reload()). Of two settings of
 * which one limits the other (settings_cross_check.c), both do or neither. */
#define RELOADS .reloadable = true

static const char *const assignments[] = {
    "auto", "roundrobin", "range", "cooperative-sticky", NULL};
static const char *const results_choices[] = {
    [CONSUMER_RESULTS_ALL] = "all",
    [CONSUMER_RESULTS_FAILURES] = "failures",
    [CONSUMER_RESULTS_NONE] = "none",
    [CONSUMER_RESULTS_NONE + 1] = NULL,
};
static const char *const log_levels[] = {
    [LOG_LEVEL_DEBUG] = "debug",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_ERROR + 1] = NULL,
};
static const char *const log_formats[] = {
    [LOG_FORMAT_LOGFMT] = "logfmt",
    [LOG_FORMAT_JSON] = "json",
    [LOG_FORMAT_JSON + 1] = NULL,
};

const struct settings_group settings_groups[] = {
    {"kafka", "How Kafka is reached."},
    {"producer", "Writing to Kafka."},
    {"topics", "Which topics are read, and how ours are named and made."},
    {"tenant", "How an event's tenant is found; those sources that are configured and answer must "
               "agree."},
    {"event", "How an event is read."},
    {"bridge", "The bridge role: from the events topics to the tenants' delivery topics."},
    {"consumer", "The consumer role: from the delivery topics to the tenants' webhooks."},
    {"circuit", "When an endpoint is left alone because it fails."},
    {"ttl", "For how long an event is worth being delivered."},
    {"http", "Requests to the webhooks."},
    {"egress",
        "Where requests may go: a tenant chooses the URL of a webhook, and must not reach your "
        "network with it."},
    {"results", "The results topic."},
    {"subscriptions", "The registry of subscriptions."},
    {"secrets", "Secrets of subscriptions, at rest."},
    {"console", "The console: an API to see and change what Hookline does."},
    {"probes", "Health and metrics."},
    {"log", "Log lines, on standard error."},
    {NULL, NULL},
};

const struct setting settings_table[] = {
    STRING("kafka.brokers", kafka.brokers, "127.0.0.1:9092", 1, 4096,
        "The brokers to ask first, as host:port, separated by commas.", .check = check_brokers),
    STRING("kafka.client_id", kafka.client_id, "hookline", 1, 255,
        "The name by which the brokers know us, in their logs and quotas."),
    LIST("kafka.properties", kafka.properties, "", 0,
        "Further properties of librdkafka as \"name=value\", for example for TLS and SASL; later "
        "ones win.",
        .check = check_property, .mask = mask_property),
    STRING("kafka.properties_file", kafka_properties_file, "", 0, TEXT_MAX,
        "A file with more properties, one name=value per line, added behind kafka.properties: "
        "the place for passwords."),
    STRING("kafka.username_file", kafka_username_file, "", 0, TEXT_MAX,
        "A file that holds the user name for SASL and nothing else: property sasl.username. An end "
        "of line behind it does not belong to it."),
    STRING("kafka.password_file", kafka_password_file, "", 0, TEXT_MAX,
        "The same for the password: property sasl.password."),

    DURATION("producer.linger", producer.linger_ms, "1ms", 0, 10 * SECOND,
        "How long a record may wait for others to share a request with."),
    INT("producer.max_outstanding", producer.max_outstanding, "20000", 100, 500000, "records",
        "How many records may wait for their acknowledgement before no more work is taken on."),
    SIZE("producer.max_outstanding_bytes", producer.max_outstanding_bytes, "64MiB", MIB, 2 * GIB,
        "How many bytes may wait for their acknowledgement before no more work is taken on."),

    STRING("topics.prefix", topics.prefix, "hookline.", 1, 174,
        "What the names of all our topics begin with.", .check = check_topic_prefix),
    LIST("topics.events", topics.events, "calls", 1,
        "The topics that events are read from; they are yours.", .check = check_topic),
    INT("topics.partitions", topics.partitions, "4", 1, 10000, "partitions",
        "Partitions of the results and dead-letter topics when they are made, and of the events "
        "topics that 'hookline topics ensure' makes."),
    INT("topics.tenant_partitions", topics.tenant_partitions, "1", 1, 1000, "partitions",
        "Partitions of a new tenant's delivery topic."),
    INT("topics.replication_factor", topics.replication_factor, "-1", -1, 100, "replicas",
        "Replicas of each partition of the topics that we make; -1 is the broker's default.",
        .check = check_replication_factor),
    BOOL("topics.create", topics.create, "true", "Whether our topics are made where missing."),
    LIST("topics.config", topics.config, "", 0,
        "Further configuration of the topics that we make, as \"name=value\", for example "
        "\"min.insync.replicas=2\".",
        .check = check_topic_config),
    DURATION("topics.deliveries_retention", topics.deliveries_retention_ms, "7d", HOUR, 3650 * DAY,
        "How long a new delivery topic keeps deliveries: no longer can an endpoint be away "
        "without losing some."),
    DURATION("topics.results_retention", topics.results_retention_ms, "3d", HOUR, 3650 * DAY,
        "How long a new results topic keeps results."),
    DURATION("topics.dead_letters_retention", topics.dead_letters_retention_ms, "30d", HOUR,
        3650 * DAY, "How long a new dead-letter topic keeps dead letters."),

    STRING("tenant.header", bridge.events.tenant_header, "tenant-id", 0, 255,
        "The record header that names the tenant; empty means none."),
    STRING("tenant.topic_regex", bridge.events.tenant_topic_regex, "", 0, TEXT_MAX,
        "A POSIX extended regular expression with one group, which finds the tenant in the "
        "name of the events topic; empty means none."),
    BOOL("tenant.key_prefix", bridge.events.tenant_key_prefix, "false",
        "Whether record keys begin with \"<tenant>:\"."),
    STRING("tenant.pointer", bridge.events.tenant_pointer, "", 0, TEXT_MAX,
        "A JSON pointer to the tenant in the event's body; empty means none.",
        .check = check_pointer),
    STRING("tenant.fixed", bridge.events.tenant_fixed, "", 0, EVENT_TENANT_MAX,
        "The tenant of events for which none of the other sources answers; empty means none.",
        .check = check_tenant),

    STRING("event.type_pointer", bridge.events.type_pointer, "/type", 1, TEXT_MAX,
        "A JSON pointer to the event's type in its body.", .check = check_pointer),
    LIST("event.type_aliases", bridge.events.type_aliases, "", 0,
        "Further names for event types, as \"from=to\", for example "
        "\"call-start=call.created\"."),
    STRING("event.order_key_header", bridge.events.order_key_header, "order-key", 0, 255,
        "The record header that says which events must stay in order; empty means none."),
    SIZE("event.max_size", bridge.events.max_bytes, "256KiB", KIB, 8 * MIB,
        "The largest event that is delivered; larger ones become dead letters."),

    STRING("bridge.group", bridge.consumer.group, "hookline-bridge", 1, 255,
        "The consumer group of all bridges."),
    DURATION("bridge.commit_interval", bridge.consumer.commit_interval_ms, "200ms", 10, MINUTE,
        "How often offsets are committed: what was done since is repeated after a crash."),
    DURATION("bridge.session_timeout", bridge.consumer.session_timeout_ms, "45s", 6 * SECOND,
        30 * MINUTE, "After how long without a sign of life a bridge has left its group."),
    SIZE("bridge.fetch_partition_size", bridge.consumer.fetch_partition_bytes, "4MiB", 64 * KIB,
        256 * MIB, "How much is fetched ahead from a partition."),
    STRING("bridge.assignment", bridge.consumer.assignment, "auto", 0, 0,
        "How partitions are shared out; auto is roundrobin below librdkafka 2.10 and "
        "cooperative-sticky from it on. All members of a group need the same.",
        .choices = assignments),

    STRING("consumer.group", consumer.consumer.group, "hookline-consumers", 1, 255,
        "The consumer group of all consumers."),
    DURATION("consumer.commit_interval", consumer.consumer.commit_interval_ms, "100ms", 10, MINUTE,
        "How often offsets are committed: what was done since is repeated after a crash."),
    DURATION("consumer.session_timeout", consumer.consumer.session_timeout_ms, "45s", 6 * SECOND,
        30 * MINUTE, "After how long without a sign of life a consumer has left its group."),
    SIZE("consumer.fetch_size", consumer.fetch_bytes, "32MiB", MIB, 4096 * MIB,
        "How much is fetched ahead from all partitions together, headers not counted; it is "
        "divided "
        "at the start, by the partitions of the tenants known then."),
    STRING("consumer.assignment", consumer.consumer.assignment, "auto", 0, 0,
        "How partitions are shared out; auto is roundrobin below librdkafka 2.10 and "
        "cooperative-sticky from it on. All members of a group need the same.",
        .choices = assignments),
    LIST("consumer.tenants", consumer.tenants, "", 0,
        "The tenants that are served, as patterns in which * stands for any characters; an empty "
        "list means all.",
        .check = check_tenant_pattern),
    INT("consumer.tenant_metrics", consumer.tenant_metrics, "0", 0, 1000, "tenants",
        "How many tenants have their deliveries and dead letters counted apart, in metrics with a "
        "label of their names (hookline_tenant_…); the first that have any, all others together."),
    DURATION("consumer.drain_timeout", consumer.drain_timeout_ms, "25s", 0, 10 * MINUTE,
        "How long requests under way may take to finish when the process is told to stop.",
        RELOADS),
    INT("consumer.max_held", consumer.max_held, "10000", 10, 1000000, "deliveries",
        "How many deliveries a process holds in memory.", RELOADS),
    SIZE("consumer.max_held_size", consumer.max_held_bytes, "64MiB", MIB, 64 * GIB,
        "How many bytes of deliveries a process holds in memory."),
    INT("consumer.max_in_flight", consumer.max_in_flight, "1000", 1, 100000, "requests",
        "How many requests of a process may be under way.", RELOADS),
    INT("consumer.endpoint_window", consumer.endpoint_window, "64", 1, 1000, "requests",
        "How many requests to one endpoint may be under way at most; how many are is found out by "
        "how it answers.",
        RELOADS),
    INT("consumer.window_first", consumer.window_first, "4", 1, 64, "requests",
        "How many requests to an endpoint that nothing is known of may be under way.", RELOADS),
    DURATION("consumer.timeout", consumer.timeout_ms, "15s", 1, MINUTE,
        "How long a request may take in all, unless the subscription says otherwise.", RELOADS),
    DURATION("consumer.connect_timeout", consumer.connect_timeout_ms, "5s", 1, MINUTE,
        "How long connecting may take, unless the subscription says otherwise.", RELOADS),
    INT("consumer.max_attempts", consumer.max_attempts, "100", 1, 10000, "attempts",
        "How often a delivery is tried before it becomes a dead letter.", RELOADS),
    INT("consumer.retry_4xx", consumer.retry_4xx, "3", 1, 1000, "attempts",
        "How often a delivery is tried that the endpoint refuses with a 3xx or 4xx status.",
        RELOADS),
    DURATION("consumer.retry_max_age", consumer.retry_max_age_ms, "0", 0, 30 * DAY,
        "How long after a delivery's first attempt another may begin; 0 is as long as it lives.",
        RELOADS),
    DURATION("consumer.retry_horizon", consumer.retry_horizon_ms, "10s", 0, 10 * MINUTE,
        "How long a delivery waits in memory for its next attempt; for longer it is set aside, and "
        "read again from its topic.",
        RELOADS),
    DURATION("consumer.retry_after_max", consumer.retry_after_max_ms, "1h", SECOND, DAY,
        "How long at most an endpoint is left alone because its Retry-After asks for it.", RELOADS),
    DURATION("consumer.backoff_first", consumer.backoff_first_ms, "1s", 1, HOUR,
        "The delay before the second attempt, which doubles with each further one.", RELOADS),
    DURATION("consumer.backoff_max", consumer.backoff_max_ms, "1h", 1, DAY,
        "The longest delay between two attempts.", RELOADS),

    DURATION("circuit.open_first", consumer.circuit.open_first_ms, "5s", 10, HOUR,
        "How long an endpoint that fails is left alone before one delivery is tried; doubled with "
        "each that fails.",
        RELOADS),
    DURATION("circuit.open_max", consumer.circuit.open_max_ms, "5m", 10, DAY,
        "How long an endpoint that fails is left alone at most.", RELOADS),
    DURATION("circuit.disable_after", consumer.circuit.disable_after_ms, "5d", SECOND, 365 * DAY,
        "After how long of nothing but failure an endpoint is disabled, unless the subscription "
        "says otherwise.",
        RELOADS),
    DURATION("circuit.notice_after", consumer.notice_after_ms, "10m", SECOND, 365 * DAY,
        "After how long of nothing but failure the tenant is told so by an event, "
        "hookline.endpoint.failing.",
        RELOADS),

    LIST("ttl.events", consumer.ttl_events,
        "call.ringing=30s,call.created=1m,call.answered=5m,call.ended=72h", 0,
        "No attempt of an event starts when it is older than that, by its type; a subscription can "
        "say otherwise. Never longer than topics.deliveries_retention less a day.",
        .check = check_ttl, RELOADS),
    DURATION("ttl.other", consumer.ttl_other_ms, "1d", SECOND, 365 * DAY,
        "The same for all other types.", RELOADS),
    BOOL("ttl.from_acceptance", consumer.ttl_from_acceptance, "false",
        "Whether an event's age counts from when the bridge accepted it, and not from its record's "
        "timestamp.",
        RELOADS),

    STRING("http.ca_file", consumer.http.ca_file, "/etc/ssl/certs/ca-certificates.crt", 1, TEXT_MAX,
        "The certificate authorities that are trusted, a PEM file."),
    STRING("http.proxy", consumer.http.proxy, "", 0, TEXT_MAX,
        "The URL of a proxy for all requests; empty means none. The environment's http_proxy "
        "is never used.",
        .check = check_proxy, .mask = mask_url),
    SIZE("http.max_answer_size", consumer.http.max_answer_bytes, "64KiB", KIB, 16 * MIB,
        "How much of an answer's body is read before the connection is closed.", RELOADS),
    INT("http.max_connections", consumer.http.max_connections, "1024", 1, 100000, "connections",
        "How many connections are kept open for later requests."),

    BOOL("egress.allow_http", consumer.http.guard.allow_http, "false",
        "Whether webhooks may have http URLs, and not only https ones.", RELOADS),
    BOOL("egress.allow_private", consumer.http.guard.allow_private, "false",
        "Whether requests may go to loopback, private, link-local, metadata and other addresses "
        "that "
        "are not of the Internet: for trials, and where all webhooks are your own.",
        RELOADS),
    LIST("egress.allow", consumer.http.guard.allow, "", 0,
        "Addresses and ranges such as \"10.1.0.0/16\" that requests may go to although they are "
        "private.",
        .check = guard_range_valid, RELOADS),
    LIST("egress.deny", consumer.http.guard.deny, "", 0,
        "Addresses and ranges that no request goes to, whatever else is allowed.",
        .check = guard_range_valid, RELOADS),
    LIST("egress.ports", consumer.http.guard.ports, "", 0,
        "Ports that requests may go to, each as \"443\" or \"8000-8999\"; none means all.",
        .check = guard_ports_valid, RELOADS),

    ENUM("results.publish", consumer.results, enum consumer_results, "all", results_choices,
        "Which attempts are published to the results topic.", RELOADS),
    DURATION("results.linger", consumer.results_linger_ms, "20ms", 0, 10 * SECOND,
        "How long a result may wait for others to share a request with."),

    INT("subscriptions.max_per_tenant", subscriptions_max_per_tenant, "1000", 1, 100000,
        "subscriptions", "How many subscriptions a tenant may have; further ones are ignored."),
    INT("subscriptions.max_fan_out", subscriptions_max_fan_out, "1000", 1, 100000, "subscriptions",
        "To how many subscriptions of its tenant one event may go, filters aside; one that would "
        "make it more is refused."),

    STRING("secrets.key_file", secrets_key_file, "", 0, TEXT_MAX,
        "The keys that seal secrets and header values of subscriptions in Kafka: a line \"<id> "
        "<base64 of 32 bytes>\" for each; the first seals, all open. The file is followed while a "
        "role runs; empty means that nothing is sealed."),

    STRING("console.listen", console.listen, "127.0.0.1:9480", 1, 255,
        "The address of the console's API; \":9480\" is all addresses. It is plain HTTP unless "
        "there is a certificate.",
        .check = check_listen),
    STRING("console.tokens_file", console.tokens_file, "", 0, TEXT_MAX,
        "The tokens that the console's API accepts, with their roles: a file that 'hookline token' "
        "writes, followed while the console runs. Empty means none."),
    STRING("console.certificate_file", console.certificate_file, "", 0, TEXT_MAX,
        "The certificate that the API shows, as PEM, followed by those of its issuers; with it, "
        "the "
        "API is served by TLS. Read at the start."),
    STRING("console.private_key_file", console.private_key_file, "", 0, TEXT_MAX,
        "The certificate's private key, as PEM."),
    INT("console.rate_limit", console.rate_limit, "50", 1, 1000000, "requests a second",
        "How many requests may be made with one token, or by all who have none; twice as many may "
        "come at once.",
        RELOADS),
    SIZE("console.max_body", console.max_body_bytes, "256KiB", KIB, 16 * MIB,
        "The largest body of a request."),
    DURATION("console.secret_grace", console.secret_grace_ms, "1d", 0, 30 * DAY,
        "How long a secret that was rotated still signs beside the new one.", RELOADS),
    SIZE("console.attempts_memory", console.attempts_bytes, "64MiB", MIB, 16 * GIB,
        "How much memory recent attempts may take, which the API lists."),
    INT("console.attempts_per_tenant", console.attempts_per_tenant, "10000", 1, 10000000,
        "attempts", "How many of them are kept of one tenant."),
    STRING("console.handshake_origin", console.handshake_origin, "", 0, 253,
        "With a host name such as \"hookline.example.com\", an endpoint is asked whether it wants "
        "requests from there before the API gives its URL to a subscription (CloudEvents, abuse "
        "protection), and has to agree. Empty means that none is asked.",
        .check = check_host_name),
    INT("console.handshake_rate", console.handshake_rate, "0", 0, 1000000, "requests a minute",
        "How many requests it is asked to take; 0 means that the question leaves it out.", RELOADS),

    STRING("probes.listen", probes.listen, "127.0.0.1:9464", 0, 255,
        "The address of /livez, /readyz and /metrics; \":9464\" is all addresses, empty means "
        "none.",
        .check = check_listen),

    ENUM("log.level", log.level, enum log_level, "info", log_levels,
        "The least important lines that are written.", RELOADS),
    ENUM("log.format", log.format, enum log_format, "logfmt", log_formats,
        "How log lines are written.", RELOADS),

    {.path = NULL},
};

_Static_assert(sizeof(enum consumer_results) == sizeof(unsigned) &&
                   sizeof(enum log_level) == sizeof(unsigned) &&
                   sizeof(enum log_format) == sizeof(unsigned),
    "settings_value.c reads and writes enums as unsigned");
