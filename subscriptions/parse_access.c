/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of a subscription that say how to get at its endpoint. */
#include "subscriptions/parse_access.h"

#include <string.h>

#include "subscriptions/pem.h"
#include "subscriptions/seal.h"
#include "subscriptions/validate.h"

#define AT(member) offsetof(struct subscription, member)

/* --- auth ------------------------------------------------------------------------------------- */

static void read_place(struct parser *parser, const json_t *value)
{
    const char *text = parser_string(parser, value, 16, NULL);
    if (!text)
        return;
    parser->sub->auth.secret_in_body = strcmp(text, "body") == 0;
    if (!parser->sub->auth.secret_in_body && strcmp(text, "header") != 0)
        parser_problem(parser, "neither \"header\" nor \"body\"");
}

static const struct field basic_fields[] = {
    {"username", FIELD_STRING, true, .offset = AT(auth.username),
        .max = SUBSCRIPTION_CREDENTIAL_MAX, .check = validate_username},
    {"password", FIELD_STRING, true, .offset = AT(auth.password),
        .max = SUBSCRIPTION_CREDENTIAL_MAX, .check = validate_line, .secret = true},
    {NULL},
};

static const struct field oauth2_fields[] = {
    {"token_url", FIELD_STRING, true, .offset = AT(auth.token_url), .max = SUBSCRIPTION_URL_MAX,
        .check = validate_url},
    {"client_id", FIELD_STRING, true, .offset = AT(auth.client_id),
        .max = SUBSCRIPTION_CREDENTIAL_MAX, .check = validate_credential},
    {"client_secret", FIELD_STRING, true, .offset = AT(auth.client_secret),
        .max = SUBSCRIPTION_CREDENTIAL_MAX, .check = validate_credential, .secret = true},
    {"scope", FIELD_STRING, .offset = AT(auth.scope), .max = SUBSCRIPTION_CREDENTIAL_MAX,
        .check = validate_scope},
    {"audience", FIELD_STRING, .offset = AT(auth.audience), .max = SUBSCRIPTION_URL_MAX,
        .check = validate_credential},
    {"credentials_in", FIELD_STRING, .read = read_place},
    {NULL},
};

static const struct field auth_fields[] = {
    {"basic", FIELD_OBJECT, .fields = basic_fields},
    {"oauth2", FIELD_OBJECT, .fields = oauth2_fields},
    {NULL},
};

void parse_auth(struct parser *parser, const json_t *object)
{
    parser_closed_fields(parser, auth_fields, object);
}

/* --- tls -------------------------------------------------------------------------------------- */

static const struct field tls_fields[] = {
    {"ca", FIELD_STRING, .offset = AT(tls.ca), .max = SUBSCRIPTION_PEM_MAX,
        .check = pem_check_certificates},
    {"client_certificate", FIELD_STRING, .offset = AT(tls.certificate), .max = SUBSCRIPTION_PEM_MAX,
        .check = pem_check_certificates},
    {"client_key", FIELD_STRING, .offset = AT(tls.key), .max = SUBSCRIPTION_PEM_MAX,
        .check = pem_check_key, .secret = true},
    {NULL},
};

void parse_tls(struct parser *parser, const json_t *object)
{
    const struct subscription_tls *tls = &parser->sub->tls;
    struct error error = ERROR_INIT;
    parser_closed_fields(parser, tls_fields, object);
    bool certificate = json_object_get(object, "client_certificate");
    if (certificate != !!json_object_get(object, "client_key"))
        parser_problem(parser, "client_certificate and client_key: one without the other");
    else if (tls->certificate && tls->key && !seal_is_sealed(tls->key) &&
             strcmp(tls->key, SUBSCRIPTION_MASK) != 0 &&
             !pem_check_pair(tls->certificate, tls->key, &error))
        parser_problem(parser, "%s", error.text);
}

/* --- With the rest ------------------------------------------------------------------------------ */

static void problem_at(struct parser *parser, const char *field, const char *text)
{
    size_t here = parser_enter(parser, field);
    parser_problem(parser, "%s", text);
    parser_leave(parser, here);
}

void parse_access_check(struct parser *parser)
{
    const struct subscription *sub = parser->sub;
    bool auth = sub->auth.username || sub->auth.token_url;
    bool tls = sub->tls.ca || sub->tls.certificate || sub->tls.key;
    if (auth && subscription_has_header(sub, "authorization"))
        problem_at(parser, "auth", "/headers has an authorization of its own");
    if (tls && sub->url && strncmp(sub->url, "https://", 8) != 0)
        problem_at(parser, "tls", "the url does not begin with https://");
}
