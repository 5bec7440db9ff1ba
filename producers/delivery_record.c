/* SPDX-License-Identifier: Apache-2.0 */
/* The record of one delivery. */
#include "producers/delivery_record.h"

#include <string.h>
#include <strings.h>

#include "common/hash.h"
#include "common/text.h"

enum field_type { FIELD_TEXT, FIELD_NUMBER, FIELD_FLAG };

/* One header and its place in struct delivery_record. */
struct field {
    const char *name;
    size_t offset;
    enum field_type type;
    bool mandatory;
    /* Texts: at most `longest` bytes, of `set` (NULL = any UTF-8). */
    size_t longest;
    const char *set;
    /* Numbers: from 0 to `most`; written from `least` on; `absent` where there is none. */
    int64_t most, least, absent;
};

#define TIME_MAX      INT64_C(253402300799999) /* the end of the year 9999 */
#define PLACE(member) offsetof(struct delivery_record, member)
#define TENANT_SET    "a-z0-9_-"
#define NAME_SET      "A-Za-z0-9_-"

static const struct field fields[] = {
    {"hookline-id", PLACE(id), FIELD_TEXT, true, .longest = 64, .set = NAME_SET},
    {"hookline-tenant", PLACE(tenant), FIELD_TEXT, true, .longest = 64, .set = TENANT_SET},
    {"hookline-event", PLACE(event), FIELD_TEXT, true, .longest = 64, .set = "A-Za-z0-9._-"},
    {"hookline-event-at", PLACE(event_at.ms), FIELD_NUMBER, true, .most = TIME_MAX, .absent = -1},
    {"hookline-order-key", PLACE(order_key), FIELD_TEXT, false, .longest = 1024},
    {"hookline-source", PLACE(source), FIELD_TEXT, false, .longest = 320, .set = "A-Za-z0-9._/-"},
    {"hookline-accepted-at", PLACE(accepted_at.ms), FIELD_NUMBER, true, .most = TIME_MAX,
        .absent = -1},
    {"hookline-registry", PLACE(registry), FIELD_NUMBER, true, .most = INT64_MAX, .absent = -1},
    {"hookline-redact", PLACE(redact), FIELD_FLAG, false},
    {"hookline-test", PLACE(test), FIELD_FLAG, false},
    {"hookline-replay", PLACE(replay), FIELD_NUMBER, false, .most = 1000000, .least = 1},
    {"hookline-ignore-ttl", PLACE(ignore_ttl), FIELD_FLAG, false},
    {"hookline-attempts", PLACE(attempts), FIELD_NUMBER, false, .most = 1000000000, .least = 1},
    {"hookline-first-attempt-at", PLACE(first_attempt_at.ms), FIELD_NUMBER, false, .most = TIME_MAX,
        .least = 1, .absent = -1},
};
#define FIELDS (sizeof fields / sizeof fields[0])

/* --- Writing -------------------------------------------------------------------------------- */

static void add_text(struct delivery_encoded *out, const char *name, const char *text)
{
    out->headers[out->record.header_count++] = (struct header){name, {text, strlen(text)}};
}

static void encode_passed(const struct delivery_record *delivery, struct delivery_encoded *out)
{
    size_t bytes = 0;
    for (size_t i = 0; i < delivery->passed_count; i++) {
        const struct header *header = &delivery->passed[i];
        if (!delivery_passes_header(header->name))
            continue;
        size_t size = strlen(header->name) + header->value.len;
        if (out->record.header_count == DELIVERY_HEADERS_MAX ||
            size > DELIVERY_PASSED_BYTES_MAX - bytes)
            continue;
        bytes += size;
        out->headers[out->record.header_count++] = *header;
    }
}

void delivery_encode(const struct delivery_record *delivery, struct delivery_encoded *out)
{
    const char *base = (const char *)delivery;
    size_t numbers = 0;
    size_t tenant_len = strlen(delivery->tenant), id_len = strlen(delivery->subscription);
    size_t key_len = tenant_len + 1 + id_len;
    bug_on(key_len >= sizeof out->key);
    memcpy(out->key, delivery->tenant, tenant_len);
    out->key[tenant_len] = '/';
    memcpy(out->key + tenant_len + 1, delivery->subscription, id_len + 1);
    out->record = (struct record){
        .timestamp_ms = -1,
        .key = {out->key, key_len},
        .value = delivery->body,
        .headers = out->headers,
    };
    for (size_t i = 0; i < FIELDS; i++) {
        const struct field *field = &fields[i];
        const char *text = NULL;
        if (field->type == FIELD_TEXT) {
            text = *(const char *const *)(base + field->offset);
            if (text && !*text)
                text = NULL;
        } else if (field->type == FIELD_FLAG) {
            text = *(const bool *)(base + field->offset) ? "1" : NULL;
        } else if (*(const int64_t *)(base + field->offset) >= field->least) {
            text =
                text_format_int(*(const int64_t *)(base + field->offset), out->numbers[numbers++]);
        }
        if (text)
            add_text(out, field->name, text);
    }
    encode_passed(delivery, out);
}

/* --- Reading -------------------------------------------------------------------------------- */

static bool text_fits(const struct field *field, const char *text, size_t len)
{
    if (len == 0 || len > field->longest)
        return false;
    return field->set ? text_matches_set(text, field->longest, field->set)
                      : text_is_utf8(text, len);
}

/* Puts the value of a header into its place; false where it does not belong there. */
static bool decode_value(const struct field *field, const struct bytes *value, char *base)
{
    const char *text = value->data;
    if (!text || memchr(text, '\0', value->len))
        return false;
    if (field->type == FIELD_TEXT) {
        if (!text_fits(field, text, value->len))
            return false;
        *(const char **)(base + field->offset) = text;
        return true;
    }
    int64_t number;
    if (!text_parse_int(text, &number) || number < 0)
        return false;
    if (field->type == FIELD_FLAG) {
        if (number > 1)
            return false;
        *(bool *)(base + field->offset) = number == 1;
        return true;
    }
    if (number > field->most)
        return false;
    *(int64_t *)(base + field->offset) = number;
    return true;
}

static bool decode_fields(
    const struct record *record, struct delivery_record *delivery, struct error *error)
{
    char *base = (char *)delivery;
    bool good = true;
    for (size_t i = 0; i < FIELDS; i++) {
        const struct field *field = &fields[i];
        const struct header *header = record_header(record, field->name);
        if (field->type == FIELD_NUMBER)
            *(int64_t *)(base + field->offset) = field->absent;
        if (!header && field->mandatory)
            good = error_set(error, ERROR_PERMANENT, "header %s is absent", field->name);
        if (header && !decode_value(field, &header->value, base))
            good = error_set(error, ERROR_PERMANENT, "header %s is malformed", field->name);
    }
    if (!delivery->source && !delivery->test)
        good = error_set(error, ERROR_PERMANENT, "header hookline-source is absent");
    return good;
}

static bool copy_id(const char *from, size_t len, const char *set, char out[65])
{
    if (len > 64 || memchr(from, '\0', len))
        return false;
    char id[65];
    memcpy(id, from, len);
    id[len] = '\0';
    if (!text_matches_set(id, 64, set))
        return false;
    memcpy(out, id, len + 1);
    return true;
}

/* "<tenant>/<subscription>" */
static bool decode_key(const struct record *record, struct delivery_decoded *ret)
{
    const char *key = record->key.data;
    const char *slash = key ? memchr(key, '/', record->key.len) : NULL;
    if (!slash)
        return false;
    size_t tenant_len = (size_t)(slash - key);
    return copy_id(key, tenant_len, TENANT_SET, ret->tenant) &&
           copy_id(slash + 1, record->key.len - tenant_len - 1, NAME_SET, ret->subscription);
}

static void decode_passed(const struct record *record, struct delivery_decoded *ret)
{
    size_t count = 0;
    for (size_t i = 0; i < record->header_count && count < DELIVERY_HEADERS_MAX; i++)
        if (delivery_passes_header(record->headers[i].name))
            ret->passed[count++] = record->headers[i];
    ret->delivery.passed = ret->passed;
    ret->delivery.passed_count = count;
}

bool delivery_decode(
    const struct record *record, struct delivery_decoded *ret_delivery, struct error *error)
{
    struct delivery_decoded *ret = ret_delivery;
    struct delivery_record *delivery = &ret->delivery;

    *delivery = (struct delivery_record){.body = record->value};
    ret->tenant_disagrees = false;
    ret->tenant[0] = ret->subscription[0] = '\0';
    bool good = decode_fields(record, delivery, error);
    decode_passed(record, ret);
    if (!record->value.data)
        good = error_set(error, ERROR_PERMANENT, "the record has no value");

    bool key_good = decode_key(record, ret);
    if (!key_good || !delivery->tenant || strcmp(ret->tenant, delivery->tenant) != 0) {
        good = error_set(error, ERROR_PERMANENT,
            "the record's key is not the tenant of header hookline-tenant, a slash "
            "and a subscription id");
        ret->tenant_disagrees = true;
        delivery->tenant = delivery->subscription = NULL;
        return good;
    }
    delivery->tenant = ret->tenant;
    delivery->subscription = ret->subscription;
    return good;
}

bool delivery_passes_header(const char *name)
{
    return strcmp(name, "traceparent") == 0 || strcmp(name, "tracestate") == 0 ||
           strcasecmp(name, "content-type") == 0 || strncmp(name, "ce_", 3) == 0;
}

/* --- The id --------------------------------------------------------------------------------- */

static void hash_text(struct sha256 *hash, const char *text)
{
    size_t len = strlen(text);
    uint8_t prefix[8];
    for (int i = 0; i < 8; i++)
        prefix[i] = (uint8_t)((uint64_t)len >> (56 - 8 * i));
    sha256_add(hash, prefix, sizeof prefix);
    sha256_add(hash, text, len);
}

static void hash_number(struct sha256 *hash, int64_t number)
{
    char text[TEXT_INT_SIZE];
    hash_text(hash, text_format_int(number, text));
}

void delivery_id(struct sha256 *hash, const struct record *event, const char *tenant,
    const char *subscription, char out[DELIVERY_ID_SIZE])
{
    uint8_t digest[SHA256_BYTES];
    hash_text(hash, event->topic);
    hash_number(hash, event->partition);
    hash_number(hash, event->offset);
    hash_number(hash, event->timestamp_ms);
    hash_text(hash, tenant);
    hash_text(hash, subscription);
    sha256_finish(hash, digest);
    memcpy(out, "msg_", 4);
    text_hex(digest, 16, out + 4);
}
