/* SPDX-License-Identifier: Apache-2.0 */
/* What an event is: from a record on an events topic to tenant, type, order key and body, by the
 * rules of docs/contract.md, "Events in". Pure. */
#ifndef HOOKLINE_EVENTS_EVENT_H
#define HOOKLINE_EVENTS_EVENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/record.h"

#define EVENT_TYPE_MAX   64
#define EVENT_TENANT_MAX 64
/* Order keys that are longer, not UTF-8 or hold control characters are replaced by "sha256:<hex>"
 * of themselves. */
#define EVENT_ORDER_KEY_MAX 256
#define EVENT_DEPTH_MAX     32 /* of a JSON text, its outermost object being 1 */

/* Why a record is no event. */
enum event_fault {
    EVENT_INVALID,           /* dead letter invalid_event */
    EVENT_TOO_LARGE,         /* dead letter event_too_large */
    EVENT_TENANT_UNRESOLVED, /* dead letter tenant_unresolved */
};

/* Settings. Strings are borrowed by event_rules_new() only for the call; NULL is as good as "". */
struct event_options {
    const char *tenant_header;      /* "tenant-id"; "" = off */
    const char *tenant_topic_regex; /* POSIX extended, one group, on the topic's name; "" = off */
    bool tenant_key_prefix;         /* "<tenant>:" in front of the record key */
    const char *tenant_pointer;     /* JSON pointer (RFC 6901) into the body; "" = off */
    const char *tenant_fixed;       /* used only where no other source answers; "" = none */
    const char *type_pointer;       /* "/type"; "" = off */
    /* "from=to" on top of the built-in table, NULL-terminated or NULL. "action:from=to" is for the
     * body's `action`, which is asked where there is no type. One step: `to` is not looked up. */
    const char *const *type_aliases;
    const char *order_key_header; /* "order-key"; "" = off */
    int64_t max_bytes;            /* of a record's value: 256 KiB */
};

/* Compiled settings, immutable. */
struct event_rules;

/* Returns new, or NULL with the setting at fault in the text (ERROR_CONFIG). */
must_check struct event_rules *event_rules_new(
    const struct event_options *options, struct error *error);
/* NULL is fine. */
void event_rules_free(struct event_rules *rules);

/* A decoded event. Owned by the caller: event_release(). */
struct event {
    char tenant[EVENT_TENANT_MAX + 1];
    char type[EVENT_TYPE_MAX + 1];           /* canonical where an alias applies ("call.ringing") */
    bool type_known;                         /* one of the six canonical types */
    char order_key[EVENT_ORDER_KEY_MAX + 1]; /* "" = none: a lane of its own */
    json_t *body;    /* the event itself, an object: of a structured CloudEvent its `data`; owned */
    bool denied;     /* a field of the deny list occurs in the value or in the body */
    bool structured; /* the record's value is a CloudEvents envelope around the body */
};

/* Why a record was refused: what its dead letter says. */
struct event_refusal {
    enum event_fault fault;
    char tenant[EVENT_TENANT_MAX + 1]; /* "" where it could not be told */
    /* Where and what in one sentence, nothing of the body ("not JSON: syntax error at line 1
     * column 9"). ERROR_PERMANENT. */
    struct error error;
};

/* Decodes `record`. True fills *ret_event and leaves *ret_refusal alone, false the other way
 * round. */
must_check bool event_decode(const struct event_rules *rules, const struct record *record,
    struct event *ret_event, struct event_refusal *ret_refusal);
/* Frees what event_decode() filled; NULL is fine. */
void event_release(struct event *event);

/* The canonical types ("call.created" … "agent.logout"), NULL-terminated. */
extern const char *const event_types[];

/* Types of our own, "hookline.…": no event of a user's topic has one. */
bool event_type_operational(const char *type);

/* 1-64 of [a-z0-9_-]; 1-64 of [A-Za-z0-9._-]. */
bool event_tenant_valid(const char *tenant);
bool event_type_valid(const char *type);

#endif
