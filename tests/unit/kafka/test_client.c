/* SPDX-License-Identifier: Apache-2.0 */
/* Which properties of the Kafka client somebody may set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "kafka/client.h"

static void allowed(void **state)
{
    (void)state;
    static const char *const properties[] = {
        "fetch.wait.max.ms=10",
        "security.protocol=sasl_ssl",
        "sasl.username=hook=line",
        "sasl.password=p=ss;word",
        "ssl.ca.location=/etc/ca.pem",
        "compression.codec=zstd",
        "compression.type=gzip",
        "message.timeout.ms=5000",
        "delivery.timeout.ms=5000",
        "socket.keepalive.enable=false",
        "debug=broker,topic",
        "max.poll.interval.ms=600000",
    };
    for (size_t i = 0; i < sizeof properties / sizeof *properties; i++) {
        struct error error = ERROR_INIT;
        if (!kafka_property_check(properties[i], &error))
            fail_msg("%s: %s", properties[i], error.text);
        assert_false(error_is_set(&error));
    }
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *property;
        const char *text; /* part of it */
    } cases[] = {
        {"no.such.property=1", "no property no.such.property"},
        {"fetch.wait.max.ms=ten", "fetch.wait.max.ms, or not this value"},
        {"fetch.wait.max.ms=-5", "fetch.wait.max.ms, or not this value"},
        {"compression.codec=rar", "compression.codec"},
        {"fetch.wait.max.ms", "not of the form name=value"},
        {"=10", "not of the form name=value"},
        {"", "not of the form name=value"},
        {" fetch.wait.max.ms=10", "no property  fetch.wait.max.ms"},
        {"error_cb=1", "error_cb"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = ERROR_INIT;
        assert_false(kafka_property_check(cases[i].property, &error));
        assert_int_equal(error.kind, ERROR_CONFIG);
        if (!strstr(error.text, cases[i].text))
            fail_msg("%s: %s", cases[i].property, error.text);
    }
}

static void a_value_is_never_quoted(void **state)
{
    (void)state;
    struct error error = ERROR_INIT;
    assert_false(kafka_property_check("security.protocol=hunter2", &error));
    assert_null(strstr(error.text, "hunter2"));
    error = (struct error)ERROR_INIT;
    assert_false(kafka_property_check("sasl.pasword=hunter2", &error));
    assert_null(strstr(error.text, "hunter2"));
    assert_non_null(strstr(error.text, "sasl.pasword"));
}

static void forbidden(void **state)
{
    (void)state;
    for (const struct kafka_forbidden_property *f = kafka_forbidden_properties; f->name; f++) {
        struct error error = ERROR_INIT;
        char *property = mem_printf("%s=1", f->name);
        assert_false(kafka_property_check(property, &error));
        assert_int_equal(error.kind, ERROR_CONFIG);
        assert_non_null(strstr(error.text, f->name));
        assert_non_null(strstr(error.text, f->why));
        free(property);
    }
}

/* What the contract names must be in the table. */
static void promises_are_in_the_table(void **state)
{
    (void)state;
    static const char *const properties[] = {
        "auto.offset.reset=latest",
        "enable.auto.commit=true",
        "auto.commit.enable=true",
        "partitioner=random",
        "isolation.level=read_uncommitted",
        "enable.auto.offset.store=true",
        "acks=1",
        "request.required.acks=0",
        "enable.idempotence=false",
        "group.id=other",
        "bootstrap.servers=x:1",
        "metadata.broker.list=x:1",
        "transactional.id=t",
    };
    for (size_t i = 0; i < sizeof properties / sizeof *properties; i++) {
        struct error error = ERROR_INIT;
        if (kafka_property_check(properties[i], &error))
            fail_msg("%s may be set", properties[i]);
        assert_non_null(strstr(error.text, "may not be set"));
    }
}

static void version(void **state)
{
    (void)state;
    assert_true(strlen(kafka_library_version()) >= 5);
    assert_non_null(strchr(kafka_library_version(), '.'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allowed),
        cmocka_unit_test(refused),
        cmocka_unit_test(a_value_is_never_quoted),
        cmocka_unit_test(forbidden),
        cmocka_unit_test(promises_are_in_the_table),
        cmocka_unit_test(version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
