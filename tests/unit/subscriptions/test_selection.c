/* SPDX-License-Identifier: Apache-2.0 */
/* Places in a JSON value, kept and left out. In the tables ' stands for ". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "subscriptions/selection.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static json_t *load(const char *text)
{
    char *json_text = mem_strdup(text);
    for (char *p = json_text; *p; p++)
        if (*p == '\'')
            *p = '"';
    json_error_t fault;
    json_t *json = json_loads(json_text, JSON_DECODE_ANY, &fault);
    if (!json)
        fail_msg("%s in %s", fault.text, text);
    free(json_text);
    return json;
}

/* Pointers with a blank between two. */
static struct selection *select_places(const char *pointers)
{
    struct error error = ERROR_INIT;
    struct selection *selection = selection_new();
    char *list = mem_strdup(pointers), *rest = list;
    for (const char *one; (one = strsep(&rest, " "));)
        if (*one && !selection_add(selection, one, &error))
            fail_msg("%s", error.text);
    free(list);
    return selection;
}

static void assert_json(json_t *json, const char *expected, const char *pointers)
{
    json_t *wanted = load(expected);
    char *text = json_dumps(json, JSON_COMPACT);
    if (!json_equal(json, wanted))
        fail_msg("%s: %s is not %s", pointers, text, expected);
    free(text);
    json_decref(wanted);
    json_decref(json);
}

static const char call[] = "{'type':'ended','caller':{'name':'A','number':'1','tags':[]},"
                           "'legs':[{'id':0,'q':'x'},{'id':1},'third',[4,5,6]],"
                           "'a/b':1,'m~n':2,'~1':3,'':{'':4},'00':5,'null':null,'empty':{}}";

/* Of `call`, what is left by pointers that are included, and by the same ones excluded. */
static const struct {
    const char *pointers, *included, *excluded;
} rows[] = {
    {"/type", "{'type':'ended'}",
        "{'caller':{'name':'A','number':'1','tags':[]},"
        "'legs':[{'id':0,'q':'x'},{'id':1},'third',[4,5,6]],"
        "'a/b':1,'m~n':2,'~1':3,'':{'':4},'00':5,'null':null,'empty':{}}"},
    {"/caller/number /legs",
        "{'caller':{'number':'1'},'legs':[{'id':0,'q':'x'},{'id':1},'third',[4,5,6]]}",
        "{'type':'ended','caller':{'name':'A','tags':[]},"
        "'a/b':1,'m~n':2,'~1':3,'':{'':4},'00':5,'null':null,'empty':{}}"},
    /* The whole and a part of it, in either order, is the whole. */
    {"/caller /caller/name /type /legs /a~1b /m~0n /~01 / /00 /null /empty",
        "{'type':'ended','caller':{'name':'A','number':'1','tags':[]},"
        "'legs':[{'id':0,'q':'x'},{'id':1},'third',[4,5,6]],"
        "'a/b':1,'m~n':2,'~1':3,'':{'':4},'00':5,'null':null,'empty':{}}",
        "{}"},
    {"/caller/name /caller", "{'caller':{'name':'A','number':'1','tags':[]}}",
        "{'type':'ended','legs':[{'id':0,'q':'x'},{'id':1},'third',[4,5,6]],"
        "'a/b':1,'m~n':2,'~1':3,'':{'':4},'00':5,'null':null,'empty':{}}"},
    /* Elements of arrays, which close up. */
    {"/legs/0/q /legs/1 /legs/3/1", "{'legs':[{'q':'x'},{'id':1},[5]]}",
        "{'type':'ended','caller':{'name':'A','number':'1','tags':[]},"
        "'legs':[{'id':0},'third',[4,6]],"
        "'a/b':1,'m~n':2,'~1':3,'':{'':4},'00':5,'null':null,'empty':{}}"},
    /* Escapes, and names that look like something else. */
    {"/a~1b /m~0n /~01 // /00 /null /empty",
        "{'a/b':1,'m~n':2,'~1':3,'':{'':4},'00':5,'null':null,'empty':{}}",
        "{'type':'ended','caller':{'name':'A','number':'1','tags':[]},"
        "'legs':[{'id':0,'q':'x'},{'id':1},'third',[4,5,6]],'':{}}"},
    /* They lead to nothing: nothing is there, and nothing goes. */
    {"/nothing /caller/nothing /type/0 /legs/4 /legs/-1 /legs/- /legs/00 /legs/2/x /legs/0/id/x "
     "/null/x /empty/x /a /legs/18446744073709551616",
        "{}", call},
};

static void includes(void **state)
{
    (void)state;
    json_t *value = load(call);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct selection *selection = select_places(rows[i].pointers);
        assert_json(selection_include(selection, value), rows[i].included, rows[i].pointers);
        selection_free(selection);
    }
    assert_json(value, call, "the source");
}

static void excludes(void **state)
{
    (void)state;
    json_t *value = load(call);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct selection *selection = select_places(rows[i].pointers);
        assert_json(selection_exclude(selection, value), rows[i].excluded, rows[i].pointers);
        selection_free(selection);
    }
    assert_json(value, call, "the source");
}

static void nothing_is_selected(void **state)
{
    (void)state;
    json_t *value = load(call);
    struct selection *selection = selection_new();
    assert_json(selection_include(selection, value), "{}", "include");
    assert_json(selection_exclude(selection, value), call, "exclude");
    selection_free(selection);
    selection_free(NULL);
    json_decref(value);
}

/* Values are shared where they are the same, containers that differ are not: so the source stays as it is, and so
 * does what was made of it when the source goes. */
static void shares_with_the_source(void **state)
{
    (void)state;
    json_t *value = load(call);
    struct selection *selection = select_places("/caller/name /legs");
    json_t *included = selection_include(selection, value);
    json_t *excluded = selection_exclude(selection, value);
    assert_ptr_equal(json_object_get(included, "legs"), json_object_get(value, "legs"));
    assert_ptr_equal(json_object_get(excluded, "empty"), json_object_get(value, "empty"));
    json_t *parts[] = {json_object_get(included, "caller"), json_object_get(excluded, "caller")};
    for (size_t i = 0; i < COUNT(parts); i++) {
        assert_ptr_not_equal(parts[i], json_object_get(value, "caller"));
        json_object_set_new(parts[i], "more", json_true());
    }
    json_object_set_new(included, "more", json_true());
    assert_json(value, call, "the source"); /* which is gone now */
    assert_json(included,
        "{'caller':{'name':'A','more':true},'legs':[{'id':0,'q':'x'},{'id':1},'third',[4,5,6]],"
        "'more':true}",
        "include");
    assert_json(excluded,
        "{'type':'ended','caller':{'number':'1','tags':[],'more':true},"
        "'a/b':1,'m~n':2,'~1':3,'':{'':4},'00':5,'null':null,'empty':{}}",
        "exclude");
    selection_free(selection);
}

static void pointers_that_are_none(void **state)
{
    (void)state;
    static const char *const pointers[] = {"", "type", "#/type", "/a~", "/a~2b", "$.type"};
    struct selection *selection = selection_new();
    for (size_t i = 0; i < COUNT(pointers); i++) {
        struct error error = ERROR_INIT;
        if (selection_add(selection, pointers[i], &error))
            fail_msg("%s", pointers[i]);
        assert_int_equal(error.kind, ERROR_CONFIG);
    }
    json_t *value = load(call);
    assert_json(selection_exclude(selection, value), call, "none was added");
    json_decref(value);
    selection_free(selection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(includes),
        cmocka_unit_test(excludes),
        cmocka_unit_test(nothing_is_selected),
        cmocka_unit_test(shares_with_the_source),
        cmocka_unit_test(pointers_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
