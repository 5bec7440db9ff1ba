/* SPDX-License-Identifier: Apache-2.0 */
/* What a compiled pattern is made of: for the pattern_….c files only. */
#ifndef HOOKLINE_SUBSCRIPTIONS_PATTERN_TREE_H
#define HOOKLINE_SUBSCRIPTIONS_PATTERN_TREE_H

#include <float.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A number is compared as what holds each of JSON's 64-bit integers and doubles exactly. */
typedef long double pattern_number;
_Static_assert(LDBL_MANT_DIG >= 64, "an int64_t does not fit in a long double");

struct pattern_text {
    char *data; /* UTF-8, perhaps with NULs inside */
    size_t len;
};

struct pattern_texts {
    struct pattern_text *items;
    size_t count;
};

struct pattern_numbers {
    pattern_number *items;
    size_t count;
};

enum pattern_operator {
    PATTERN_EQUAL,     /* a string that is one of `texts`; they are sorted, unless any_case */
    PATTERN_PREFIX,    /* that begins with one of them */
    PATTERN_SUFFIX,    /* that ends with one of them */
    PATTERN_WILDCARD,  /* that is texts[0]*texts[1]*…*texts[n] */
    PATTERN_NUMBER,    /* a number that is one of `numbers`, which are sorted */
    PATTERN_NUMERIC,   /* a number in the range */
    PATTERN_CIDR,      /* a string that is an address of the network */
    PATTERN_WILDCARDS, /* what one of `inner` matches, all of them PATTERN_WILDCARD */
};

/* One operator, or all plain strings or numbers of a leaf. */
struct pattern_test {
    enum pattern_operator kind;
    bool negated;  /* anything-but: a value, of whatever type, that is not what is said above */
    bool any_case; /* equals-ignore-case; `texts` are folded */
    struct pattern_texts texts;
    struct pattern_numbers numbers;
    struct {
        pattern_number low, high;
        bool above_low, below_high; /* the limit itself is outside */
    } range;
    struct {
        int family; /* AF_INET, AF_INET6 */
        unsigned bits;
        unsigned char address[16];
    } network;
    struct pattern_test *inner;
    size_t inner_count;
};

/* What of JSON's simple values a leaf takes without a test. */
enum {
    PATTERN_TAKES_ABSENT = 1, /* exists: false */
    PATTERN_TAKES_ANY = 2,    /* exists: true */
    PATTERN_TAKES_NULL = 4,
    PATTERN_TAKES_TRUE = 8,
    PATTERN_TAKES_FALSE = 16,
};

/* A leaf has `takes` and `tests`, an object `members` and `alternatives`. */
struct pattern_node {
    bool leaf;
    unsigned takes;
    struct pattern_test *tests;
    size_t test_count;
    struct pattern_member *members; /* all must match */
    size_t member_count;
    struct pattern_node *alternatives; /* "$or": objects, of which one must match */
    size_t alternative_count;
};

struct pattern_member {
    char *name;
    bool type; /* it is PATTERN_TYPE */
    struct pattern_node node;
};

struct pattern {
    struct pattern_node root; /* an object */
};

static inline pattern_number pattern_number_of(const json_t *number)
{
    return json_is_integer(number) ? (pattern_number)json_integer_value(number)
                                   : (pattern_number)json_real_value(number);
}

static inline int pattern_text_compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return order ? order : (a_len > b_len) - (a_len < b_len);
}

/* Copies `len` bytes of well-formed UTF-8 with their letters folded to lower case: Latin, Greek,
 * Cyrillic and Armenian, one to one (Unicode's CaseFolding.txt, status C and S, where the encoded
 * length stays the same). */
void pattern_fold(const char *text, size_t len, char *out);
/* Whether `len` bytes of well-formed UTF-8 fold to `folded`. */
bool pattern_fold_equals(const char *text, const char *folded, size_t len);

#endif
