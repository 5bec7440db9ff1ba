/* SPDX-License-Identifier: Apache-2.0 */
/* A secret's text, the headers of a request that is signed or not, and its body. */
#include "webhook/signature.h"

#include <stdlib.h>
#include <string.h>

#include "common/record.h"
#include "input.h"

#define NOW_S 1772439245

/* What it signs it verifies. */
static void check_own(struct signing_key *key, const char *id, struct bytes body)
{
    struct signature_message message = {id, NOW_S, body};
    char signature[SIGNATURE_SIZE], timestamp[24];
    if (!signing_key_signs(key) || !signature_sign(key, &message, signature))
        return;
    snprintf(timestamp, sizeof timestamp, "%d", NOW_S);
    struct signature_headers headers = {id, timestamp, signature};
    bug_on(signature_verify(&key, 1, &headers, body, NOW_S, SIGNATURE_TOLERANCE_S, NULL) !=
           SIGNATURE_VALID);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {(const char *)data, size};
    struct bytes secret = input_part(&input), lines = input_part(&input), body = input_part(&input);
    struct error error = ERROR_INIT;
    struct signature_report report;
    struct input_record storage;
    struct signing_key *key = signing_key_new(secret.data, secret.len, &error);
    input_record(lines, body, &storage);
    const struct record *record = &storage.record;
    struct signature_headers headers = {record_header_text(record, "webhook-id"),
        record_header_text(record, "webhook-timestamp"),
        record_header_text(record, "webhook-signature")};
    enum signature_verdict verdict = signature_verify(
        &key, key ? 1 : 0, &headers, record->value, NOW_S, SIGNATURE_TOLERANCE_S, &report);
    bug_on(report.count > SIGNATURES_MAX || (verdict == SIGNATURE_VALID && !key));
    bug_on(!*signature_verdict_text(verdict) && verdict != SIGNATURE_VALID);
    if (key && headers.id)
        check_own(key, headers.id, record->value);
    signing_key_free(key);
    input_record_release(&storage);
    return 0;
}
