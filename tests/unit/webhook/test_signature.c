/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures of Standard Webhooks: public vectors, own ones (computed with Python's hmac and
 * cryptography), malformed secrets and headers, and when a signature is too old. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/memory.h"
#include "webhook/signature.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

#define SECRET  "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define SECRET2 "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
#define PRIVATE                   \
    "whsk_6Xb/dCcHpPea21PS1N9VY/" \
    "NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
#define SEED   "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc="
#define PUBLIC "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
#define TIME   INT64_C(1614265330)
#define ID     "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define BODY   "{\"test\": 2432232314}"
#define BODY2  "{\"email\":\"test@example.com\",\"username\":\"test_user\"}"
#define V1     "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define V1A \
    "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
#define V1_WRONG  "v1,h0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define V1_WRONG2 "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OI="
#define V1A_WRONG \
    "v1a,gnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="

static const struct bytes body = {BODY, sizeof BODY - 1};

static struct signing_key *key_of(const char *secret)
{
    struct error error = ERROR_INIT;
    struct signing_key *key = signing_key_new(secret, strlen(secret), &error);
    if (!key)
        fail_msg("%s", error.text);
    return key;
}

/* --- Signing --------------------------------------------------------------------------------- */

static void test_vectors(void **state)
{
    static const char zeros[] = "a\0b\0";
    char *large = mem_alloc(1 << 20);
    for (size_t i = 0; i < 1 << 20; i++)
        large[i] = (char)(i % 251);
    const struct {
        const char *secret;
        struct signature_message message;
        const char *signature;
    } cases[] = {
        /* Standard Webhooks' own. */
        {SECRET, {ID, TIME, {BODY, sizeof BODY - 1}}, V1},
        {SECRET2, {"msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1649367553, {BODY2, sizeof BODY2 - 1}},
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="},
        {PRIVATE, {ID, TIME, {BODY, sizeof BODY - 1}}, V1A},
        {SEED, {ID, TIME, {BODY, sizeof BODY - 1}}, V1A},
        /* Empty, absent, with NUL, 1 MiB; the least and the most in a key. */
        {SECRET, {"m", 0, {"", 0}}, "v1,9yccM84FhK+9Sfl5qLLIwAec4gnEcipTKA1r2MhfVFs="},
        {SECRET, {"m", 0, {NULL, 0}}, "v1,9yccM84FhK+9Sfl5qLLIwAec4gnEcipTKA1r2MhfVFs="},
        {SECRET, {"m", 1, {zeros, 4}}, "v1,xeCABBChdAktEJFYI+ihuVdGu3cYvBoK9RIBH5g61AI="},
        {SECRET, {"m", 1, {large, 1 << 20}}, "v1,F+fWnW1jdMBj9EibO9L57JbrLYznGQDIArdBAUHLlRs="},
        {"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0"
         "+Pw==",
            {"m", 999999999999, {"x", 1}}, "v1,4vur4pTbB16HLMpU1x0FiTL7mS7y0hV/qfjtykn9sMs="},
        {PRIVATE, {"m", 0, {"", 0}},
            "v1a,Tp9i8DLSaC5V7cQpU8OV/tUGjJzmkdnCwsty5luey+pfKe82ciKbvz+28cBOROzFpa436Y/"
            "fbZx+NkWLQ9L/Dw=="},
        {PRIVATE, {"m", 1, {zeros, 4}},
            "v1a,gJgldo6QBVReIDvjmYSbl2g3GxQU8mPPcLptiUQ+1bAb0sJ4tdkowpjXlkiG31m1+b4Mnw+"
            "yYZBgnBXzCuMeDA=="},
        {PRIVATE, {"m", 1, {large, 1 << 20}},
            "v1a,yXSlIa5BhDSIxW2ap+KBbKNPGepiEj8R2iIcuqgsn5XEXk/"
            "zO2vQ8J1c9ehph8RyfH9X3biDnTaIZIxXAEx5DA=="},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct signing_key *key = key_of(cases[i].secret);
        /* The second time with a key that has been used. */
        for (int turn = 0; turn < 2; turn++) {
            char out[SIGNATURE_SIZE];
            size_t len = signature_sign(key, &cases[i].message, out);
            if (strcmp(out, cases[i].signature) != 0)
                fail_msg("case %zu, turn %d: %s, not %s", i, turn, out, cases[i].signature);
            assert_int_equal(len, strlen(out));
        }
        signing_key_free(key);
    }
    free(large);
}

static void test_sign_all(void **state)
{
    struct signing_key *keys[] = {key_of(SECRET), key_of(PRIVATE), key_of(SECRET)};
    const struct signature_message message = {ID, TIME, body};
    char out[3 * SIGNATURE_SIZE];
    (void)state;
    assert_int_equal(signature_sign_all(keys, 0, &message, out), 0);
    assert_string_equal(out, "");
    assert_int_equal(signature_sign_all(keys, 3, &message, out), strlen(V1 " " V1A " " V1));
    assert_string_equal(out, V1 " " V1A " " V1);
    for (size_t i = 0; i < COUNT(keys); i++)
        signing_key_free(keys[i]);
}

static void test_ids(void **state)
{
    static const struct {
        const char *id;
        bool valid;
    } cases[] = {{"msg_1", true}, {"a b", true}, {"", false}, {".", false}, {"a.1", false}};
    struct signing_key *key = key_of(SECRET);
    char out[SIGNATURE_SIZE] = "untouched";
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(signature_id_valid(cases[i].id), cases[i].valid);
        if (!cases[i].valid) {
            const struct signature_message message = {cases[i].id, 1, body};
            assert_int_equal(signature_sign(key, &message, out), 0);
            assert_string_equal(out, "untouched");
        }
    }
    signing_key_free(key);
}

/* --- Keys ------------------------------------------------------------------------------------ */

static void test_key_kinds(void **state)
{
    static const struct {
        const char *secret;
        enum signature_scheme scheme;
        bool signs;
    } cases[] = {
        {SECRET, SIGNATURE_V1, true},
        {PRIVATE, SIGNATURE_V1A, true},
        {SEED, SIGNATURE_V1A, true},
        {PUBLIC, SIGNATURE_V1A, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct signing_key *key = key_of(cases[i].secret);
        assert_int_equal(signing_key_scheme(key), cases[i].scheme);
        assert_int_equal(signing_key_signs(key), cases[i].signs);
        signing_key_free(key);
    }
    signing_key_free(NULL);
}

static void test_malformed_secrets(void **state)
{
    /* What is behind the prefix is never shown: each case has "Sec" in it. */
    static const struct {
        const char *secret, *says;
    } cases[] = {
        {"", "begins with"},
        {"whsec", "begins with"},
        {"SecRMfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begins with"},
        {"WHSEC_SecQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begins with"},
        {" whsec_SecQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begins with"},
        {"whxk_SecQ", "begins with"},
        {"whsec_", "nothing follows"},
        {"whsk_", "nothing follows"},
        {"whpk_", "nothing follows"},
        {"whsec_SecQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", "base64"},
        {"whsec_SecQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "base64"},
        {"whsec_SecQ9r8GKYqrTwjUPD8ILPZIo2LaLa-_", "base64"},
        {"whsec_SecQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAAE", "base64"},
        {"whsec_SecQ 9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "base64"},
        {"whsec_SecQ9r8GKYqrTwjUPD8ILPZIo2LaLaQ=", "23 bytes"},
        {"whsec_SecQ", "3 bytes"},
        {"whsec_SecQAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0"
         "+P0A=",
            "65 bytes"},
        {"whsec_SecQAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0"
         "+P0BBAAAA",
            "too long"},
        {"whsk_SecQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "24 bytes"},
        {"whsk_Sec/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6K"
         "vg==",
            "second half"},
        {"whpk_SecA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=", NULL},
        {"whpk_SecA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbO", "30 bytes"},
        {"whpk_Sec/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6K"
         "vg==",
            "64 bytes"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct error error = ERROR_INIT;
        struct signing_key *key = signing_key_new(cases[i].secret, strlen(cases[i].secret), &error);
        if (!cases[i].says) {
            assert_non_null(key);
        } else if (key || !strstr(error.text, cases[i].says)) {
            fail_msg("case %zu: %s", i, error.text);
        } else {
            assert_int_equal(error.kind, ERROR_CONFIG);
            assert_null(strstr(error.text, "Sec"));
        }
        signing_key_free(key);
    }
    /* The length counts, not a NUL. */
    struct error error = ERROR_INIT;
    assert_null(signing_key_new(SECRET "\0", sizeof SECRET, &error));
    struct signing_key *key = signing_key_new(SECRET "=", sizeof SECRET - 1, NULL);
    assert_non_null(key);
    signing_key_free(key);
}

/* --- Verifying ------------------------------------------------------------------------------- */

static void test_verify(void **state)
{
    static const struct {
        const char *title;
        const char *secrets[3];
        struct signature_headers headers;
        enum signature_verdict verdict;
        int keys[4]; /* of each signature found; one more than the index, 0 = none */
    } cases[] = {
        {"v1", {SECRET}, {ID, "1614265330", V1}, SIGNATURE_VALID, {1}},
        {"v1a", {PRIVATE}, {ID, "1614265330", V1A}, SIGNATURE_VALID, {1}},
        {"v1a, public", {PUBLIC}, {ID, "1614265330", V1A}, SIGNATURE_VALID, {1}},
        {"second key", {SECRET2, SECRET}, {ID, "1614265330", V1}, SIGNATURE_VALID, {2}},
        {"second signature", {SECRET}, {ID, "1614265330", V1_WRONG " " V1}, SIGNATURE_VALID,
            {0, 1}},
        {"all", {SECRET2, PUBLIC, SECRET},
            {ID, "1614265330", V1_WRONG " " V1A_WRONG "  " V1A " " V1 " "}, SIGNATURE_VALID,
            {0, 0, 2, 3}},
        {"the first key counts", {SECRET, SECRET}, {ID, "1614265330", " " V1}, SIGNATURE_VALID,
            {1}},
        {"unknown ones are passed over", {SECRET}, {ID, "1614265330", "v2,x v1 , v1b,y " V1},
            SIGNATURE_VALID, {0, 0, 0, 0}},
        {"no key", {NULL}, {ID, "1614265330", V1}, SIGNATURE_NO_KEY, {0}},
        {"key of the other scheme", {PUBLIC}, {ID, "1614265330", V1}, SIGNATURE_NO_KEY, {0}},
        {"wrong key", {SECRET2, PRIVATE}, {ID, "1614265330", V1}, SIGNATURE_MISMATCH, {0}},
        {"wrong first byte", {SECRET}, {ID, "1614265330", V1_WRONG}, SIGNATURE_MISMATCH, {0}},
        {"wrong last byte", {SECRET}, {ID, "1614265330", V1_WRONG2}, SIGNATURE_MISMATCH, {0}},
        {"v1a, wrong", {PUBLIC}, {ID, "1614265330", V1A_WRONG}, SIGNATURE_MISMATCH, {0}},
        {"other id", {SECRET}, {"msg_q", "1614265330", V1}, SIGNATURE_MISMATCH, {0}},
        {"other time", {SECRET}, {ID, "1614265331", V1}, SIGNATURE_MISMATCH, {0}},
        {"wrong is said before old", {SECRET}, {ID, "1", V1}, SIGNATURE_MISMATCH, {0}},
        {"no signature", {SECRET}, {ID, "1614265330", ""}, SIGNATURE_UNKNOWN_SCHEME, {0}},
        {"blanks", {SECRET}, {ID, "1614265330", "   "}, SIGNATURE_UNKNOWN_SCHEME, {0}},
        {"only unknown", {SECRET}, {ID, "1614265330", "v2,abc V1,abc"}, SIGNATURE_UNKNOWN_SCHEME,
            {0}},
        {"cut off", {SECRET}, {ID, "1614265330", "v1,g0hM9SsE"}, SIGNATURE_BAD_SIGNATURE, {0}},
        {"scheme alone", {SECRET}, {ID, "1614265330", "v1 v1a"}, SIGNATURE_BAD_SIGNATURE, {0}},
        {"no base64", {SECRET},
            {ID, "1614265330", "v1,g0hM9SsE-OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
            SIGNATURE_BAD_SIGNATURE, {0}},
        {"33 bytes", {SECRET},
            {ID, "1614265330", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OEA"},
            SIGNATURE_BAD_SIGNATURE, {0}},
        {"one broken, one wrong", {SECRET}, {ID, "1614265330", "v1,x " V1_WRONG},
            SIGNATURE_MISMATCH, {0}},
        {"no id", {SECRET}, {NULL, "1614265330", V1}, SIGNATURE_BAD_ID, {0}},
        {"empty id", {SECRET}, {"", "1614265330", V1}, SIGNATURE_BAD_ID, {0}},
        {"full stop", {SECRET}, {"a.1", "1614265330", V1}, SIGNATURE_BAD_ID, {0}},
        {"no timestamp", {SECRET}, {ID, NULL, V1}, SIGNATURE_BAD_TIMESTAMP, {0}},
        {"empty timestamp", {SECRET}, {ID, "", V1}, SIGNATURE_BAD_TIMESTAMP, {0}},
        {"leading zero", {SECRET}, {ID, "01614265330", V1}, SIGNATURE_BAD_TIMESTAMP, {0}},
        {"sign", {SECRET}, {ID, "+1614265330", V1}, SIGNATURE_BAD_TIMESTAMP, {0}},
        {"negative", {SECRET}, {ID, "-1", V1}, SIGNATURE_BAD_TIMESTAMP, {0}},
        {"fraction", {SECRET}, {ID, "1614265330.0", V1}, SIGNATURE_BAD_TIMESTAMP, {0}},
        {"milliseconds", {SECRET}, {ID, "1614265330000", V1}, SIGNATURE_BAD_TIMESTAMP, {0}},
        {"blank", {SECRET}, {ID, "1614265330 ", V1}, SIGNATURE_BAD_TIMESTAMP, {0}},
        {"beyond 64 bits", {SECRET}, {ID, "99999999999999999999999", V1}, SIGNATURE_BAD_TIMESTAMP,
            {0}},
        {"no header", {SECRET}, {ID, "1614265330", NULL}, SIGNATURE_BAD_HEADER, {0}},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct signing_key *keys[3] = {NULL};
        size_t count = 0;
        while (count < 3 && cases[i].secrets[count]) {
            keys[count] = key_of(cases[i].secrets[count]);
            count++;
        }
        struct signature_report report;
        enum signature_verdict verdict =
            signature_verify(keys, count, &cases[i].headers, body, TIME, 300, &report);
        if (verdict != cases[i].verdict)
            fail_msg("%s: %s", cases[i].title, signature_verdict_text(verdict));
        assert_int_equal(
            signature_verify(keys, count, &cases[i].headers, body, TIME, 300, NULL), verdict);
        for (size_t j = 0; j < COUNT(cases[i].keys) && j < report.count; j++)
            if (report.found[j].key + 1 != cases[i].keys[j])
                fail_msg("%s: signature %zu, key %d", cases[i].title, j, report.found[j].key);
        for (size_t j = 0; j < count; j++)
            signing_key_free(keys[j]);
    }
}

static void test_time(void **state)
{
    static const struct {
        int64_t now_s, tolerance_s;
        enum signature_verdict verdict;
    } cases[] = {
        {TIME, 0, SIGNATURE_VALID},
        {TIME + 1, 0, SIGNATURE_TOO_OLD},
        {TIME - 1, 0, SIGNATURE_IN_FUTURE},
        {TIME + 300, 300, SIGNATURE_VALID},
        {TIME + 301, 300, SIGNATURE_TOO_OLD},
        {TIME - 300, 300, SIGNATURE_VALID},
        {TIME - 301, 300, SIGNATURE_IN_FUTURE},
        {0, 300, SIGNATURE_IN_FUTURE},
        {INT64_MAX, 300, SIGNATURE_TOO_OLD},
        {0, INT64_MAX, SIGNATURE_VALID},
        {INT64_MAX, INT64_MAX, SIGNATURE_VALID},
    };
    struct signing_key *key = key_of(SECRET);
    const struct signature_headers headers = {ID, "1614265330", V1};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        enum signature_verdict verdict =
            signature_verify(&key, 1, &headers, body, cases[i].now_s, cases[i].tolerance_s, NULL);
        if (verdict != cases[i].verdict)
            fail_msg("case %zu: %s", i, signature_verdict_text(verdict));
    }
    signing_key_free(key);
}

/* A header of `count` times `text`, verified. */
static enum signature_verdict verify_many(
    struct signing_key *key, const char *text, size_t count, struct signature_report *ret_report)
{
    struct buffer header = BUFFER_INIT;
    for (size_t i = 0; i < count; i++)
        buffer_add_text(&header, text);
    const struct signature_headers headers = {ID, "1614265330", buffer_text(&header)};
    enum signature_verdict verdict =
        signature_verify(&key, 1, &headers, body, TIME, 300, ret_report);
    for (size_t i = 0; i < ret_report->count; i++)
        ret_report->found[i].text = NULL; /* the header goes */
    buffer_release(&header);
    return verdict;
}

static void test_hostile_headers(void **state)
{
    struct signing_key *key = key_of(SECRET);
    struct signature_report report;
    (void)state;
    assert_int_equal(verify_many(key, V1_WRONG " ", SIGNATURES_MAX, &report), SIGNATURE_MISMATCH);
    assert_int_equal(report.count, SIGNATURES_MAX);
    /* Even if a right one is among them. */
    assert_int_equal(verify_many(key, V1 " ", SIGNATURES_MAX + 1, &report), SIGNATURE_BAD_HEADER);
    assert_int_equal(report.count, SIGNATURES_MAX);
    assert_int_equal(verify_many(key, "v1, ", 100000, &report), SIGNATURE_BAD_HEADER);
    assert_int_equal(
        verify_many(key, " ", SIGNATURE_HEADER_MAX, &report), SIGNATURE_UNKNOWN_SCHEME);
    assert_int_equal(
        verify_many(key, " ", SIGNATURE_HEADER_MAX + 1, &report), SIGNATURE_BAD_HEADER);
    assert_int_equal(
        verify_many(key, "v", SIGNATURE_HEADER_MAX, &report), SIGNATURE_UNKNOWN_SCHEME);
    assert_int_equal(
        verify_many(key, ",", SIGNATURE_HEADER_MAX, &report), SIGNATURE_UNKNOWN_SCHEME);
    assert_int_equal(verify_many(key, "\xff\x01\t", 100, &report), SIGNATURE_UNKNOWN_SCHEME);
    signing_key_free(key);
}

static void test_round_trip(void **state)
{
    static const struct {
        const char *signs, *verifies;
    } cases[] = {{SECRET, SECRET}, {PRIVATE, PUBLIC}, {SEED, PRIVATE}};
    uint8_t data[700];
    (void)state;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct signing_key *signer = key_of(cases[i].signs), *verifier = key_of(cases[i].verifies);
        /* Around the block sizes of the hash, too. */
        for (size_t len = 0; len < sizeof data; len += len < 130 ? 1 : 97) {
            struct bytes bytes = {data, len};
            const struct signature_message message = {"msg_1", TIME, bytes};
            char out[SIGNATURE_SIZE];
            assert_true(signature_sign(signer, &message, out) > 0);
            const struct signature_headers headers = {"msg_1", "1614265330", out};
            assert_int_equal(
                signature_verify(&verifier, 1, &headers, bytes, TIME, 0, NULL), SIGNATURE_VALID);
            if (!len)
                continue;
            data[len / 2] ^= 0x10;
            assert_int_equal(
                signature_verify(&verifier, 1, &headers, bytes, TIME, 0, NULL), SIGNATURE_MISMATCH);
            data[len / 2] ^= 0x10;
        }
        signing_key_free(signer);
        signing_key_free(verifier);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_sign_all),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_key_kinds),
        cmocka_unit_test(test_malformed_secrets),
        cmocka_unit_test(test_verify),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_hostile_headers),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
