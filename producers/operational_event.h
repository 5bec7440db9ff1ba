/* SPDX-License-Identifier: Apache-2.0 */
/* What Hookline has to say of an endpoint to the people of its tenant: an event like any other, on a
 * topic of ours that the bridge reads beside the user's. docs/contract.md, "Operational events". */
#ifndef HOOKLINE_PRODUCERS_OPERATIONAL_EVENT_H
#define HOOKLINE_PRODUCERS_OPERATIONAL_EVENT_H

#include <jansson.h>
#include <stdbool.h>

#include "common/buffer.h"
#include "common/clock.h"
#include "common/error.h"
#include "common/record.h"

enum operational_kind {
    OPERATIONAL_FAILING,
    OPERATIONAL_RECOVERED,
    OPERATIONAL_DISABLED,
    OPERATIONAL_KINDS,
};
/* "hookline.endpoint.failing" and so on. */
extern const char *const operational_types[];

struct operational_event {
    const char *type;                  /* of operational_types; one of a newer version when read */
    const char *tenant, *subscription; /* whose endpoint it is */
    const char *name, *host;           /* of the subscription; NULL or "" = not known */
    struct wall_time since;            /* of what it says; ms -1 = not known, or not read */
    const char *reason;                /* a sentence */
    struct wall_time at;               /* when it was said */
    const char *last_error;            /* NULL or "" = none */
};

struct operational_encoded {
    struct record record; /* borrowed from here; topic, partition and timestamp are the caller's */
    struct buffer key, value;
};

/* Key "<tenant>/<subscription>", a JSON object as the value: docs/schemas/operational-event.json. Texts
 * are cut at OPERATIONAL_TEXT_MAX bytes, and each byte that is no UTF-8 becomes U+FFFD. `out` is zeroed,
 * or was used before. */
#define OPERATIONAL_TEXT_MAX 512
void operational_event_encode(
    const struct operational_event *event, struct operational_encoded *out);
void operational_encoded_release(struct operational_encoded *encoded);

struct operational_decoded {
    struct operational_event event; /* borrowed from here */
    const char *key;                /* "<tenant>/<subscription>" */
    json_t *body;                   /* all of it, as it came */
};

/* Reads one back: type (it begins with "hookline."), tenant, subscription and a key that says the same
 * are wanted, other fields may be absent, and unknown ones are kept in `body`. False (ERROR_PERMANENT)
 * otherwise. Release it in case of success. */
must_check bool operational_event_decode(
    const struct record *record, struct operational_decoded *ret_decoded, struct error *error);
void operational_decoded_release(struct operational_decoded *decoded);

#endif
