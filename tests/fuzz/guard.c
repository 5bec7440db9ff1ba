/* SPDX-License-Identifier: Apache-2.0 */
/* A URL that a tenant may register. */
#include "webhook/guard.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "subscriptions/validate.h"
#include "webhook/url.h"

static struct guard *make_guard(void)
{
    static const char *const ports[] = {"443", "8000-8999", NULL}, *const deny[] = {
                                                                       "192.0.2.0/24", NULL};
    struct error error = ERROR_INIT;
    struct guard *guard = guard_new(&(struct guard_options){.ports = ports, .deny = deny}, &error);
    bug_on(!guard);
    return guard;
}

/* By a second, much simpler, reading. */
static bool is_plainly_private(const char *host)
{
    struct in_addr v4;
    if (inet_pton(AF_INET, host, &v4) != 1)
        return false;
    uint32_t address = ntohl(v4.s_addr);
    return address >> 24 == 127 || address >> 24 == 10 || address >> 16 == 0xc0a8 ||
           address >> 20 == 0xac1 || address >> 16 == 0xa9fe || address >> 24 == 0;
}

static void check(const struct guard *guard, const char *url)
{
    struct url_origin origin = url_origin(url);
    char *shown = url_shown(url), *host = url_host(url);
    bug_on(!origin.host || !host || !*host);
    (void)!guard_check_origin(guard, origin.is_https, origin.port);
    enum guard_rule rule = guard_check_host(guard, origin.host);
    bug_on(is_plainly_private(origin.host) && rule == GUARD_NONE);
    bug_on(strchr(shown, '?') && !strstr(shown, "?***"));
    free(shown);
    free(host);
    url_origin_release(&origin);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct guard *guard;
    struct error error = ERROR_INIT;
    char *text = input_text((struct bytes){data, size});
    if (!guard)
        guard = make_guard();
    (void)!guard_check_text(guard, text);
    (void)!guard_range_valid(text, &error);
    (void)!guard_ports_valid(text, &error);
    if (validate_url(text, &error)) {
        check(guard, text);
    } else {
        struct url_origin origin = url_origin(text);
        free(url_shown(text));
        url_origin_release(&origin);
    }
    free(text);
    return 0;
}
