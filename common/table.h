/* SPDX-License-Identifier: Apache-2.0 */
/* uthash with a keyed hash, so that who chooses the keys cannot choose the collisions. */
#ifndef HOOKLINE_COMMON_TABLE_H
#define HOOKLINE_COMMON_TABLE_H

#include "common/error.h"
#include "common/hash.h"

#define HASH_FUNCTION(keyptr, keylen, hashv) ((hashv) = (unsigned)hash_keyed((keyptr), (keylen)))
#define uthash_fatal(message)                fatal("%s", (message))
#include <uthash.h>

#endif
