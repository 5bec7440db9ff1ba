/* SPDX-License-Identifier: Apache-2.0 */
/* What an endpoint's owner has to remember of it, in the endpoints topic: one record per endpoint,
 * key "<tenant>/<subscription>", null = nothing. And the barrier that a new owner of a delivery
 * partition writes. docs/contract.md, "Endpoint states". */
#ifndef HOOKLINE_PRODUCERS_ENDPOINT_STATE_H
#define HOOKLINE_PRODUCERS_ENDPOINT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/clock.h"
#include "common/error.h"
#include "common/ranges.h"
#include "common/record.h"

#define ENDPOINT_ASIDE_MAX 256 /* deliveries set aside, of one endpoint */
/* Of what is resolved above the bookmark, in a record; more is left out, from the top. */
#define ENDPOINT_RANGES_MAX       512
#define ENDPOINT_RANGES_BYTES_MAX 8192
#define ENDPOINT_REASON_MAX       256    /* bytes; more are cut off */
#define ENDPOINT_VALUE_MAX        262144 /* bytes that are read; we write less than a third of it */

enum endpoint_phase { ENDPOINT_LIVE, ENDPOINT_BEHIND, ENDPOINT_DISABLED, ENDPOINT_PHASES };
extern const char *const endpoint_phases[]; /* "live", "behind", "disabled" */

/* What operational events have said of it last. */
enum endpoint_told { TOLD_NOTHING, TOLD_FAILING, TOLD_DISABLED, ENDPOINT_TOLDS };

/* A delivery that is set aside. */
struct endpoint_aside {
    int64_t offset;
    int64_t attempts;     /* charged so far */
    struct wall_time due; /* of the next attempt; ms 0 = when those before it are done */
    struct wall_time first_attempt_at; /* ms -1 = none yet */
    struct wall_time deadline;         /* no attempt starts later; ms -1 = not known */
    uint64_t lane;                     /* hash of its order key; 0 = a lane of its own */
};

struct endpoint_state {
    enum endpoint_phase phase;
    const char *reason;           /* why it is behind or disabled, a sentence; NULL = none */
    struct wall_time since;       /* of the phase; ms -1 = not known */
    int64_t bookmark;             /* first offset that is not done; -1 = none: not behind */
    struct ranges resolved;       /* above the bookmark */
    struct endpoint_aside *aside; /* by offset */
    size_t aside_count;
    int64_t trips;                  /* of the circuit in a row; 0 = closed */
    struct wall_time open_until;    /* ms -1 = not open */
    struct wall_time paused_until;  /* by Retry-After; ms -1 = not paused */
    struct wall_time failing_since; /* ms -1 = it does not fail */
    enum endpoint_told told;
    struct wall_time recovered_at; /* it works again, which is not told yet; ms -1 = no */
};

/* A zero state with the times that are not known: live, nothing to remember. */
struct endpoint_state endpoint_state_none(void);
/* Whether there is nothing to remember, so that its record is null: it is live, and there is neither
 * bookmark, delivery set aside, circuit, pause, failure nor anything told that is not over. */
bool endpoint_state_is_none(const struct endpoint_state *state);
void endpoint_state_release(struct endpoint_state *state); /* what it owns, but for `reason` */

/* Which partition of the tenant's delivery topic a record speaks of, and in which ownership of it it
 * was written: headers, so that null records have them. */
struct endpoint_stamp {
    int32_t partition;
    int64_t epoch;
};

/* An encoded state or barrier; zeroed = empty, and may be used again. */
struct endpoint_encoded {
    struct record record; /* borrowed from here; topic, partition and timestamp are the caller's */
    struct header headers[2];
    char numbers[2][24];
    struct buffer key, value;
};

/* "<tenant>/<subscription>" as `key`; a null value where endpoint_state_is_none(). `aside` beyond
 * ENDPOINT_ASIDE_MAX or not ascending, and something resolved below the bookmark, are bugs. Without a
 * bookmark `resolved` is not written. docs/schemas/endpoint-state.json is the value's schema. */
void endpoint_state_encode(const char *key, const struct endpoint_stamp *stamp,
    const struct endpoint_state *state, struct endpoint_encoded *out);
/* The barrier of `topic`, partition and epoch by `stamp`: key "@<topic>/<partition>". */
void endpoint_barrier_encode(
    const char *topic, const struct endpoint_stamp *stamp, struct endpoint_encoded *out);
void endpoint_encoded_release(struct endpoint_encoded *encoded);

enum endpoint_record { ENDPOINT_RECORD_STATE, ENDPOINT_RECORD_BARRIER };

struct endpoint_decoded {
    enum endpoint_record kind;
    struct endpoint_stamp stamp;
    char *key;                   /* of a state "<tenant>/<subscription>", of a barrier the topic */
    char *tenant;                /* of a state; else NULL */
    char *reason;                /* what state.reason points to */
    struct endpoint_state state; /* of a state; none for a null record */
};

/* Reads either (header values end in a NUL: record_copy()). Everything is hostile: counts and sizes are
 * bounded, offsets and epochs are not negative, ranges ascend from the bookmark, `aside` ascends, a
 * barrier's key, value and headers agree. Unknown fields are ignored. False with a sentence
 * (ERROR_PERMANENT) otherwise. Release it in any case of success. */
must_check bool endpoint_decode(
    const struct record *record, struct endpoint_decoded *ret_decoded, struct error *error);
void endpoint_decoded_release(struct endpoint_decoded *decoded);

#endif
