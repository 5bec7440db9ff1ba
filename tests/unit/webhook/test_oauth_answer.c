/* SPDX-License-Identifier: Apache-2.0 */
/* What a token endpoint's answer says, and how long a token is used. In the tables ' stands for ". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/memory.h"
#include "webhook/oauth.h"
#include "webhook/oauth_answer.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool read_answer(
    int status, const char *text, struct oauth_answer *answer, struct error *error)
{
    char *json = mem_strdup(text);
    for (char *p = json; *p; p++)
        if (*p == '\'')
            *p = '"';
    bool good = oauth_answer_read(status, json, strlen(json), answer, error);
    free(json);
    return good;
}

static void good_answers(void **state)
{
    (void)state;
    static const struct {
        const char *body, *authorization;
        int64_t life_s;
    } rows[] = {
        {"{'access_token':'abc','token_type':'Bearer','expires_in':3600}", "Bearer abc", 3600},
        {"{'access_token':'a-._~+/==','token_type':'bearer'}", "Bearer a-._~+/==", OAUTH_LIFE_S},
        {" {'token_type':'BEARER','access_token':'a','scope':'x','x':[{}]} ", "Bearer a",
            OAUTH_LIFE_S},
        /* Lives: text and fractions are numbers, what is none says nothing, and a day is the most. */
        {"{'access_token':'a','token_type':'Bearer','expires_in':'60'}", "Bearer a", 60},
        {"{'access_token':'a','token_type':'Bearer','expires_in':59.9}", "Bearer a", 59},
        {"{'access_token':'a','token_type':'Bearer','expires_in':1}", "Bearer a", 1},
        {"{'access_token':'a','token_type':'Bearer','expires_in':0}", "Bearer a", OAUTH_LIFE_S},
        {"{'access_token':'a','token_type':'Bearer','expires_in':-5}", "Bearer a", OAUTH_LIFE_S},
        {"{'access_token':'a','token_type':'Bearer','expires_in':null}", "Bearer a", OAUTH_LIFE_S},
        {"{'access_token':'a','token_type':'Bearer','expires_in':'soon'}", "Bearer a",
            OAUTH_LIFE_S},
        {"{'access_token':'a','token_type':'Bearer','expires_in':[1]}", "Bearer a", OAUTH_LIFE_S},
        {"{'access_token':'a','token_type':'Bearer','expires_in':86401}", "Bearer a", 86400},
        {"{'access_token':'a','token_type':'Bearer','expires_in':9223372036854775807}", "Bearer a",
            86400},
        {"{'access_token':'a','token_type':'Bearer','expires_in':1e300}", "Bearer a", 86400},
        {"{'access_token':'a','token_type':'Bearer','expires_in':'9223372036854775807'}",
            "Bearer a", 86400},
        {"{'access_token':'a','token_type':'Bearer','error':'none'}", "Bearer a", OAUTH_LIFE_S},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error error = ERROR_INIT;
        struct oauth_answer answer;
        if (!read_answer(200, rows[i].body, &answer, &error))
            fail_msg("%s: %s", rows[i].body, error.text);
        assert_string_equal(answer.authorization, rows[i].authorization);
        assert_int_equal(answer.life_s, rows[i].life_s);
        free(answer.authorization);
    }
}

/* Malformed and hostile ones: the sentence quotes nothing of them but OAuth's own code. */
static void bad_answers(void **state)
{
    (void)state;
    static const char no_object[] = "The token endpoint's answer is no JSON object";
    static const char no_bearer[] =
        "The token endpoint's access_token is no bearer token (RFC 6750)";
    static const char no_type[] = "The token endpoint's token_type is not Bearer";
    static const char no_token[] = "The token endpoint's answer has no access_token";
    static const struct {
        int status;
        const char *body, *text;
    } rows[] = {
        {200, "", no_object},
        {200, "<html>s3cret</html>", no_object},
        {200, "[]", no_object},
        {200, "'s3cret'", no_object},
        {200, "null", no_object},
        {200, "{'access_token':'s3cret','token_type':'Bearer'", no_object}, /* cut */
        {200, "{'access_token':'s3cret','token_type':'Bearer'}x", no_object},
        {200, "{'access_token':'a','access_token':'s3cret','token_type':'Bearer'}", no_object},
        {200, "{'access_token':'s3cret\\u0000','token_type':'Bearer'}", no_object},
        {200, "{'access_token':'\xff','token_type':'Bearer'}", no_object},
        {200, "{}", no_token},
        {200, "{'error':'invalid_client'}", no_token},
        {200, "{'access_token':5,'token_type':'Bearer'}", no_token},
        {200, "{'access_token':null,'token_type':'Bearer'}", no_token},
        {200, "{'access_token':'','token_type':'Bearer'}", no_bearer},
        {200, "{'access_token':'s3cret x','token_type':'Bearer'}", no_bearer},
        {200, "{'access_token':'s3cret\\r\\nx-evil: 1','token_type':'Bearer'}", no_bearer},
        {200, "{'access_token':'s3cr\\u00e9t','token_type':'Bearer'}", no_bearer},
        {200, "{'access_token':'s3cret'}", no_type},
        {200, "{'access_token':'s3cret','token_type':'mac'}", no_type},
        {200, "{'access_token':'s3cret','token_type':7}", no_type},
        {200, "{'access_token':'s3cret','token_type':'Bearer2'}", no_type},
        {400, "{'error':'invalid_client','error_description':'s3cret'}",
            "The token endpoint answered 400 (invalid_client)"},
        {401, "{'error':'invalid_client'}", "The token endpoint answered 401 (invalid_client)"},
        {400, "{'error':'s3cret\\nINFO all is well'}", "The token endpoint answered 400"},
        {400, "{'error':''}", "The token endpoint answered 400"},
        {400, "{'error':{'code':'s3cret'}}", "The token endpoint answered 400"},
        {400, "['error']", "The token endpoint answered 400"},
        {500, "s3cret", "The token endpoint answered 500"},
        {204, "", "The token endpoint answered 204"},
        {302, "{'access_token':'s3cret','token_type':'Bearer'}", "The token endpoint answered 302"},
        {201, "{'access_token':'s3cret','token_type':'Bearer'}", "The token endpoint answered 201"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error error = ERROR_INIT;
        struct oauth_answer answer = {NULL, -1};
        if (read_answer(rows[i].status, rows[i].body, &answer, &error))
            fail_msg("%s", rows[i].body);
        assert_string_equal(error.text, rows[i].text);
        assert_int_equal(error.kind, ERROR_RETRY);
        assert_null(answer.authorization);
    }
}

/* A token of that many bytes in an answer. */
static bool reads(size_t len)
{
    struct error error = ERROR_INIT;
    struct oauth_answer answer;
    struct buffer body = BUFFER_INIT;
    buffer_add_text(&body, "{\"token_type\":\"Bearer\",\"access_token\":\"");
    for (size_t i = 0; i < len; i++)
        buffer_add(&body, "t", 1);
    buffer_add_text(&body, "\"}");
    bool good = oauth_answer_read(200, body.data, body.len, &answer, &error);
    if (good)
        free(answer.authorization);
    buffer_release(&body);
    return good;
}

static void large_answers(void **state)
{
    (void)state;
    assert_true(reads(OAUTH_TOKEN_MAX));
    assert_false(reads(OAUTH_TOKEN_MAX + 1));
    char code[] = "{'error':'eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee'}";
    struct error error = ERROR_INIT;
    struct oauth_answer answer;
    assert_false(read_answer(400, code, &answer, &error));
    assert_string_equal(error.text, "The token endpoint answered 400"); /* 65 characters */
    struct buffer deep = BUFFER_INIT;
    for (int i = 0; i < OAUTH_ANSWER_MAX; i++)
        buffer_add(&deep, "[", 1);
    assert_false(oauth_answer_read(200, deep.data, deep.len, &answer, &error));
    buffer_release(&deep);
}

static void lives(void **state)
{
    (void)state;
    static const struct {
        int64_t life_s, renew_ms, use_ms;
    } rows[] = {
        {1, 800, 900},
        {2, 1600, 1800},
        {10, 8000, 9000},
        {50, 40000, 45000},
        {60, 48000, 55000},
        {300, 240000, 295000},
        {301, 241000, 296000},
        {3600, 3540000, 3595000},
        {86400, 86340000, 86395000},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct oauth_life life = oauth_life(rows[i].life_s);
        assert_int_equal(life.renew_ms, rows[i].renew_ms);
        assert_int_equal(life.use_ms, rows[i].use_ms);
        assert_true(0 < life.renew_ms && life.renew_ms < life.use_ms);
        assert_true(life.use_ms < rows[i].life_s * 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_answers),
        cmocka_unit_test(bad_answers),
        cmocka_unit_test(large_answers),
        cmocka_unit_test(lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
