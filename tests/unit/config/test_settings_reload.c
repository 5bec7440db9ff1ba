/* SPDX-License-Identifier: Apache-2.0 */
/* Settings that are read again: what is taken over and what is not, and how a change of their files is seen. */
#include "fixture.h"

static struct settings *load_again(struct fixture *fixture, const struct settings *settings)
{
    settings_problems_release(&fixture->problems);
    return settings_load_again(settings, &fixture->problems);
}

/* Two settings that are compared with each other must be taken over together. */
static void test_pairs_reload_together(void **state)
{
    static const char *const pairs[][2] = {
        {"consumer.backoff_first", "consumer.backoff_max"},
        {"consumer.connect_timeout", "consumer.timeout"},
        {"consumer.endpoint_window", "consumer.max_in_flight"},
        {"consumer.max_in_flight", "consumer.max_held"},
        {"event.max_size", "consumer.max_held_size"},
        {"event.max_size", "producer.max_outstanding_bytes"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        assert_int_equal(
            settings_find(pairs[i][0])->reloadable, settings_find(pairs[i][1])->reloadable);
}

/* What is handed to libraries once, at the start. */
static void test_what_needs_a_restart(void **state)
{
    static const char *const groups[] = {
        "kafka.", "producer.", "topics.", "tenant.", "event.", "bridge.", "probes."};
    (void)state;
    for (const struct setting *row = settings_table; row->path; row++)
        for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
            if (!strncmp(row->path, groups[i], strlen(groups[i])))
                assert_false(row->reloadable);
    assert_true(settings_find("log.level")->reloadable);
    assert_true(settings_find("ttl.events")->reloadable);
    assert_false(settings_find("secrets.key_file")->reloadable); /* its path, that is */
}

static void test_adopt(void **state)
{
    struct fixture *fixture = *state;
    fixture_load_text(fixture, "log={level=\"warn\";};\nttl={events=[\"a=1s\",\"b=2s\"];};");
    struct settings *running = fixture->settings;
    const char *brokers = running->kafka.brokers;
    fixture_write(fixture, "hookline.conf",
        "\n\nlog={level=\"debug\";};\nttl={events=[\"c=3s\"];};\nkafka={brokers=\"other:9092\";};\n"
        "console={listen=\":1\";};\ncircuit={open_max=\"1m\";};");
    struct settings *fresh = load_again(fixture, running);
    assert_non_null(fresh);
    assert_true(settings_differ(running, fresh, settings_find("log.level")));
    assert_true(settings_differ(running, fresh, settings_find("ttl.events")));
    assert_true(settings_differ(running, fresh, settings_find("kafka.brokers")));
    assert_false(settings_differ(running, fresh, settings_find("ttl.other")));
    settings_adopt(running, fresh);
    settings_free(fresh); /* nothing of it is kept */
    assert_int_equal(running->log.level, LOG_LEVEL_DEBUG);
    assert_int_equal(running->consumer.circuit.open_max_ms, 60000);
    assert_string_equal(running->consumer.ttl_events[0], "c=3s");
    assert_null(running->consumer.ttl_events[1]);
    assert_ptr_equal(running->kafka.brokers, brokers);
    fixture_value(fixture, "kafka.brokers", "\"127.0.0.1:9092\"");
    fixture_value(fixture, "console.listen", "\"127.0.0.1:9480\"");
    assert_non_null(strstr(settings_where(running, settings_find("log.level")), "hookline.conf:3"));
    assert_string_equal(settings_where(running, settings_find("kafka.brokers")), "default");
    /* What is gone from the file has its default again. */
    fixture_write(fixture, "hookline.conf", "// nothing\n");
    fresh = load_again(fixture, running);
    settings_adopt(running, fresh);
    settings_free(fresh);
    assert_int_equal(running->log.level, LOG_LEVEL_INFO);
    assert_non_null(running->consumer.ttl_events[1]);
    assert_string_equal(settings_where(running, settings_find("log.level")), "default");
}

static void test_sources_stay_in_their_order(void **state)
{
    struct fixture *fixture = *state;
    char variable[] = "HOOKLINE_CONSUMER_RETRY_4XX=7";
    char *environment[] = {variable, NULL};
    const char *overrides[] = {"log.level=error", NULL};
    fixture_unload(fixture);
    fixture->settings = settings_load(
        &(struct settings_source){
            fixture_write(fixture, "hookline.conf", "// nothing\n"), overrides, environment},
        &fixture->problems);
    overrides[0] = NULL; /* it has a copy */
    fixture_write(fixture, "hookline.conf",
        "log={level=\"debug\";format=\"json\";};consumer={retry_4xx=9;};");
    struct settings *fresh = load_again(fixture, fixture->settings);
    settings_adopt(fixture->settings, fresh);
    settings_free(fresh);
    fixture_value(fixture, "log.level", "\"error\"");
    fixture_value(fixture, "log.format", "\"json\"");
    fixture_value(fixture, "consumer.retry_4xx", "7");
}

static void test_bad_files(void **state)
{
    static const struct {
        const char *content, *problem;
    } cases[] = {
        {"log = { level = \"debug\" ", "hookline.conf:1: syntax error"},
        {"log={level=\"debug\";};\nconsumer={timeout=5;};",
            "hookline.conf:2: consumer.timeout: expected a duration in quotes, such as \"10s\", "
            "found the number 5; "
            "write \"5s\" or \"5ms\""},
        {"", "hookline.conf: the settings file is empty; one in which nothing is set has a comment "
             "in it"},
        {"ttl={other=\"1d\";events=[\"call.ringing\"];};",
            "hookline.conf:1: ttl.events: time to live \"call.ringing\": must be type=duration, "
            "such as "
            "\"call.ringing=30s\""},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture_load_text(fixture, "log={level=\"warn\";};");
        fixture_write(fixture, "hookline.conf", cases[i].content);
        assert_null(load_again(fixture, fixture->settings));
        fixture_expect(fixture, 0, cases[i].problem);
        assert_int_equal(fixture->settings->log.level, LOG_LEVEL_WARN);
    }
}

static bool looks_other(const struct fixture *fixture, uint8_t digest[SHA256_BYTES])
{
    struct settings_files files;
    settings_files_look(fixture->settings, &files);
    bool other = memcmp(files.digest, digest, SHA256_BYTES) != 0;
    memcpy(digest, files.digest, SHA256_BYTES);
    settings_files_release(&files);
    return other;
}

static void test_files(void **state)
{
    struct fixture *fixture = *state;
    uint8_t digest[SHA256_BYTES] = {0};
    struct settings_files files;
    fixture_write(fixture, "more.conf", "@include \"hookline.conf\"\n"); /* that goes in a circle */
    fixture_write(fixture, "keys", "k1 x");
    char *set = mem_printf("secrets.key_file=%s", fixture->file);
    fixture_write(fixture, "hookline.conf", "log={level=\"warn\";};");
    char *file = mem_strdup(fixture->file);
    fixture_load(fixture, file, NULL, set);
    assert_true(looks_other(fixture, digest));
    assert_false(looks_other(fixture, digest));
    fixture_write(fixture, "hookline.conf",
        "  @include \"more.conf\"\n// @include \"not.conf\"\n@include \"gone.conf\"\n");
    assert_true(looks_other(fixture, digest));
    settings_files_look(fixture->settings, &files);
    assert_int_equal(files.count, 4);
    assert_string_equal(files.paths[0], file);
    assert_non_null(strstr(files.paths[1], "/more.conf"));
    assert_non_null(strstr(files.paths[2], "/gone.conf"));
    assert_non_null(strstr(files.paths[3], "/keys"));
    settings_files_release(&files);
    fixture_write(fixture, "other.conf", "log={};");
    assert_false(looks_other(fixture, digest));
    fixture_write(fixture, "gone.conf", "");
    assert_true(looks_other(fixture, digest));
    fixture_write(fixture, "more.conf", "log={};");
    assert_true(looks_other(fixture, digest));
    fixture_write(fixture, "keys", "k2 y");
    assert_true(looks_other(fixture, digest));
    assert_int_equal(unlink(fixture->file), 0);
    assert_true(looks_other(fixture, digest));
    assert_false(looks_other(fixture, digest));
    free(file);
    free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs_reload_together),
        cmocka_unit_test(test_what_needs_a_restart),
        cmocka_unit_test_setup_teardown(test_adopt, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(
            test_sources_stay_in_their_order, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_bad_files, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_files, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
