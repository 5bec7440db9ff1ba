/* SPDX-License-Identifier: Apache-2.0 */
/* Fills delivery topics, or an events topic, for the benchmarks: at full speed or paced.
 *
 * Endpoint e of E belongs to tenant e * T / E; its subscription is "e-<e>". Record n goes to the
 * range's endpoints in turn (or to the tenants in turn, as an event). Its body begins with
 * {"n":<n>,"sent_us":<when it was handed to the client library>, which receiver.c reads.
 * A call has 5 events; the events of 20 calls at a time alternate. Prints one line of JSON.
 * SIGTERM ends it early, in good order. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "producers/delivery_record.h"

#define EVENTS_PER_CALL 5
#define CALLS_AT_A_TIME 20
#define BODY_MAX        65536

static struct {
    const char *brokers, *prefix, *topic, *type;
    int64_t tenants, endpoints, first, last, from, count, rate, size, members;
} options = {.tenants = 1, .endpoints = 1, .last = -1, .size = 600, .type = "call.ended"};

static rd_kafka_t *kafka;
static rd_kafka_topic_t **topics;
static int64_t *latencies_us;
static int64_t begun, acknowledged, failed;
static volatile sig_atomic_t stopped;
static char body[BODY_MAX + 1];

static void die(const char *what)
{
    fprintf(stderr, "produce: %s\n", what);
    exit(1);
}

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void delivered(rd_kafka_t *handle, const rd_kafka_message_t *message, void *arg)
{
    (void)handle, (void)arg;
    if (message->err) {
        if (failed++ == 0)
            fprintf(stderr, "produce: %s\n", rd_kafka_err2str(message->err));
        return;
    }
    latencies_us[acknowledged++] = rd_kafka_message_latency(message);
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char error[256];
    if (rd_kafka_conf_set(conf, name, value, error, sizeof error) != RD_KAFKA_CONF_OK)
        die(error);
}

static void kafka_open(void)
{
    char error[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", options.brokers);
    set(conf, "linger.ms", options.rate ? "0" : "20");
    set(conf, "queue.buffering.max.messages", "200000");
    set(conf, "log_level", "3");
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error);
    if (!kafka)
        die(error);
}

static void topics_open(void)
{
    int64_t count = options.topic ? 1 : options.tenants;
    topics = calloc((size_t)count, sizeof *topics);
    if (!topics)
        die("out of memory");
    for (int64_t i = 0; i < count; i++) {
        char name[256];
        snprintf(name, sizeof name, "%sdeliveries.tenant-%" PRId64,
            options.prefix ? options.prefix : "", i);
        topics[i] = rd_kafka_topic_new(kafka, options.topic ? options.topic : name, NULL);
    }
}

/* What fills a body up is one member, or as many as are asked for: as much as in an event of the platform. */
static void break_up_pad(int pad, int end)
{
    int64_t length = (end - pad) / (options.members + 1);
    for (int64_t i = 0; i < options.members; i++) {
        char next[32];
        int len = snprintf(next, sizeof next, "\",\"member%02" PRId64 "\":\"", i);
        if (length > len)
            memcpy(body + pad + i * length, next, (size_t)len);
    }
}

static void write_body(int64_t n, int64_t call, int64_t sent_us)
{
    int len = snprintf(body, sizeof body,
        "{\"n\":%10" PRId64 ",\"sent_us\":%16" PRId64
        ",\"type\":\"ended\",\"callID\":\"call-%" PRId64
        "\",\"callerIdNumber\":\"045550123\",\"pad\":\"",
        n, sent_us, call);
    if (options.size > len + 2)
        memset(body + len, 'x', (size_t)options.size - (size_t)len - 2);
    else
        options.size = len + 2;
    break_up_pad(len, (int)options.size - 2);
    snprintf(body + options.size - 2, 3, "\"}");
}

/* Takes `headers` when it succeeds; waits while the queue is full. */
static void produce(rd_kafka_topic_t *topic, int32_t partition, const void *key, size_t key_len,
    rd_kafka_headers_t *headers)
{
    for (;;) {
        rd_kafka_resp_err_t code = rd_kafka_producev(kafka, RD_KAFKA_V_RKT(topic),
            RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_KEY(key, key_len), RD_KAFKA_V_VALUE(body, (size_t)options.size),
            RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            return;
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            die(rd_kafka_err2str(code));
        rd_kafka_poll(kafka, 10);
    }
}

static int64_t call_of(int64_t index)
{
    int64_t block = index / (EVENTS_PER_CALL * CALLS_AT_A_TIME);
    return block * CALLS_AT_A_TIME + index % CALLS_AT_A_TIME;
}

static void send_event(int64_t n)
{
    char key[32], tenant[32];
    int64_t call = call_of(n / options.tenants) * options.tenants + n % options.tenants;
    int key_len = snprintf(key, sizeof key, "call-%" PRId64, call);
    snprintf(tenant, sizeof tenant, "tenant-%" PRId64, n % options.tenants);
    rd_kafka_headers_t *headers = rd_kafka_headers_new(1);
    rd_kafka_header_add(headers, "tenant-id", -1, tenant, -1);
    write_body(n, call, now_us());
    produce(topics[0], RD_KAFKA_PARTITION_UA, key, (size_t)key_len, headers);
}

static struct sha256 *id_hash;

static void send_delivery(int64_t n)
{
    char id[DELIVERY_ID_SIZE], tenant_id[32], subscription[32], order_key[32], source[48];
    int64_t span = options.last - options.first + 1, endpoint = options.first + n % span;
    int64_t tenant = endpoint * options.tenants / options.endpoints;
    int64_t call = call_of(n / span) * options.endpoints + endpoint, sent_us = now_us();
    struct delivery_encoded encoded;
    snprintf(tenant_id, sizeof tenant_id, "tenant-%" PRId64, tenant);
    snprintf(subscription, sizeof subscription, "e-%" PRId64, endpoint);
    snprintf(order_key, sizeof order_key, "call-%" PRId64, call);
    snprintf(source, sizeof source, "bench/0/%" PRId64, n);
    const struct record event = {.topic = "bench", .offset = n, .timestamp_ms = sent_us / 1000};
    delivery_id(id_hash, &event, tenant_id, subscription, id);
    write_body(n, call, sent_us);
    delivery_encode(
        &(struct delivery_record){
            .id = id,
            .tenant = tenant_id,
            .subscription = subscription,
            .event = options.type,
            .event_at = {sent_us / 1000},
            .order_key = order_key,
            .source = source,
            .accepted_at = {sent_us / 1000},
            .body = {body, (size_t)options.size},
        },
        &encoded);
    rd_kafka_headers_t *headers = rd_kafka_headers_new(encoded.record.header_count);
    for (size_t i = 0; i < encoded.record.header_count; i++) {
        const struct header *header = &encoded.headers[i];
        rd_kafka_header_add(
            headers, header->name, -1, header->value.data, (ssize_t)header->value.len);
    }
    produce(topics[tenant], 0, encoded.record.key.data, encoded.record.key.len, headers);
}

static void await(int64_t due_us)
{
    for (;;) {
        int64_t left_us = due_us - now_us();
        if (left_us <= 0)
            return;
        if (left_us >= 2000) {
            rd_kafka_poll(kafka, (int)(left_us / 1000) - 1);
            continue;
        }
        struct timespec pause = {0, left_us * 1000};
        nanosleep(&pause, NULL);
    }
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void run(void)
{
    int64_t began = now_us(), latest_us = 0;
    for (int64_t i = 0; i < options.count && !stopped; i++) {
        if (options.rate) {
            int64_t due = began + i * 1000000 / options.rate;
            await(due);
            int64_t late = now_us() - due;
            latest_us = late > latest_us ? late : latest_us;
        }
        if (options.topic)
            send_event(options.from + i);
        else
            send_delivery(options.from + i);
        begun++;
        rd_kafka_poll(kafka, 0);
    }
    rd_kafka_flush(kafka, 60000);
    int64_t took = now_us() - began;
    qsort(latencies_us, (size_t)acknowledged, sizeof *latencies_us, compare);
    printf("{\"records\": %" PRId64 ", \"failed\": %" PRId64 ", \"seconds\": %.3f, "
           "\"ack_p50_us\": %" PRId64 ", \"ack_p99_us\": %" PRId64 ", \"latest_us\": %" PRId64
           "}\n",
        acknowledged, failed, (double)took / 1e6, latencies_us[acknowledged / 2],
        latencies_us[acknowledged * 99 / 100], latest_us);
}

static int64_t number(const char *text)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || *end || value < 0)
        die("an option wants a number");
    return value;
}

static void parse(int argc, char **argv)
{
    static const struct {
        const char *name;
        int64_t *number;
        const char **text;
    } table[] = {
        {"brokers", NULL, &options.brokers},
        {"prefix", NULL, &options.prefix}, /* of the delivery topics, for deliveries */
        {"topic", NULL, &options.topic},   /* the events topic, for events */
        {"type", NULL, &options.type},
        {"tenants", &options.tenants, NULL},
        {"endpoints", &options.endpoints, NULL},
        {"first", &options.first, NULL}, /* the range of endpoints that get records: all */
        {"last", &options.last, NULL},
        {"from", &options.from, NULL}, /* the first record's n */
        {"count", &options.count, NULL},
        {"rate", &options.rate, NULL},       /* records a second; 0 = as fast as can be */
        {"size", &options.size, NULL},       /* of the body */
        {"members", &options.members, NULL}, /* that fill it up: one more */
    };
    enum { ENTRIES = sizeof table / sizeof table[0] };
    struct option names[ENTRIES + 1] = {0};
    int index;
    for (int i = 0; i < ENTRIES; i++)
        names[i] = (struct option){table[i].name, required_argument, NULL, 'x'};
    while (getopt_long(argc, argv, "", names, &index) == 'x') {
        if (table[index].text)
            *table[index].text = optarg;
        else
            *table[index].number = number(optarg);
    }
    if (options.last < 0)
        options.last = options.endpoints - 1;
    if (!options.brokers || !options.prefix == !options.topic || options.count == 0 ||
        options.size > BODY_MAX || options.tenants < 1 || options.endpoints < options.tenants ||
        options.first > options.last || options.last >= options.endpoints)
        die("Usage: produce --brokers B --count N (--prefix P --tenants T --endpoints E [--first "
            "E] "
            "[--last E] [--type TYPE] | --topic T --tenants T --endpoints T) [--from N] "
            "[--rate N] [--size BYTES] [--members N]");
}

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

int main(int argc, char **argv)
{
    signal(SIGTERM, stop);
    parse(argc, argv);
    latencies_us = calloc((size_t)options.count + 1, sizeof *latencies_us);
    if (!latencies_us)
        die("out of memory");
    kafka_open();
    topics_open();
    id_hash = sha256_new();
    run();
    return failed == 0 && acknowledged == begun ? 0 : 1;
}
