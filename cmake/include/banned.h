/* SPDX-License-Identifier: Apache-2.0 */
/* Included before everything: functions that have no safe use here do not compile. */
#ifndef BANNED_H
#define BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Some are macros in the C library's headers. */
#undef strcpy
#undef strcat
#undef sprintf
#undef vsprintf
#undef alloca
#pragma GCC poison strcpy strcat sprintf vsprintf strtok atoi atol atoll alloca gets

#endif
