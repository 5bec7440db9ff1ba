/* SPDX-License-Identifier: Apache-2.0 */
/* Small questions about text. */
#ifndef HOOKLINE_COMMON_TEXT_H
#define HOOKLINE_COMMON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/error.h"

/* Well-formed UTF-8 (Unicode 15, table 3-7: no surrogates, no overlong forms). */
bool text_is_utf8(const void *data, size_t len);

/* The length (1 to 4) of the well-formed UTF-8 character that `data` begins with, 0 if it does not
 * begin with one. */
size_t text_utf8_length(const void *data, size_t len);

/* As many leading bytes of UTF-8 text as fit in `max` without cutting a character in two. */
size_t text_utf8_cut(const char *text, size_t len, size_t max);

/* How many of the first `max` bytes can be shown to people: whole characters of UTF-8, without the beginning
 * of one that was cut. 0 if they are no such text, or have control characters other than tabs and ends of
 * lines. */
size_t text_readable(const char *data, size_t len, size_t max);

/* 1 to `max` characters, all from `set`, a list of characters and ranges like "a-z0-9_-". A "-" at
 * the end stands for itself. */
bool text_matches_set(const char *text, size_t max, const char *set);

/* The candidate nearest to `word` by Levenshtein distance, if near enough to be meant (at most a
 * third of the word, at least 1), else NULL. `candidates` ends with NULL. Borrowed. */
const char *text_nearest(const char *word, const char *const *candidates);

/* `text` against a pattern in which `*` stands for any run of characters. */
bool text_glob(const char *pattern, const char *text);

/* A whole decimal integer and nothing else. `ret_value` is untouched on failure. */
bool text_parse_int(const char *text, int64_t *ret_value);

/* "250ms", "10s", "5m", "72h", "30d" to milliseconds; a bare "0" is 0. */
must_check bool text_parse_duration(const char *text, int64_t *ret_ms, struct error *error);
/* What wall_format() writes, and the same without or with another fraction of the second. */
bool text_parse_time(const char *text, struct wall_time *ret_time);
/* "512", "64KiB", "64MiB", "1GiB", also "kB", "MB", "GB", to bytes. */
must_check bool text_parse_size(const char *text, int64_t *ret_bytes, struct error *error);

#define TEXT_AMOUNT_SIZE 32
/* The shortest exact form that the two parsers above read back. Returns `out`. */
const char *text_format_duration(int64_t ms, char out[TEXT_AMOUNT_SIZE]);
const char *text_format_size(int64_t bytes, char out[TEXT_AMOUNT_SIZE]);
/* A number that reads back as the same double; whole numbers below 1e18 without an exponent; "NaN",
 * "+Inf", "-Inf" (as Prometheus spells them). Returns `out`. */
const char *text_format_number(double value, char out[TEXT_AMOUNT_SIZE]);

#define TEXT_INT_SIZE 21
/* In decimal: where formats would be too slow. Returns `out`. */
const char *text_format_int(int64_t value, char out[TEXT_INT_SIZE]);

/* `len` bytes as 2 * len lower-case hex digits and a NUL. */
void text_hex(const void *data, size_t len, char *out);

#endif
