/* SPDX-License-Identifier: Apache-2.0 */
/* What a token endpoint answers: the status in the first line, and the body. */
#include "webhook/oauth_answer.h"

#include <stdlib.h>
#include <string.h>

#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {(const char *)data, size};
    char *status = input_text(input_part(&input));
    struct bytes body = input_part(&input);
    struct oauth_answer answer = {0};
    struct error error = ERROR_INIT;
    if (oauth_answer_read((int)strtol(status, NULL, 10), body.data, body.len, &answer, &error)) {
        struct oauth_life life = oauth_life(answer.life_s);
        bug_on(answer.life_s < 1 || life.use_ms <= 0 || life.renew_ms > life.use_ms);
        bug_on(strlen(answer.authorization) > OAUTH_TOKEN_MAX + 16);
        for (const char *p = answer.authorization; *p; p++)
            bug_on(*p < ' ' || *p > '~');
    } else {
        bug_on(!error_is_set(&error) || strchr(error.text, '\n'));
    }
    free(answer.authorization);
    free(status);
    return 0;
}
