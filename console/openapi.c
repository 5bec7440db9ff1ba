/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenAPI document, made from the table of routes and the JSON Schemas. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "console/api.h"
#include "console/route.h"

/* Of files, see CMakeLists.txt. */
extern const char console_schemas[], console_schema_subscription[], console_schema_attempt[];

static json_t *parse(const char *text)
{
    json_error_t fault;
    json_t *json = json_loads(text, 0, &fault);
    if (!json)
        fatal("a built-in schema is no JSON: %s", fault.text);
    return json;
}

static json_t *reference(const char *schema)
{
    return json_pack("{s:o}", "$ref", json_sprintf("#/components/schemas/%s", schema));
}

/* Schemas. */

/* Follows names, separated by spaces. Borrowed. */
static json_t *dig(json_t *json, const char *path)
{
    char *copy = mem_strdup(path), *rest = copy, *name;
    while ((name = strsep(&rest, " ")))
        json = json_object_get(json, name);
    free(copy);
    bug_on(!json);
    return json;
}

/* What is given may leave out what the path says, and may be what an answer was. */
static json_t *new_subscription(void)
{
    json_t *schema = parse(console_schema_subscription);
    json_object_del(schema, "$schema");
    json_object_set_new(schema, "required", json_pack("[s, s]", "url", "events"));
    json_object_set_new(schema, "title", json_string("A subscription that is given"));
    return schema;
}

/* What is shown has masks, and may have fields of a later version. */
static json_t *subscription(void)
{
    json_t *schema = parse(console_schema_subscription);
    json_object_del(schema, "$schema");
    json_object_del(schema, "additionalProperties");
    json_object_set_new(schema, "required",
        json_pack("[s, s, s, s, s]", "tenant", "id", "url", "events", "version"));
    json_t *item = dig(schema, "properties secrets items");
    json_object_del(item, "additionalProperties");
    json_object_del(dig(item, "properties secret"), "pattern");
    json_object_set_new(dig(item, "properties"), "public_key",
        json_pack("{s:s, s:s}", "type", "string", "description",
            "Beside a v1a secret that is shown: what verifies."));
    json_object_set_new(dig(schema, "properties"), "warnings", reference("Warnings"));
    return schema;
}

static json_t *schemas(void)
{
    json_t *all = parse(console_schemas), *attempt = parse(console_schema_attempt);
    json_object_del(attempt, "$schema");
    json_object_set_new(all, "NewSubscription", new_subscription());
    json_object_set_new(all, "Subscription", subscription());
    json_object_set_new(all, "Attempt", attempt);
    return all;
}

/* Answers. */

static json_t *content(const char *type, const char *schema)
{
    return json_pack("{s:{s:o}}", type, "schema", reference(schema));
}

static json_t *header(const char *doc)
{
    return json_pack("{s:s, s:{s:s}}", "description", doc, "schema", "type", "string");
}

static void add_problem(json_t *responses, const char *status, const char *doc)
{
    json_object_set_new(responses, status,
        json_pack("{s:s, s:o}", "description", doc, "content",
            content("application/problem+json", "Problem")));
}

static void add_success(json_t *responses, const struct route *route)
{
    char *status = mem_printf("%d", route->status);
    json_t *success = json_pack("{s:s}", "description", "Done.");
    if (route->response)
        json_object_set_new(success, "content", content("application/json", route->response));
    if (route->traits & ROUTE_ETAG)
        json_object_set_new(
            success, "headers", json_pack("{s:o}", "ETag", header("The version, for If-Match.")));
    json_object_set_new(responses, status, success);
    free(status);
}

static void add_refusals(json_t *responses, const struct route *route)
{
    bool public = route->traits & ROUTE_PUBLIC, is_get = strcmp(route->method, "GET") == 0;
    add_problem(responses, "429", "Too many requests; Retry-After says when to come again.");
    if (!public) {
        add_problem(responses, "401", "No token, or one that is not known or has expired.");
        add_problem(responses, "403", "The token's role or tenant does not allow it.");
        add_problem(
            responses, "503", "Kafka cannot be reached, or the registry is still being read.");
    }
    if (route->request || route->query)
        add_problem(responses, "400", "The body is no JSON object, or a parameter makes no sense.");
    if (strchr(route->path, '{'))
        add_problem(responses, "404", "There is no such thing, or not for this token.");
    if (route->request || (route->traits & ROUTE_CHANGES))
        add_problem(responses, "422", "It is not valid; \"errors\" says where in the body.");
    if (route->request) {
        add_problem(responses, "415", "The body is not application/json.");
        json_object_set_new(responses, "413",
            json_pack("{s:s, s:{s:{s:{s:s}}}}", "description", "The body is too large.", "content",
                "text/plain", "schema", "type", "string"));
    }
    if (route->traits & ROUTE_CHANGES)
        add_problem(
            responses, "409", "It is there already, or others changed it at the same time.");
    if (route->traits & ROUTE_CONDITIONAL)
        add_problem(responses, "412", "It is not the version of If-Match any more.");
    if (route->traits & ROUTE_WAITS)
        add_problem(responses, "504", "What it waits for did not come in time.");
    if ((route->traits & ROUTE_ETAG) && is_get)
        json_object_set_new(responses, "304",
            json_pack("{s:s}", "description", "It is the version of If-None-Match."));
}

/* Parameters. */

static void add_parameter(
    json_t *list, const char *in, const char *name, json_t *schema, const char *doc)
{
    bool in_path = strcmp(in, "path") == 0;
    json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:o, s:s}", "in", in, "name", name,
                                    "required", in_path, "schema", schema, "description", doc));
}

static json_t *parameters(const struct route *route)
{
    json_t *list = json_array();
    if (strstr(route->path, "{tenant}"))
        add_parameter(list, "path", "tenant",
            json_pack("{s:s, s:s}", "type", "string", "pattern", "^[a-z0-9_-]{1,64}$"),
            "The tenant.");
    if (strstr(route->path, "{id}"))
        add_parameter(list, "path", "id",
            json_pack("{s:s, s:s}", "type", "string", "pattern", "^[A-Za-z0-9_-]{1,64}$"),
            route->id_doc ? route->id_doc : "The subscription.");
    for (const struct route_parameter *query = route->query; query && query->name; query++)
        add_parameter(list, "query", query->name, parse(query->schema), query->doc);
    if (route->traits & ROUTE_CONDITIONAL)
        add_parameter(list, "header", "If-Match", json_pack("{s:s}", "type", "string"),
            "Only if it is still this version (ETag).");
    if (route->traits & ROUTE_IDEMPOTENT)
        add_parameter(list, "header", "Idempotency-Key",
            json_pack("{s:s, s:i, s:i}", "type", "string", "minLength", 1, "maxLength", 255),
            "The same request with the same key creates one only.");
    return list;
}

static json_t *request_body(const struct route *route)
{
    bool is_patch = strcmp(route->method, "PATCH") == 0;
    json_t *body = json_pack("{s:b, s:o}", "required", !(route->traits & ROUTE_BODY_OPTIONAL),
        "content", content("application/json", route->request));
    if (is_patch)
        json_object_update_new(json_object_get(body, "content"),
            content("application/merge-patch+json", route->request));
    return body;
}

static json_t *operation(const struct route *route)
{
    json_t *responses = json_object();
    add_success(responses, route);
    add_refusals(responses, route);
    json_t *made = json_pack("{s:s, s:s, s:s, s:o, s:o}", "operationId", route->name, "summary",
        route->doc, "x-role", token_roles[route->role], "parameters", parameters(route),
        "responses", responses);
    if (route->request)
        json_object_set_new(made, "requestBody", request_body(route));
    if (route->traits & ROUTE_PUBLIC)
        json_object_set_new(made, "security", json_array());
    return made;
}

static json_t *paths(void)
{
    json_t *all = json_object();
    for (const struct route *route = routes; route->method; route++) {
        char method[8] = "";
        for (size_t i = 0; route->method[i] && i < sizeof method - 1; i++)
            method[i] = (char)tolower((unsigned char)route->method[i]);
        json_t *path = json_object_get(all, route->path);
        if (!path) {
            path = json_object();
            json_object_set_new(all, route->path, path);
        }
        json_object_set_new(path, method, operation(route));
    }
    return all;
}

json_t *openapi_make(void)
{
    return json_pack("{s:s, s:{s:s, s:s, s:s}, s:[{s:[]}], s:o, s:{s:o, s:{s:{s:s, s:s}}}}",
        "openapi", "3.1.0", "info", "title", "Hookline", "version", HOOKLINE_VERSION, "description",
        "Webhooks from Kafka: subscriptions of tenants, and what became of their deliveries. "
        "Errors "
        "are problem details (RFC 9457).",
        "security", "token", "paths", paths(), "components", "schemas", schemas(),
        "securitySchemes", "token", "type", "http", "scheme", "bearer");
}
