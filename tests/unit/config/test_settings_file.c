/* SPDX-License-Identifier: Apache-2.0 */
/* Settings files: what is accepted, and what is said of mistakes. */
#include "fixture.h"

/* libconfig does not free what it had parsed when it meets a syntax error. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig.so\n";
}

static void test_values(void **state)
{
    struct fixture *fixture = *state;
    fixture_load_text(fixture,
        "kafka = {\n"
        "  brokers = \"a:1,\"\n \"b:2\"; # goes on\n"
        "  properties = [ \"linger.ms=2\", \"compression.codec=lz4\" ]\n"
        "};\n"
        "topics : { events = ( \"x\" ); partitions = 0x10; create = FALSE };\n"
        "consumer = { timeout = \"30s\"; tenants = []; max_held = 3000L; };\n"
        "results = { publish = \"none\" };");
    fixture_value(fixture, "kafka.brokers", "\"a:1,b:2\"");
    fixture_value(fixture, "kafka.properties", "[\"linger.ms=2\", \"compression.codec=lz4\"]");
    fixture_value(fixture, "topics.events", "[\"x\"]");
    fixture_value(fixture, "topics.partitions", "16");
    fixture_value(fixture, "topics.create", "false");
    fixture_value(fixture, "consumer.timeout", "\"30s\"");
    fixture_value(fixture, "consumer.tenants", "[]");
    fixture_value(fixture, "consumer.max_held", "3000");
    fixture_value(fixture, "results.publish", "\"none\"");
}

static void test_all_mistakes_are_reported(void **state)
{
    struct fixture *fixture = *state;
    fixture_load_text(fixture, "kafka = {\n"
                               "    brokerz = \"a:9092\";\n"
                               "};\n"
                               "consumer = {\n"
                               "    timeout = 10;\n"
                               "    max_attempts = 0;\n"
                               "};\n"
                               "results = { publish = \"some\"; };\n"
                               "topics = {\n"
                               "    events = [\"good\",\n"
                               "              \"not good\"];\n"
                               "};\n"
                               "konsumer = { timeout = \"5s\"; };\n");
    fixture_expect(
        fixture, 0, "hookline.conf:2: kafka.brokerz: no such setting; did you mean kafka.brokers?");
    fixture_expect(fixture, 1,
        "hookline.conf:5: consumer.timeout: expected a duration in quotes, such as "
        "\"10s\", found the number 10; write \"10s\" or \"10ms\"");
    fixture_expect(
        fixture, 2, "hookline.conf:6: consumer.max_attempts: must be 1 to 10000 attempts, is 0");
    fixture_expect(fixture, 3,
        "hookline.conf:8: results.publish: must be one of \"all\", \"failures\", "
        "\"none\", is \"some\"");
    fixture_expect(fixture, 4,
        "hookline.conf:11: topics.events: \"not good\" is no name for a topic: 1 to 249 "
        "letters, digits and . _ -");
    fixture_expect(fixture, 5,
        "hookline.conf:13: konsumer: no such group of settings; did you mean consumer?");
    assert_int_equal(fixture->problems.count, 6);
}

static void test_mistakes(void **state)
{
    static const struct {
        const char *content, *problem;
    } cases[] = {
        {"topics={partitions=\"4\";};",
            "hookline.conf:1: topics.partitions: expected a whole number, found a string; write it "
            "without quotes"},
        {"topics={partitions=1.5;};",
            "hookline.conf:1: topics.partitions: expected a whole number, found the number 1.5"},
        {"topics={create=\"true\";};", "hookline.conf:1: topics.create: expected true or false, "
                                       "found a string; write it without "
                                       "quotes"},
        {"topics={create=1;};",
            "hookline.conf:1: topics.create: expected true or false, found the number 1"},
        {"topics={events=\"calls\";};", "hookline.conf:1: topics.events: expected a list of "
                                        "strings, such as [\"a\", \"b\"], found "
                                        "a string; write it in brackets"},
        {"topics={events=(\"a\",\n1);};",
            "hookline.conf:2: topics.events: expected a string, found the number 1"},
        {"topics={events={};};", "hookline.conf:1: topics.events: expected a list of strings, such "
                                 "as [\"a\", \"b\"], found "
                                 "a group"},
        {"event={max_size=65536;};", "hookline.conf:1: event.max_size: expected a size in quotes, "
                                     "such as \"64KiB\", found the "
                                     "number 65536; write \"64KiB\""},
        {"kafka={brokers=[\"a\"];};",
            "hookline.conf:1: kafka.brokers: expected a string, found a list"},
        {"kafka={brokers=true;};", "hookline.conf:1: kafka.brokers: expected a string, found true"},
        {"kafka={brokers={a=1;};};",
            "hookline.conf:1: kafka.brokers: expected a string, found a group"},
        {"log={level=3;};", "hookline.conf:1: log.level: expected a string, found the number 3"},
        {"kafka=1;", "hookline.conf:1: kafka: expected a group of settings, found the number 1; "
                     "write kafka = "
                     "{ … };"},
        {"\nbrokers=\"a\";",
            "hookline.conf:2: brokers: no such setting; did you mean kafka.brokers?"},
        {"entirely={};", "hookline.conf:1: entirely: no such group of settings; there are kafka, "
                         "producer, topics, tenant, event, bridge, consumer, circuit, ttl, http, "
                         "egress, results, "
                         "subscriptions, secrets, console, probes, log"},
        {"kafka={properties=[\"linger.ms=1\",\n\"acks=1\"];};",
            "hookline.conf:2: kafka.properties: acks may not be set: a record counts as written "
            "only "
            "when all in-sync replicas have it"},
        /* Syntax errors, where libconfig stops. */
        {"kafka={};\nkafka={};", "hookline.conf:2: duplicate setting name"},
        {"\nkafka.brokers=\"a\";", "hookline.conf:2: syntax error"},
        {"kafka={\nproperties=[\"sasl.password=hunter2\" \"x\" 1];};",
            "hookline.conf:2: syntax error"},
        {"\n@include \"missing.conf\"\n",
            "hookline.conf:2: cannot open include file: @include \"missing.conf\""},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture_load_text(fixture, cases[i].content);
        fixture_expect_only(fixture, cases[i].problem);
    }
}

/* libconfig 1.5 reads 4294967306 as 10; later versions read it as it is, and what has more than 64
 * bits not at all. */
static void test_numbers_beyond_32_bits(void **state)
{
    static const char *const numbers[] = {"4294967306", "2592000000", "99999999999999999999"};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char *content = mem_printf("consumer = {\n  max_held = %s;\n};", numbers[i]);
        fixture_load_text(fixture, content);
        assert_int_equal(fixture->problems.count, 1);
        assert_non_null(strstr(fixture->problems.items[0].where, "hookline.conf:2"));
        const char *text = fixture->problems.items[0].text;
        assert_true(strstr(text, "must be 10 to 1000000") || strcmp(text, "syntax error") == 0);
        free(content);
    }
    fixture_load_text(fixture, "consumer = { max_held = 5000; // ticket 4294967306\n};");
    fixture_value(fixture, "consumer.max_held", "5000");
}

static void test_include(void **state)
{
    struct fixture *fixture = *state;
    fixture_write(fixture, "more.conf",
        "bridge = { group = \"b\"; };\n"
        "consumer = {\n  max_attempts = 7;\n};\n");
    fixture_load_text(fixture, "@include \"more.conf\"\nlog = { level = \"warn\"; };\n");
    fixture_value(fixture, "bridge.group", "\"b\"");
    fixture_value(fixture, "consumer.max_attempts", "7");
    fixture_value(fixture, "log.level", "\"warn\"");
    const char *where = settings_where(fixture->settings, settings_find("consumer.max_attempts"));
    assert_non_null(strstr(where, "/more.conf:3"));

    fixture_write(fixture, "more.conf", "bridge = {\n  grupp = \"b\";\n};\n");
    fixture_load_text(fixture, "@include \"more.conf\"\nlog = { level = \"loud\"; };\n");
    fixture_expect(
        fixture, 0, "more.conf:2: bridge.grupp: no such setting; did you mean bridge.group?");
    fixture_expect(fixture, 1,
        "hookline.conf:2: log.level: must be one of \"debug\", \"info\", \"warn\", "
        "\"error\", is \"loud\"");
    assert_int_equal(fixture->problems.count, 2);

    fixture_write(fixture, "more.conf", "bridge = {\n  group = ;\n};\n");
    fixture_load_text(fixture, "@include \"more.conf\"\n");
    fixture_expect_only(fixture, "more.conf:2: syntax error");
}

/* A file that breaks off hides its own settings; the other sources are still checked. */
static void test_syntax_error_and_other_sources(void **state)
{
    struct fixture *fixture = *state;
    const char *file = fixture_write(fixture, "hookline.conf", "consumer = { timeout = ; };\n");
    fixture_load(fixture, file, "HOOKLINE_LOG_LEVEL=loud", "consumer.connect_timeout=40s");
    fixture_expect(fixture, 0, "hookline.conf:1: syntax error");
    fixture_expect(fixture, 1,
        "HOOKLINE_LOG_LEVEL: log.level: must be one of \"debug\", \"info\", \"warn\", "
        "\"error\", is \"loud\"");
    assert_int_equal(fixture->problems.count, 2);
}

static void test_unreadable(void **state)
{
    struct fixture *fixture = *state;
    char *missing = mem_printf("%s/missing.conf", fixture->directory);
    fixture_load(fixture, missing, NULL, NULL);
    fixture_expect_only(fixture, "missing.conf: the settings file cannot be read: No such file or "
                                 "directory");
    fixture_load(fixture, fixture->directory, NULL, NULL);
    assert_int_equal(fixture->problems.count, 1);
    assert_string_equal(
        fixture->problems.items[0].text, "the settings file cannot be read: it is a directory");
    free(missing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_values, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(
            test_all_mistakes_are_reported, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_mistakes, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(
            test_numbers_beyond_32_bits, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_include, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(
            test_syntax_error_and_other_sources, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_unreadable, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
