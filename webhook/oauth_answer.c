/* SPDX-License-Identifier: Apache-2.0 */
/* What a token endpoint answers. */
#include "webhook/oauth_answer.h"

#include <jansson.h>
#include <string.h>
#include <strings.h>

#include "common/memory.h"
#include "common/text.h"

#define LIFE_MAX_S 86400

/* A tenth of its life is for the way, and what is sent with the last of it; and it is renewed in good time. */
struct oauth_life oauth_life(int64_t life_s)
{
    int64_t life_ms = life_s * 1000;
    int64_t margin_ms = life_ms / 10 < 5000 ? life_ms / 10 : 5000;
    int64_t early_ms = life_ms / 5 < 60000 ? life_ms / 5 : 60000;
    return (struct oauth_life){life_ms - early_ms, life_ms - margin_ms};
}

/* RFC 6749, 5.2. It comes from outside. */
static const char *error_code(const json_t *json)
{
    const char *code = json_string_value(json_object_get(json, "error"));
    return code && text_matches_set(code, 64, "A-Za-z0-9_.-") ? code : NULL;
}

/* RFC 6750, 2.1: b64token. */
static bool is_token(const char *text)
{
    return text && text_matches_set(text, OAUTH_TOKEN_MAX, "A-Za-z0-9._~+/=-");
}

/* Some servers send it as text. */
static int64_t life_of(const json_t *json)
{
    const json_t *given = json_object_get(json, "expires_in");
    double life_s = json_number_value(given);
    int64_t number;
    if (json_is_string(given) && text_parse_int(json_string_value(given), &number))
        life_s = (double)number;
    if (life_s < 1)
        return OAUTH_LIFE_S;
    return life_s < LIFE_MAX_S ? (int64_t)life_s : LIFE_MAX_S;
}

static bool read_token(const json_t *json, struct oauth_answer *ret_answer, struct error *error)
{
    const char *token = json_string_value(json_object_get(json, "access_token"));
    const char *type = json_string_value(json_object_get(json, "token_type"));
    if (!token)
        return error_set(error, ERROR_RETRY, "The token endpoint's answer has no access_token");
    if (!is_token(token))
        return error_set(
            error, ERROR_RETRY, "The token endpoint's access_token is no bearer token (RFC 6750)");
    if (!type || strcasecmp(type, "bearer") != 0)
        return error_set(error, ERROR_RETRY, "The token endpoint's token_type is not Bearer");
    *ret_answer = (struct oauth_answer){mem_printf("Bearer %s", token), life_of(json)};
    return true;
}

bool oauth_answer_read(
    int status, const char *body, size_t len, struct oauth_answer *ret_answer, struct error *error)
{
    json_t *json = json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL);
    const char *code = error_code(json);
    bool good = false;
    if (status != 200 && code)
        error_set(error, ERROR_RETRY, "The token endpoint answered %d (%s)", status, code);
    else if (status != 200)
        error_set(error, ERROR_RETRY, "The token endpoint answered %d", status);
    else if (!json_is_object(json))
        error_set(error, ERROR_RETRY, "The token endpoint's answer is no JSON object");
    else
        good = read_token(json, ret_answer, error);
    json_decref(json);
    return good;
}
