/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a JSON object by a table of its fields, with every problem at its JSON pointer: subscriptions,
 * and what else people write in this form. */
#ifndef HOOKLINE_SUBSCRIPTIONS_PARSER_H
#define HOOKLINE_SUBSCRIPTIONS_PARSER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/error.h"
#include "subscriptions/subscription.h"

struct parser {
    struct subscription *sub; /* being filled, if it is one */
    void *target;             /* what `offset` of a field counts from: it, or a part of it */
    bool strict;
    bool masks; /* masked values are fine although it is strict */
    bool failed;
    subscription_problem *report;
    void *arg;
    struct buffer pointer; /* to the value being read, RFC 6901 */
    char *strings; /* room for all strings of the JSON, if they are to outlive it; else NULL */
};

/* What a string of the JSON is to be stored as: a copy if there are `strings`. */
const char *parser_keep(struct parser *parser, const char *text);

enum field_type {
    FIELD_STRING, /* const char * */
    FIELD_BOOL,   /* bool */
    FIELD_INT,    /* int64_t */
    FIELD_NUMBER, /* double */
    FIELD_ARRAY,
    FIELD_OBJECT,
    FIELD_OF_FILES, /* which who reads a file has replaced by what it names */
};

struct field {
    const char *name;
    enum field_type type;
    bool required;
    size_t offset; /* of what it fills, in the target; SIZE_MAX = nothing */
    /* Of a number; of an array's elements, of an object's members; max also of a string's bytes. */
    double min, max;
    int64_t scale; /* what an integer is multiplied by; 0 = 1 */
    bool (*check)(const char *value, struct error *error); /* of strings */
    bool secret; /* a string that may be sealed, and is shown as SUBSCRIPTION_MASK */
    void (*read)(struct parser *, const json_t *value); /* instead of storing at `offset` */
    const struct field *fields;                         /* of an object with a table of its own */
};

/* Fills the target with the members of `object`. */
void parser_fields(struct parser *parser, const struct field *table, const json_t *object);

/* The same, but unknown members are refused however it is read: to ignore one would be to send what was not asked
 * for. */
void parser_closed_fields(struct parser *parser, const struct field *table, const json_t *object);

/* Goes down to a member or an element; returns what parser_leave() wants. */
size_t parser_enter(struct parser *parser, const char *token);
size_t parser_enter_index(struct parser *parser, size_t index);
void parser_leave(struct parser *parser, size_t len);

/* Something is wrong with the value where we are. */
void parser_problem(struct parser *parser, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Whether `value` is of that type; if not, a problem. */
bool parser_expect(struct parser *parser, enum field_type type, const json_t *value);
/* The string, or NULL after a problem. `check` may be NULL. */
const char *parser_string(struct parser *parser, const json_t *value, size_t max,
    bool (*check)(const char *, struct error *));
/* Whether it is a value that people may write: neither SUBSCRIPTION_MASK nor sealed, where it is strict. */
bool parser_given(struct parser *parser, const char *text);
/* Whether it is an integer from `min` to `max`. */
bool parser_int(struct parser *parser, const json_t *value, double min, double max, int64_t *ret);

#endif
