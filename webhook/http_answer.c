/* SPDX-License-Identifier: Apache-2.0 */
/* What came back: an answer is read as it comes, and judged when it ends. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/record.h"
#include "common/text.h"
#include "webhook/http_post.h"

#define FINAL_MIN 200 /* below are interim answers */
/* Of a header that is kept. */
#define NAME_MAX_KEPT  128
#define VALUE_MAX_KEPT 1024

const char *const http_fault_names[] = {
    "answered",
    "dns",
    "connect",
    "tls",
    "timeout",
    "broken",
    "ours",
    "cancelled",
    "blocked",
    "token",
    NULL,
};

static size_t take_body(char *data, size_t size, size_t count, void *arg)
{
    struct http_post *post = arg;
    struct http_reading *reading = &post->reading;
    size_t len = size * count;
    size_t room = reading->keep - reading->kept.len;
    size_t kept = len < room ? len : room;
    buffer_add(&reading->kept, data, kept);
    reading->received += (int64_t)len;
    if (reading->received > post->client->options.max_answer_bytes)
        return 0; /* closes the connection */
    return len;
}

/* "HTTP/1.1 200 OK", "HTTP/2 200" */
static bool is_final(const char *line, size_t len)
{
    const char *space = memchr(line, ' ', len);
    return space && space + 1 < line + len && space[1] >= '0' + FINAL_MIN / 100;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* A value without the blanks around it and the end of its line. */
static struct bytes trim(const char *value, size_t len)
{
    while (len && is_blank(*value)) {
        value++;
        len--;
    }
    while (len && is_blank(value[len - 1]))
        len--;
    return (struct bytes){value, len};
}

static void take_retry_after(struct http_reading *reading, const char *text, size_t len)
{
    struct bytes value = trim(text, len);
    if (value.len >= sizeof reading->retry_after)
        return; /* no date is so long; rather nothing than a part */
    memcpy(reading->retry_after, value.data, value.len);
    reading->retry_after[value.len] = '\0';
}

static const char *keep_text(struct http_kept_headers *kept, const char *text, size_t len)
{
    char *copy = kept->text + kept->used;
    memcpy(copy, text, len);
    copy[len] = '\0';
    kept->used += len + 1;
    return copy;
}

static void keep_header(struct http_kept_headers *kept, const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len < NAME_MAX_KEPT ? len : NAME_MAX_KEPT);
    if (!colon || colon == line || is_blank(*line) || kept->count == HTTP_HEADERS_KEPT)
        return;
    size_t name_len = (size_t)(colon - line);
    struct bytes value = trim(colon + 1, len - name_len - 1);
    size_t value_len = text_utf8_cut(value.data, value.len, VALUE_MAX_KEPT);
    if (name_len + value_len + 2 > sizeof kept->text - kept->used)
        return;
    struct http_header *header = &kept->all[kept->count++];
    header->name = keep_text(kept, line, name_len);
    header->value = keep_text(kept, value.data, value_len);
}

/* Of several, the last one counts. */
static void begin_head(struct http_reading *reading, const char *line, size_t len)
{
    reading->is_final = is_final(line, len);
    reading->retry_after[0] = '\0';
    if (reading->headers)
        reading->headers->count = reading->headers->used = 0;
}

static size_t take_header(char *data, size_t size, size_t count, void *arg)
{
    static const char name[] = "retry-after:";
    struct http_post *post = arg;
    struct http_reading *reading = &post->reading;
    size_t len = size * count, name_len = sizeof name - 1;
    if (reading->headers && reading->is_final && !reading->has_head)
        keep_header(reading->headers, data, len);
    switch (data[0]) {
    case 'H':
        if (len > 5 && memcmp(data, "HTTP/", 5) == 0)
            begin_head(reading, data, len);
        break;
    case '\r':
    case '\n': /* the empty line */
        if (reading->is_final && !reading->has_head) {
            reading->has_head = true;
            http_post_set_state(post, POST_READING);
        }
        break;
    case 'R':
    case 'r':
        if (len > name_len && strncasecmp(data, name, name_len) == 0)
            take_retry_after(reading, data + name_len, len - name_len);
        break;
    default:
        break;
    }
    return len;
}

void http_answer_setup(struct http_post *post)
{
    curl_easy_setopt(post->easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(post->easy, CURLOPT_WRITEDATA, post);
    curl_easy_setopt(post->easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(post->easy, CURLOPT_HEADERDATA, post);
    curl_easy_setopt(post->easy, CURLOPT_ERRORBUFFER, post->error);
}

/* The status alone decides: what becomes of the body does not matter once the head is complete. */
static enum http_fault fault_of(const struct http_post *post, CURLcode code)
{
    long os_errno = 0;
    if (post->reading.has_head)
        return HTTP_ANSWERED;
    if (post->rule != GUARD_NONE)
        return HTTP_BLOCKED;
    if (code == CURLE_OK)
        return HTTP_BROKEN; /* to curl half a head is one */
    curl_easy_getinfo(post->easy, CURLINFO_OS_ERRNO, &os_errno);
    if (os_errno == EMFILE || os_errno == ENFILE || os_errno == ENOBUFS || os_errno == ENOMEM)
        return HTTP_OURS;
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return HTTP_DNS;
    case CURLE_COULDNT_CONNECT:
        return HTTP_CONNECT;
    case CURLE_OPERATION_TIMEDOUT:
        return HTTP_TIMEOUT;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
        return HTTP_OURS;
    case CURLE_SSL_CACERT_BADFILE: /* the operator's, or the subscription's */
        return post->has_ca ? HTTP_TLS : HTTP_OURS;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_USE_SSL_FAILED:
        return HTTP_TLS;
    default:
        return HTTP_BROKEN;
    }
}

static int64_t moment(CURL *easy, CURLINFO what)
{
    curl_off_t us = 0;
    curl_easy_getinfo(easy, what, &us);
    return (int64_t)us;
}

/* curl's times are all counted from the start of its own part; ours are the duration of each. */
static void fill_times(const struct http_post *post, CURLcode code, struct http_answer *answer)
{
    CURL *easy = post->easy;
    int64_t lookup = moment(easy, CURLINFO_NAMELOOKUP_TIME_T);
    int64_t connect = moment(easy, CURLINFO_CONNECT_TIME_T);
    int64_t tls = moment(easy, CURLINFO_APPCONNECT_TIME_T);
    int64_t ready = moment(easy, CURLINFO_PRETRANSFER_TIME_T);
    int64_t first = moment(easy, CURLINFO_STARTTRANSFER_TIME_T);
    answer->dns_us = post->dns_us;
    answer->connect_us = connect > lookup ? connect - lookup : 0;
    answer->tls_us = tls > connect ? tls - connect : 0;
    answer->first_byte_us = first > ready ? first - ready : 0;
    /* Of a transfer that we end curl knows no end. */
    if (code == CURLE_ABORTED_BY_CALLBACK)
        answer->total_us = mono_diff_us(mono_now(), post->begun);
    else
        answer->total_us = post->dns_us + moment(easy, CURLINFO_TOTAL_TIME_T);
}

static const char *detail_of(const struct http_post *post, CURLcode code)
{
    if (code == CURLE_OK)
        return "The connection ended inside the head of the answer";
    return post->error[0] ? post->error : curl_easy_strerror(code);
}

static void fill_failed(const struct http_post *post, struct http_answer *answer)
{
    *answer = (struct http_answer){
        .fault = post->fault,
        .rule = post->rule,
        .detail = post->error,
        .body = "",
        .remote_ip = "",
        .dns_us = post->dns_us,
        .total_us = post->dns_us,
    };
}

void http_answer_fill(const struct http_post *post, CURLcode code, struct http_answer *ret_answer)
{
    struct http_answer *answer = ret_answer;
    long status = 0, connections = 0;
    char *ip = NULL;
    if (post->state == POST_FAILED) {
        fill_failed(post, answer);
        return;
    }
    answer->fault = fault_of(post, code);
    answer->rule = post->rule;
    answer->detail = "";
    if (answer->fault == HTTP_ANSWERED)
        curl_easy_getinfo(post->easy, CURLINFO_RESPONSE_CODE, &status);
    else
        answer->detail = detail_of(post, code);
    curl_easy_getinfo(post->easy, CURLINFO_NUM_CONNECTS, &connections);
    curl_easy_getinfo(post->easy, CURLINFO_PRIMARY_IP, &ip);
    answer->status = (int)status;
    answer->retry_after = post->reading.retry_after[0] ? post->reading.retry_after : NULL;
    answer->body = buffer_text(&post->reading.kept);
    answer->body_len = post->reading.kept.len;
    answer->headers = post->reading.headers ? post->reading.headers->all : NULL;
    answer->header_count = post->reading.headers ? post->reading.headers->count : 0;
    answer->remote_ip = ip ? ip : "";
    answer->reused = connections == 0 && ip && *ip; /* not where none was made */
    fill_times(post, code, answer);
}
