/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets that are made. (Those that are read: the tests of signatures and subscriptions.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "subscriptions/secret.h"

static void makes_secrets(void **state)
{
    (void)state;
    static const enum secret_kind kinds[] = {SECRET_HMAC, SECRET_ED25519};
    for (size_t i = 0; i < 2; i++) {
        struct error error = ERROR_INIT;
        char text[SECRET_TEXT_SIZE], other[SECRET_TEXT_SIZE], public[SECRET_TEXT_SIZE];
        secret_generate(kinds[i], other, public);
        secret_generate(kinds[i], text, public);
        assert_string_not_equal(text, other);
        assert_true(secret_valid(text, kinds[i], &error));
        if (kinds[i] == SECRET_ED25519)
            assert_true(secret_valid(public, SECRET_ED25519_PUBLIC, &error));
        else
            assert_string_equal(public, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(makes_secrets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
