/* SPDX-License-Identifier: Apache-2.0 */
/* The table, the environment, --set, their order, checks between settings, and secrets. */
#include "fixture.h"

#include <jansson.h>

static bool is_known_group(const char *path)
{
    for (const struct settings_group *group = settings_groups; group->name; group++)
        if (!strncmp(path, group->name, strlen(group->name)) && path[strlen(group->name)] == '.')
            return true;
    return false;
}

static void test_table_is_complete(void **state)
{
    (void)state;
    for (const struct setting *row = settings_table; row->path; row++) {
        size_t len = strlen(row->doc);
        assert_true(len > 10 && row->doc[len - 1] == '.');
        assert_true(row->doc[0] >= 'A' && row->doc[0] <= 'Z');
        assert_true(is_known_group(row->path));
        assert_null(strchr(strchr(row->path, '.') + 1, '.'));
        assert_true(row->type != SETTING_ENUM || row->choices);
        assert_true(row->choices || row->min < row->max);
    }
}

static void test_paths_and_variables_are_unique(void **state)
{
    (void)state;
    char a[128], b[128];
    for (const struct setting *row = settings_table; row->path; row++) {
        settings_environment_name(row, a, sizeof a);
        for (const struct setting *other = row + 1; other->path; other++) {
            settings_environment_name(other, b, sizeof b);
            assert_string_not_equal(row->path, other->path);
            assert_string_not_equal(a, b);
        }
    }
    settings_environment_name(settings_find("topics.replication_factor"), a, sizeof a);
    assert_string_equal(a, "HOOKLINE_TOPICS_REPLICATION_FACTOR");
}

/* Each default, given with --set, is accepted and changes nothing. */
static void test_defaults_are_valid(void **state)
{
    struct fixture *fixture = *state;
    for (const struct setting *row = settings_table; row->path; row++) {
        struct buffer before = BUFFER_INIT, after = BUFFER_INIT;
        char *override = mem_printf("%s=%s", row->path, row->fallback);
        fixture_load(fixture, NULL, NULL, NULL);
        settings_print_value(fixture->settings, row, &before);
        fixture_load(fixture, NULL, NULL, override);
        if (fixture->problems.count)
            print_error("%s\n", fixture->problems.items[0].text);
        assert_int_equal(fixture->problems.count, 0);
        settings_print_value(fixture->settings, row, &after);
        assert_string_equal(buffer_text(&before), buffer_text(&after));
        if (row->type != SETTING_LIST)
            assert_non_null(strstr(buffer_text(&before), row->fallback));
        buffer_release(&before);
        buffer_release(&after);
        free(override);
    }
}

static void test_defaults_fill_the_options(void **state)
{
    struct fixture *fixture = *state;
    fixture_load(fixture, NULL, NULL, NULL);
    const struct settings *s = fixture->settings;
    assert_string_equal(s->kafka.brokers, "127.0.0.1:9092");
    assert_null(s->kafka.properties[0]);
    assert_string_equal(s->topics.events[0], "calls");
    assert_null(s->topics.events[1]);
    assert_int_equal(s->topics.replication_factor, -1);
    assert_true(s->topics.create);
    assert_int_equal(s->topics.deliveries_retention_ms, INT64_C(7) * 86400 * 1000);
    assert_int_equal(s->bridge.events.max_bytes, 256 << 10);
    assert_int_equal(s->bridge.consumer.fetch_partition_bytes, 4 << 20);
    assert_int_equal(s->consumer.fetch_bytes, 32 << 20);
    assert_int_equal(s->consumer.results, CONSUMER_RESULTS_ALL);
    assert_int_equal(s->log.level, LOG_LEVEL_INFO);
    assert_null(settings_file(s));
}

static void test_precedence(void **state)
{
    static const struct {
        const char *content, *variable, *override, *value, *where;
    } cases[] = {
        {"", NULL, NULL, "\"15s\"", "default"},
        {"consumer={timeout=\"20s\";};", NULL, NULL, "\"20s\"", "hookline.conf:1"},
        {"consumer={timeout=\"20s\";};", "HOOKLINE_CONSUMER_TIMEOUT=21s", NULL, "\"21s\"",
            "HOOKLINE_CONSUMER_TIMEOUT"},
        {"consumer={timeout=\"20s\";};", "HOOKLINE_CONSUMER_TIMEOUT=21s", "consumer.timeout=22s",
            "\"22s\"", "--set"},
        {"", "HOOKLINE_CONSUMER_TIMEOUT=21s", NULL, "\"21s\"", "HOOKLINE_CONSUMER_TIMEOUT"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *file = fixture_write(fixture, "hookline.conf", cases[i].content);
        fixture_load(fixture, file, cases[i].variable, cases[i].override);
        fixture_value(fixture, "consumer.timeout", cases[i].value);
        const char *where = settings_where(fixture->settings, settings_find("consumer.timeout"));
        assert_non_null(strstr(where, cases[i].where));
    }
}

static void test_file_from_environment(void **state)
{
    struct fixture *fixture = *state;
    const char *file = fixture_write(fixture, "hookline.conf", "log = { format = \"json\"; };");
    char *variable = mem_printf("HOOKLINE_CONFIG=%s", file);
    fixture_load(fixture, NULL, variable, NULL);
    fixture_value(fixture, "log.format", "\"json\"");
    assert_string_equal(settings_file(fixture->settings), file);
    /* --config wins. */
    file = fixture_write(fixture, "other.conf", "log = { level = \"warn\"; };");
    fixture_load(fixture, file, variable, NULL);
    fixture_value(fixture, "log.format", "\"logfmt\"");
    fixture_value(fixture, "log.level", "\"warn\"");
    fixture_load(fixture, NULL, "HOOKLINE_CONFIG=", NULL);
    assert_non_null(fixture->settings);
    free(variable);
}

static void test_values_from_text(void **state)
{
    static const struct {
        const char *override, *path, *value;
    } cases[] = {
        {"topics.events=a,b", "topics.events", "[\"a\", \"b\"]"},
        {"topics.events=a", "topics.events", "[\"a\"]"},
        {"consumer.tenants=", "consumer.tenants", "[]"},
        {"topics.config=a=1\\,2,b=\\3", "topics.config", "[\"a=1,2\", \"b=\\\\3\"]"},
        {"kafka.brokers=a:1,b:2", "kafka.brokers", "\"a:1,b:2\""},
        {"kafka.brokers=SSL://[::1]:9093,b", "kafka.brokers", "\"SSL://[::1]:9093,b\""},
        {"topics.create=false", "topics.create", "false"},
        {"consumer.max_held=5000", "consumer.max_held", "5000"},
        {"consumer.retry_horizon=0", "consumer.retry_horizon", "\"0\""},
        {"event.max_size=1024", "event.max_size", "\"1KiB\""},
        {"results.publish=failures", "results.publish", "\"failures\""},
        {"consumer.assignment=cooperative-sticky", "consumer.assignment", "\"cooperative-sticky\""},
        {"probes.listen=", "probes.listen", "\"\""},
        {"probes.listen=[::]:0", "probes.listen", "\"[::]:0\""},
        {"kafka.client_id=a\"b\\c", "kafka.client_id", "\"a\\\"b\\\\c\""},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture_load(fixture, NULL, NULL, cases[i].override);
        fixture_value(fixture, cases[i].path, cases[i].value);
    }
}

static void test_wrong_overrides(void **state)
{
    static const struct {
        const char *override, *problem;
    } cases[] = {
        {"kafka.brokerz=a", "--set: kafka.brokerz: no such setting; did you mean kafka.brokers?"},
        {"bridge.max_held=1",
            "--set: bridge.max_held: no such setting; did you mean consumer.max_held?"},
        {"brokers=a", "--set: brokers: no such setting; did you mean kafka.brokers?"},
        {"entirely.different=1",
            "--set: entirely.different: no such setting; 'hookline settings' lists all"},
        {"kafka.brokers", "--set: \"kafka.brokers\" is not of the form path=value"},
        {"kafka.brokers=", "--set: kafka.brokers: must not be empty"},
        {"kafka.brokers=a:1,,b", "--set: kafka.brokers: \"\" is no host:port"},
        {"kafka.brokers=a:99999", "--set: kafka.brokers: \"99999\" is no port, in \"a:99999\""},
        {"kafka.client_id=\xff", "--set: kafka.client_id: is not UTF-8"},
        {"topics.create=yes", "--set: topics.create: must be true or false, is \"yes\""},
        {"consumer.max_attempts=x",
            "--set: consumer.max_attempts: must be a whole number, is \"x\""},
        {"consumer.max_attempts=10001",
            "--set: consumer.max_attempts: must be 1 to 10000 attempts, is 10001"},
        {"consumer.timeout=61s", "--set: consumer.timeout: must be 1ms to 1m, is 61s"},
        {"consumer.timeout=10",
            "--set: consumer.timeout: a duration needs a unit: write \"10s\" or \"10ms\""},
        {"event.max_size=16MiB", "--set: event.max_size: must be 1KiB to 8MiB, is 16MiB"},
        {"results.publish=some",
            "--set: results.publish: must be one of \"all\", \"failures\", \"none\", is \"some\""},
        {"bridge.assignment=sticky",
            "--set: bridge.assignment: must be one of \"auto\", \"roundrobin\", \"range\", "
            "\"cooperative-sticky\", is \"sticky\""},
        {"topics.events=", "--set: topics.events: must have 1 to 1000 elements, has 0"},
        {"topics.events=a b", "--set: topics.events: \"a b\" is no name for a topic: 1 to 249 "
                              "letters, digits and . _ "
                              "-"},
        {"topics.events=..", "--set: topics.events: \"..\" is no name for a topic"},
        {"topics.prefix=a/",
            "--set: topics.prefix: \"a/\" has characters that topic names must not have; they may "
            "have letters, digits and . _ -"},
        {"topics.config=segment.ms",
            "--set: topics.config: \"segment.ms\" is not of the form name=value"},
        {"topics.config=cleanup.policy=delete",
            "--set: topics.config: cleanup.policy cannot be set: each topic has the one it needs"},
        {"topics.replication_factor=0",
            "--set: topics.replication_factor: 0 replicas would hold nothing; -1 is the broker's "
            "default"},
        {"tenant.fixed=A", "--set: tenant.fixed: \"A\" is no tenant id: 1 to 64 of a-z 0-9 _ -"},
        {"tenant.pointer=a/b", "--set: tenant.pointer: \"a/b\" is no JSON pointer: write \"/a/b\""},
        {"consumer.tenants=a?", "--set: consumer.tenants: \"a?\" is no pattern of a tenant id: 1 "
                                "to 64 of a-z 0-9 _ - *"},
        {"http.proxy=user:secret@host",
            "--set: http.proxy: must begin with http://, https://, socks5:// or socks5h://"},
        {"probes.listen=9464", "--set: probes.listen: \"9464\" is no address to listen on, such as "
                               "\"127.0.0.1:9464\" or "
                               "\":9464\""},
        {"kafka.properties=hunter2", "--set: kafka.properties: not of the form name=value"},
        {"kafka.properties_file=/nonexistent",
            "--set: kafka.properties_file: /nonexistent cannot be read: No such file or directory"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture_load(fixture, NULL, NULL, cases[i].override);
        fixture_expect_only(fixture, cases[i].problem);
    }
}

static void test_variables(void **state)
{
    static const struct {
        const char *variable, *problem; /* NULL = none */
    } cases[] = {
        {"HOOKLINE_KAFKA_BROKER=a", "HOOKLINE_KAFKA_BROKER: no setting is set by this variable; "
                                    "did you mean HOOKLINE_KAFKA_BROKERS?"},
        {"HOOKLINE_ENTIRELY_DIFFERENT=1",
            "HOOKLINE_ENTIRELY_DIFFERENT: no setting is set by this variable"},
        {"HOOKLINE_KAFKA_BROKERS=", "HOOKLINE_KAFKA_BROKERS: kafka.brokers: must not be empty"},
        {"HOOKLINE_KAFKA_PROPERTIES=acks=1",
            "HOOKLINE_KAFKA_PROPERTIES: kafka.properties: acks may not be set: a record counts as "
            "written only when all in-sync replicas have it"},
        {"HOOKLINE_CONSUMER_TENANTS=acme*,globex", NULL},
        {"HOOKLINE_TEST_SIZE=full", NULL},
        {"HOOKLINE_BIN=build/hookline", NULL},
        {"HOOKLINE_PORT=tcp://10.0.0.1:80", NULL},
        {"HOOKLINE_PORT_80_TCP_ADDR=10.0.0.1", NULL},
        {"HOOKLINE_SERVICE_HOST=10.0.0.1", NULL},
        {"HOOKLINE_CONSOLE_PORT_80_TCP=tcp://10.0.0.1:80", NULL},
        {"HOOKLINE_CONSOLE_SERVICE_PORT_HTTP=80", NULL},
        {"HOOKLINER=1", NULL},
        {"PATH=/bin", NULL},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture_load(fixture, NULL, cases[i].variable, NULL);
        if (cases[i].problem)
            fixture_expect_only(fixture, cases[i].problem);
        else
            assert_int_equal(fixture->problems.count, 0);
    }
}

static void test_checks_between_settings(void **state)
{
    static const struct {
        const char *content, *problem; /* NULL = none */
    } cases[] = {
        {"consumer={\nbackoff_first=\"2m\";\nbackoff_max=\"1m\";};",
            "hookline.conf:2: consumer.backoff_first: must not be more than consumer.backoff_max: "
            "2m, "
            "1m"},
        {"consumer={\ntimeout=\"2s\";};", "hookline.conf:2: consumer.connect_timeout: must not be "
                                          "more than consumer.timeout: 5s, "
                                          "2s"},
        {"consumer={\nmax_held=20;};", "hookline.conf:2: consumer.max_in_flight: must not be more "
                                       "than consumer.max_held: 1000, "
                                       "20"},
        /* One that is wrong in itself is not compared. */
        {"consumer={\ntimeout=\"0\";};",
            "hookline.conf:2: consumer.timeout: must be 1ms to 1m, is 0"},
        {"bridge={\ngroup=\"hookline-consumers\";};",
            "hookline.conf:2: consumer.group: must not be the same as bridge.group"},
        {"topics={\nevents=[\"a\",\"hookline.deliveries.acme\"];};",
            "hookline.conf:2: topics.events: hookline.deliveries.acme is one of Hookline's own "
            "topics, "
            "which begin with topics.prefix"},
        {"topics={\nprefix=\"x.\";\nevents=[\"x.results\"];};",
            "hookline.conf:3: topics.events: x.results is one of Hookline's own topics, which "
            "begin "
            "with topics.prefix"},
        {"topics={\nevents=[\"hookline.events\"];};", NULL},
        {"tenant={topic_regex=\"^calls-(.*)$\";};", NULL},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture_load_text(fixture, cases[i].content);
        if (cases[i].problem)
            fixture_expect_only(fixture, cases[i].problem);
        else
            assert_int_equal(fixture->problems.count, 0);
    }
}

static void test_event_rules_are_checked(void **state)
{
    static const char *const wrong[] = {"calls-(", "calls", "(a)(b)"};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char *content = mem_printf("tenant = {\n\n  topic_regex = \"%s\";\n};", wrong[i]);
        fixture_load_text(fixture, content);
        assert_int_equal(fixture->problems.count, 1);
        assert_non_null(strstr(fixture->problems.items[0].where, "hookline.conf:3"));
        assert_non_null(strstr(fixture->problems.items[0].text, "tenant.topic_regex"));
        free(content);
    }
}

static void test_properties_file(void **state)
{
    struct fixture *fixture = *state;
    char *override =
        mem_printf("kafka.properties_file=%s", fixture_write(fixture, "kafka.properties",
                                                   "# SASL\n\n  sasl.username=me  \r\n"
                                                   "sasl.password=hunter2=x\n"));
    fixture_load(fixture, NULL, "HOOKLINE_KAFKA_PROPERTIES=linger.ms=2", override);
    assert_non_null(fixture->settings);
    const char *const *properties = fixture->settings->kafka.properties;
    assert_string_equal(properties[0], "linger.ms=2");
    assert_string_equal(properties[1], "sasl.username=me");
    assert_string_equal(properties[2], "sasl.password=hunter2=x");
    assert_null(properties[3]);
    fixture_value(fixture, "kafka.properties",
        "[\"linger.ms=2\", \"sasl.username=me\", \"sasl.password=********\"]");

    fixture_write(fixture, "kafka.properties", "sasl.username=me\nsasl.password hunter2\nacks=0\n");
    fixture_load(fixture, NULL, NULL, override);
    fixture_expect(fixture, 0, "kafka.properties:2: not of the form name=value");
    fixture_expect(fixture, 1,
        "kafka.properties:3: acks may not be set: a record counts as written only when "
        "all in-sync replicas have it");
    assert_int_equal(fixture->problems.count, 2);
    free(override);
}

static void test_username_and_password_files(void **state)
{
    struct fixture *fixture = *state;
    char *override =
        mem_printf("kafka.password_file=%s", fixture_write(fixture, "password", " p=1,2# \n"));
    char *content = mem_printf(
        "kafka = { username_file = \"%s\"; };", fixture_write(fixture, "username", "me"));
    const char *file = fixture_write(fixture, "hookline.conf", content);
    fixture_load(fixture, file, NULL, override);
    assert_non_null(fixture->settings);
    const char *const *properties = fixture->settings->kafka.properties;
    assert_string_equal(properties[0], "sasl.username=me");
    assert_string_equal(properties[1], "sasl.password= p=1,2# ");
    assert_null(properties[2]);
    fixture_value(
        fixture, "kafka.properties", "[\"sasl.username=me\", \"sasl.password=********\"]");
    static const char *const wrong[] = {"", "\n", "a\nb", "a\n\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        fixture_write(fixture, "password", wrong[i]);
        fixture_load(fixture, NULL, NULL, override);
        fixture_expect(
            fixture, 0, "password: kafka.password_file: not one line of 1 to 4096 bytes");
    }
    fixture_load(fixture, NULL, NULL, "kafka.username_file=/nonexistent");
    fixture_expect(fixture, 0,
        "--set: kafka.username_file: /nonexistent cannot be read: No such file or directory");
    free(override);
    free(content);
}

/* Which of these properties exist depends on how librdkafka was built. */
static void test_masks(void **state)
{
    static const struct {
        const char *path, *value, *shown;
    } cases[] = {
        {"kafka.properties", "sasl.password=s3cret", "sasl.password=********"},
        {"kafka.properties", "ssl.key.password=s3=cret", "ssl.key.password=********"},
        {"kafka.properties", "ssl.keystore.password=s3cret", "ssl.keystore.password=********"},
        {"kafka.properties", "ssl.key.pem=s3cret", "ssl.key.pem=********"},
        {"kafka.properties", "sasl.oauthbearer.client.secret=s3cret",
            "sasl.oauthbearer.client.secret=********"},
        {"kafka.properties", "sasl.oauthbearer.config=x=s3cret",
            "sasl.oauthbearer.config=********"},
        {"kafka.properties", "ssl.ca.location=/password", "ssl.ca.location=/password"},
        {"http.proxy", "http://me:s3cret@proxy:3128/x@y", "http://********@proxy:3128/x@y"},
        {"http.proxy", "http://me:s3@cret@proxy", "http://********@proxy"},
        {"http.proxy", "http://proxy:3128", "http://proxy:3128"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer out = BUFFER_INIT;
        settings_find(cases[i].path)->mask(cases[i].value, &out);
        assert_string_equal(buffer_text(&out), cases[i].shown);
        buffer_release(&out);
    }
}

static void test_secrets_are_masked(void **state)
{
    static const struct {
        const char *override, *path, *value;
    } cases[] = {
        {"kafka.properties=sasl.password=s3cret", "kafka.properties",
            "[\"sasl.password=********\"]"},
        {"http.proxy=http://me:s3cret@proxy:3128", "http.proxy", "\"http://********@proxy:3128\""},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer out = BUFFER_INIT;
        fixture_load(fixture, NULL, NULL, cases[i].override);
        fixture_value(fixture, cases[i].path, cases[i].value);
        settings_print(fixture->settings, &out);
        settings_print_json(fixture->settings, &out);
        assert_null(strstr(buffer_text(&out), "s3cret"));
        buffer_release(&out);
    }
}

static void test_print_says_where_from(void **state)
{
    struct fixture *fixture = *state;
    struct buffer out = BUFFER_INIT;
    fixture_load(fixture, NULL, "HOOKLINE_LOG_LEVEL=debug", "topics.partitions=6");
    settings_print(fixture->settings, &out);
    assert_non_null(strstr(buffer_text(&out), "log.level = \"debug\"  # HOOKLINE_LOG_LEVEL\n"));
    assert_non_null(strstr(buffer_text(&out), "topics.partitions = 6  # --set\n"));
    assert_non_null(strstr(buffer_text(&out), "log.format = \"logfmt\"\n"));
    buffer_release(&out);
}

static void test_json(void **state)
{
    struct fixture *fixture = *state;
    struct buffer out = BUFFER_INIT;
    fixture_load(fixture, NULL, "HOOKLINE_TOPICS_EVENTS=a,b", "topics.create=false");
    settings_print_json(fixture->settings, &out);
    json_t *json = json_loadb(out.data, out.len, 0, NULL);
    const char *event, *from, *timeout;
    int partitions, create;
    assert_int_equal(json_unpack(json, "{s{s{s[s*]ss}s{si}s{sb}}s{s{ss}}}", "topics", "events",
                         "value", &event, "from", &from, "partitions", "value", &partitions,
                         "create", "value", &create, "consumer", "timeout", "value", &timeout),
        0);
    assert_string_equal(event, "a");
    assert_string_equal(from, "HOOKLINE_TOPICS_EVENTS");
    assert_int_equal(partitions, 4);
    assert_false(create);
    assert_string_equal(timeout, "15s");
    json_decref(json);
    buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_complete),
        cmocka_unit_test(test_paths_and_variables_are_unique),
        cmocka_unit_test_setup_teardown(test_defaults_are_valid, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(
            test_defaults_fill_the_options, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_precedence, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(
            test_file_from_environment, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_values_from_text, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_wrong_overrides, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_variables, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(
            test_checks_between_settings, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(
            test_event_rules_are_checked, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_properties_file, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(
            test_username_and_password_files, fixture_setup, fixture_teardown),
        cmocka_unit_test(test_masks),
        cmocka_unit_test_setup_teardown(test_secrets_are_masked, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(
            test_print_says_where_from, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_json, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
