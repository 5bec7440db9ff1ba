/* SPDX-License-Identifier: Apache-2.0 */
/* The value of a Retry-After. */
#include <stdlib.h>

#include "common/error.h"
#include "consumers/policy/retry_after.h"
#include "input.h"

#define NOW_S  1772439245
#define MAX_MS 3600000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = input_text((struct bytes){data, size});
    int64_t ms = retry_after_ms(text, NOW_S, MAX_MS);
    bug_on(ms < -1 || ms > MAX_MS);
    free(text);
    return 0;
}
