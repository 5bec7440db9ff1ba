/* SPDX-License-Identifier: Apache-2.0 */
/* Errors as values, and the two ways to give up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/error.h"

static void first_error_wins(void **state)
{
    (void)state;
    struct error error = ERROR_INIT;
    assert_false(error_is_set(&error));
    assert_false(error_set(&error, ERROR_RETRY, "broker %d is down", 3));
    assert_false(error_set(&error, ERROR_BUG, "later"));
    assert_true(error_is_set(&error));
    assert_int_equal(error.kind, ERROR_RETRY);
    assert_string_equal(error.text, "broker 3 is down");
}

static void null_is_fine(void **state)
{
    (void)state;
    assert_false(error_set(NULL, ERROR_BUG, "nobody listens"));
    assert_false(error_prefix(NULL, "nobody listens"));
}

static void prefix_goes_in_front(void **state)
{
    (void)state;
    struct error error = ERROR_INIT;
    assert_false(error_prefix(&error, "nothing to prefix"));
    assert_string_equal(error.text, "");
    error_set(&error, ERROR_CONFIG, "no such file");
    assert_false(error_prefix(&error, "setting %s", "ca_file"));
    assert_string_equal(error.text, "setting ca_file: no such file");
    assert_int_equal(error.kind, ERROR_CONFIG);
}

static void long_texts_are_cut(void **state)
{
    (void)state;
    char text[1000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct error error = ERROR_INIT;
    error_set(&error, ERROR_BUG, "%s", text);
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
    error_prefix(&error, "%s", text);
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
}

/* The wait status of a child that runs `fn` with nothing on its standard error. */
static int status_of(void (*fn)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL); /* cmocka catches it */
        close(STDERR_FILENO);
        fn();
        _exit(0);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    return status;
}

static void break_invariant(void)
{
    bug_on(1 + 1 == 2);
}

static void keep_invariant(void)
{
    bug_on(1 + 1 == 3);
}

static void give_up(void)
{
    fatal("no entropy");
}

static void ways_to_give_up(void **state)
{
    (void)state;
    int status = status_of(break_invariant);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    status = status_of(give_up);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    assert_int_equal(status_of(keep_invariant), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_error_wins),
        cmocka_unit_test(null_is_fine),
        cmocka_unit_test(prefix_goes_in_front),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(ways_to_give_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
