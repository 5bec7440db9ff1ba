/* SPDX-License-Identifier: Apache-2.0 */
/* Which events must stay in order with one another: those of one call, or of one agent. */
#include "events/order_key.h"

#include <stdbool.h>
#include <string.h>

#include "common/hash.h"
#include "common/text.h"
#include "events/json_check.h"

static bool printable(struct bytes key)
{
    const unsigned char *data = key.data;
    for (size_t i = 0; i < key.len; i++)
        if (data[i] < 0x20 || data[i] == 0x7f)
            return false;
    return text_is_utf8(key.data, key.len);
}

static void write_key(struct bytes key, char ret_key[EVENT_ORDER_KEY_MAX + 1])
{
    static const char prefix[] = "sha256:";

    if (key.len <= EVENT_ORDER_KEY_MAX && printable(key)) {
        memcpy(ret_key, key.data, key.len);
        ret_key[key.len] = '\0';
        return;
    }
    uint8_t digest[SHA256_BYTES];
    struct sha256 *hash = sha256_new();
    sha256_add(hash, key.data, key.len);
    sha256_finish(hash, digest);
    sha256_free(hash);
    memcpy(ret_key, prefix, sizeof prefix - 1);
    text_hex(digest, sizeof digest, ret_key + sizeof prefix - 1);
}

static bool take_bytes(struct bytes key, char ret_key[EVENT_ORDER_KEY_MAX + 1])
{
    if (!key.data || key.len == 0)
        return false;
    write_key(key, ret_key);
    return true;
}

/* A field that is neither string nor integer does not answer. */
static bool take_field(
    const json_t *object, const char *name, char ret_key[EVENT_ORDER_KEY_MAX + 1])
{
    char number[EVENT_JSON_NUMBER_SIZE];
    struct bytes text;
    return event_json_id(json_object_get(object, name), number, &text) == EVENT_JSON_TEXT &&
           take_bytes(text, ret_key);
}

/* coreUUID is not among them: it names the switch process, not the call. */
static bool take_call(const json_t *body, char ret_key[EVENT_ORDER_KEY_MAX + 1])
{
    static const char *const names[] = {"primaryCallID", "callID"};
    const json_t *content = json_object_get(body, "content");

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (take_field(body, names[i], ret_key) || take_field(content, names[i], ret_key))
            return true;
    return false;
}

void event_order_key(const struct record *record, const char *header, struct bytes key,
    const json_t *body, const char *type, char ret_key[EVENT_ORDER_KEY_MAX + 1])
{
    static const char agent[] = "agent.";
    const struct header *found = header ? record_header(record, header) : NULL;

    ret_key[0] = '\0';
    if (found && take_bytes(found->value, ret_key))
        return;
    if (take_bytes(key, ret_key) || take_call(body, ret_key))
        return;
    if (strncmp(type, agent, sizeof agent - 1) == 0)
        (void)take_field(body, "data", ret_key);
}
