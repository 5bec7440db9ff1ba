/* SPDX-License-Identifier: Apache-2.0 */
/* A webhook request as somebody captured it. */
#include "commands/captured_request.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/memory.h"
#include "common/text.h"

static const struct {
    const char *name;
    size_t member;
} wanted[] = {
    {"webhook-id", offsetof(struct captured_request, id)},
    {"webhook-timestamp", offsetof(struct captured_request, timestamp)},
    {"webhook-signature", offsetof(struct captured_request, signatures)},
};

#define WANTED (sizeof wanted / sizeof wanted[0])

static char **member(struct captured_request *request, size_t i)
{
    return (char **)(void *)((char *)request + wanted[i].member);
}

void captured_request_release(struct captured_request *request)
{
    for (size_t i = 0; i < WANTED; i++)
        free(*member(request, i));
    free(request->data);
}

/* --- As it goes over the wire ---------------------------------------------------------------- */

struct line {
    const char *text;
    size_t len; /* without its end */
};

/* Takes the next line off *at; false if no line end is left. */
static bool next_line(const char **at, const char *end, struct line *ret_line)
{
    const char *stop = memchr(*at, '\n', (size_t)(end - *at));
    if (!stop)
        return false;
    size_t len = (size_t)(stop - *at);
    *ret_line = (struct line){*at, len && stop[-1] == '\r' ? len - 1 : len};
    *at = stop + 1;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* RFC 9110, section 5: a name of token characters, a colon, a value without blanks around it. Name
 * and value are NULL-terminated copies, `text` to be freed. */
struct header_line {
    char *text, *name, *value;
};

static bool split_header(struct line line, struct header_line *ret_header)
{
    const char *colon = memchr(line.text, ':', line.len);
    if (!colon || colon == line.text || memchr(line.text, '\0', line.len))
        return false;
    size_t name_len = (size_t)(colon - line.text);
    for (size_t i = 0; i < name_len; i++)
        if (!isalnum((unsigned char)line.text[i]) && !strchr("!#$%&'*+-.^_`|~", line.text[i]))
            return false;
    char *text = mem_dup(line.text, line.len), *value = text + name_len + 1;
    for (char *last = text + line.len; last > value && is_blank(last[-1]);)
        *--last = '\0';
    while (is_blank(*value))
        value++;
    text[name_len] = '\0';
    *ret_header = (struct header_line){text, text, value};
    return true;
}

static bool is_request_line(struct line line)
{
    char *text = mem_dup(line.text, line.len);
    const char *version = strrchr(text, ' ');
    bool is = strlen(text) == line.len && version && strncmp(version, " HTTP/", 6) == 0;
    free(text);
    return is;
}

static bool take_length(struct captured_request *request, const char *value, struct error *error)
{
    int64_t length;
    if (!text_parse_int(value, &length) || length < 0)
        return error_set(error, ERROR_PERMANENT, "content-length is not a number of bytes");
    if (request->content_length >= 0 && request->content_length != length)
        return error_set(error, ERROR_PERMANENT, "content-length is there twice");
    request->content_length = length;
    return true;
}

static bool take_header(
    struct captured_request *request, const struct header_line *header, struct error *error)
{
    if (strcasecmp(header->name, "content-length") == 0)
        return take_length(request, header->value, error);
    if (strcasecmp(header->name, "transfer-encoding") == 0)
        return error_set(error, ERROR_CONFIG,
            "the body has a transfer encoding, and so is not what was signed; capture it behind "
            "the "
            "HTTP server, or remove chunk sizes and the header transfer-encoding");
    for (size_t i = 0; i < WANTED; i++) {
        if (strcasecmp(header->name, wanted[i].name) != 0)
            continue;
        /* Which one a receiver takes is anybody's guess. */
        if (*member(request, i))
            return error_set(error, ERROR_PERMANENT, "%s is there twice", wanted[i].name);
        *member(request, i) = mem_strdup(header->value);
    }
    return true;
}

/* Leaves *at behind the empty line. */
static bool parse_headers(
    struct captured_request *request, const char **at, const char *end, struct error *error)
{
    struct line line;
    for (int number = 1; next_line(at, end, &line); number++) {
        struct header_line header;
        if (!line.len && number > 1)
            return true;
        if (number == 1 && is_request_line(line))
            continue;
        if (!split_header(line, &header))
            return error_set(error, ERROR_CONFIG,
                "line %d is no header (Name: value)%s; it should be a request as it came: request "
                "line, headers, an empty line, the body",
                number, number == 1 ? " and no request line" : "");
        bool taken = take_header(request, &header, error);
        free(header.text);
        if (!taken)
            return false;
    }
    return error_set(error, ERROR_CONFIG,
        "there is no empty line behind the headers, so nothing says where the body begins");
}

static bool parse_wire(
    const char *data, size_t len, struct captured_request *request, struct error *error)
{
    const char *at = data, *end = data + len;
    if (!parse_headers(request, &at, end, error))
        return false;
    size_t size = (size_t)(end - at);
    if (request->content_length >= 0 && (uint64_t)request->content_length < size) {
        request->left_out = size - (size_t)request->content_length;
        size = (size_t)request->content_length;
    }
    request->data = mem_dup(at, size);
    request->body = (struct bytes){request->data, size};
    return true;
}

/* --- A line of `hookline receive --json` ----------------------------------------------------- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool unhex(const char *hex, size_t len, struct captured_request *request)
{
    if (len % 2 != 0)
        return false;
    char *at = request->data = mem_alloc(len / 2 + 1);
    for (size_t i = 0; i < len; i += 2) {
        int high = hex_digit(hex[i]), low = hex_digit(hex[i + 1]);
        if (high < 0 || low < 0)
            return false;
        *at++ = (char)(high << 4 | low);
    }
    request->body = (struct bytes){request->data, len / 2};
    return true;
}

static bool take_json(const json_t *json, struct captured_request *request)
{
    const json_t *headers = json_object_get(json, "headers");
    const json_t *body = json_object_get(json, "body"), *hex = json_object_get(json, "body_hex");
    if (!json_is_object(headers))
        return false;
    for (size_t i = 0; i < WANTED; i++)
        *member(request, i) =
            mem_strdup(json_string_value(json_object_get(headers, wanted[i].name)));
    if (json_is_string(hex))
        return unhex(json_string_value(hex), json_string_length(hex), request);
    if (!json_is_string(body))
        return false;
    request->data = mem_dup(json_string_value(body), json_string_length(body));
    request->body = (struct bytes){request->data, json_string_length(body)};
    return true;
}

static bool parse_json(
    const char *data, size_t len, struct captured_request *request, struct error *error)
{
    json_error_t fault;
    json_t *json = json_loadb(data, len, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &fault);
    bool taken = json && take_json(json, request);
    json_decref(json);
    if (!taken)
        return error_set(error, ERROR_CONFIG,
            "it begins as JSON, but is not one line of 'hookline receive --json'%s%s",
            json ? "" : ": ", json ? "" : fault.text);
    return true;
}

bool captured_request_parse(
    const char *data, size_t len, struct captured_request *ret_request, struct error *error)
{
    struct captured_request request = {.content_length = -1};
    bool parsed = len && *data == '{' ? parse_json(data, len, &request, error)
                                      : parse_wire(data, len, &request, error);
    if (!parsed) {
        captured_request_release(&request);
        return false;
    }
    *ret_request = request;
    return true;
}
