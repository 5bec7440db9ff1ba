/* SPDX-License-Identifier: Apache-2.0 */
/* The event of a test or a preview. */
#include "console/trial.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/text.h"
#include "events/cloudevent.h"
#include "events/json_check.h"
#include "events/order_key.h"
#include "events/sample.h"

#define TYPE_DEFAULT    "call.ended"
#define NAME_MAX_LEN    128
#define VALUE_MAX_LEN   1024
#define HEADER_NAME_SET "A-Za-z0-9._-"

/* The body. */

static bool is_type(const json_t *value)
{
    return json_is_string(value) && event_type_valid(json_string_value(value));
}

static bool is_object(const json_t *value)
{
    return json_is_object(value);
}

static bool is_headers(const json_t *value)
{
    const char *name;
    json_t *text;
    json_object_foreach((json_t *)value, name, text)
        if (!text_matches_set(name, NAME_MAX_LEN, HEADER_NAME_SET) || !json_is_string(text) ||
            json_string_length(text) > VALUE_MAX_LEN)
            return false;
    return json_is_object(value) && json_object_size(value) <= TRIAL_HEADERS_MAX;
}

static const struct trial_field {
    const char *name; /* NULL ends the table */
    unsigned needs;   /* enum trial_fields; 0 = any body may have it */
    bool (*check)(const json_t *value);
    const char *text; /* where it fails */
} trial_fields[] = {
    {"type", 0, is_type, "a type is 1 to 64 of A-Z, a-z, 0-9, ., _ and -"},
    {"body", 0, is_object, "not an object"},
    {"headers", TRIAL_HEADERS, is_headers,
        "not an object of at most 32 headers: each name is 1 to 128 of A-Z, a-z, 0-9, ., _ and -, "
        "each value a text of at most 1024 bytes"},
    {"subscription", TRIAL_SUBSCRIPTION, is_object, "not an object"},
    {NULL},
};

static const struct trial_field *find_field(const char *name, unsigned fields)
{
    for (const struct trial_field *field = trial_fields; field->name; field++)
        if (strcmp(field->name, name) == 0 && (field->needs & fields) == field->needs)
            return field;
    return NULL;
}

bool trial_check(const json_t *body, unsigned fields, struct problem *problem)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)body, name, value) {
        const struct trial_field *field = find_field(name, fields);
        char *pointer = mem_printf("/%s", name);
        if (!field)
            problem_add(problem, pointer, "no such field");
        else if (!field->check(value))
            problem_add(problem, pointer, field->text);
        free(pointer);
    }
    if ((fields & TRIAL_SUBSCRIPTION) && !json_object_get(body, "subscription"))
        problem_add(problem, "/subscription", "is missing");
    return problem->status == 0;
}

/* The event. */

static const char *sample_of(const char *type)
{
    for (const struct event_sample *sample = event_samples; sample->type; sample++)
        if (strcmp(sample->type, type) == 0)
            return sample->json;
    return NULL;
}

/* What the event says of itself in its record, as a CloudEvent; else NULL. */
static const char *own_type(const struct record *record, const json_t *body)
{
    if (event_is_structured(record))
        return json_string_value(json_object_get(json_object_get(body, "body"), "type"));
    return record_header_text(record, "ce_type");
}

/* The type that is asked for, or that the event has, or the first that the subscription names, or a usual one. */
static const char *type_of(
    const struct record *record, const json_t *body, const struct subscription *subscription)
{
    const char *given = json_string_value(json_object_get(body, "type"));
    if (!given)
        given = own_type(record, body);
    for (size_t i = 0; !given && i < subscription->event_count; i++)
        if (sample_of(subscription->events[i]))
            given = subscription->events[i];
    return given ? given : TYPE_DEFAULT;
}

static void take_headers(struct trial *trial, const json_t *headers)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)headers, name, value)
        trial->headers[trial->record.header_count++] =
            (struct header){name, {json_string_value(value), json_string_length(value)}};
    trial->record.headers = trial->headers;
}

static bool take_text(struct trial *trial, const json_t *body, struct problem *problem)
{
    const json_t *given = json_object_get(body, "body");
    const char *sample = sample_of(trial->type);
    if (given && !(trial->text = json_dumps(given, JSON_COMPACT)))
        fatal("out of memory");
    else if (!given && sample)
        trial->text = mem_strdup(sample);
    if (!trial->text)
        problem_add(problem, "/body", "there is no sample of this type: a body is needed");
    else
        trial->record.value = (struct bytes){trial->text, strlen(trial->text)};
    return trial->text;
}

static bool look_into(
    struct trial *trial, const struct event_options *events, struct problem *problem)
{
    struct event_content content;
    struct error error = ERROR_INIT;
    const char *header = events->order_key_header;
    if (!event_content_open(&trial->record, &content, &error)) {
        problem_add(problem, "/body", error.text);
        return false;
    }
    trial->redact = event_json_denied(content.value) || event_json_denied(content.body);
    event_order_key(&trial->record, header && *header ? header : NULL, (struct bytes){NULL, 0},
        content.body, trial->type, trial->order_key);
    event_content_release(&content);
    return true;
}

bool trial_open(struct trial *ret_trial, const json_t *body,
    const struct subscription *subscription, const struct event_options *events,
    struct problem *problem)
{
    struct trial *trial = ret_trial;
    *trial = (struct trial){.record = {.topic = "", .timestamp_ms = -1}};
    take_headers(trial, json_object_get(body, "headers"));
    trial->type = type_of(&trial->record, body, subscription);
    if (!event_type_valid(trial->type)) {
        problem_add(problem, "/type", "the event's own type is none: give one");
        return false;
    }
    return take_text(trial, body, problem) && look_into(trial, events, problem);
}

void trial_release(struct trial *trial)
{
    free(trial->text);
}
