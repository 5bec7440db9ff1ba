/* SPDX-License-Identifier: Apache-2.0 */
/* Listening TCP sockets by address. */
#ifndef HOOKLINE_COMMON_LISTENER_H
#define HOOKLINE_COMMON_LISTENER_H

#include <stdint.h>

#include "common/error.h"

/* Binds and listens at "127.0.0.1:8080", "[::1]:8080" or ":8080" (all addresses, both families
 * where there is IPv6). Returns a non-blocking descriptor, the caller's; -1 with the address in the
 * text. */
must_check int listener_open(const char *address, struct error *error);

/* Returns new: what a socket is bound to, in the form above. */
char *listener_address(int fd, uint16_t *ret_port);

#endif
