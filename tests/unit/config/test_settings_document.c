/* SPDX-License-Identifier: Apache-2.0 */
/* The generated documents: the reference is a file that loads, and neither forgets a setting. */
#include "fixture.h"

static void print_all(const struct settings *settings, struct buffer *out)
{
    for (const struct setting *row = settings_table; row->path; row++) {
        buffer_printf(out, "%s ", row->path);
        settings_print_value(settings, row, out);
        buffer_add_text(out, "\n");
    }
}

/* Removes the "#" in front of each setting. */
static void uncomment(struct buffer *reference)
{
    for (char *hash = strstr(reference->data, "    # "); hash; hash = strstr(hash, "    # "))
        hash[4] = ' ';
}

static void test_reference_has_the_defaults(void **state)
{
    struct fixture *fixture = *state;
    struct buffer reference = BUFFER_INIT, defaults = BUFFER_INIT, loaded = BUFFER_INIT;
    fixture_load(fixture, NULL, NULL, NULL);
    print_all(fixture->settings, &defaults);
    settings_print_reference(&reference);
    fixture_load_text(fixture, buffer_text(&reference));
    assert_non_null(fixture->settings);

    uncomment(&reference);
    fixture_load_text(fixture, buffer_text(&reference));
    assert_non_null(fixture->settings);
    print_all(fixture->settings, &loaded);
    assert_string_equal(buffer_text(&loaded), buffer_text(&defaults));
    for (const struct setting *row = settings_table; row->path; row++)
        assert_string_not_equal(settings_where(fixture->settings, row), "default");
    buffer_release(&reference);
    buffer_release(&defaults);
    buffer_release(&loaded);
}

static void test_reference_fits_the_page(void **state)
{
    (void)state;
    struct buffer reference = BUFFER_INIT;
    settings_print_reference(&reference);
    for (const char *line = buffer_text(&reference); *line; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 100);
    buffer_release(&reference);
}

static void test_markdown_has_everything(void **state)
{
    (void)state;
    struct buffer markdown = BUFFER_INIT;
    settings_print_markdown(&markdown);
    for (const struct setting *row = settings_table; row->path; row++) {
        char *cell = mem_printf("\n| `%s` |", row->path);
        assert_non_null(strstr(buffer_text(&markdown), cell));
        free(cell);
    }
    for (const struct kafka_forbidden_property *p = kafka_forbidden_properties; p->name; p++)
        assert_non_null(strstr(buffer_text(&markdown), p->name));
    buffer_release(&markdown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_reference_has_the_defaults, fixture_setup, fixture_teardown),
        cmocka_unit_test(test_reference_fits_the_page),
        cmocka_unit_test(test_markdown_has_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
