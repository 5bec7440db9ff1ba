# SPDX-License-Identifier: Apache-2.0
"""Events that a format may stumble over, as JSON texts, each by a name."""

import json

VALUES = [
    None, True, False, 0, -1, 1.5, 9223372036854775807, -9223372036854775808, "", "text", " blanks ", "1",
    "null", [], {}, [[]], [{}], {"": ""}]

# Where a value can stand.
PLACES = {
    "member": lambda value: {"a": value},
    "element": lambda value: {"a": ["x", value, "y"]},
    "inside": lambda value: {"a": {"b": {"c": value}}},
    "element-member": lambda value: {"a": [{"b": value}, {"b": value}]},
}

KEYS = [
    "", " ", "a b", ".", "a.b", "/", "~", "1", "1a", "-a", ":", "a:b", "xml", "XMLname", "item", "member",
    "event", "name", "type", "é", "日本", "😀", "&", "=", "a=b&c", "%41", "+", "<a>", "\"", "'", "]]>", "\t",
    "\n", "\r\n", "\u0001", "\u007f", "\u0085", "\u202e", "\uffff", "__proto__", "a" * 300]

STRINGS = {
    "controls": "".join(map(chr, range(1, 32))),
    "c1": "".join(map(chr, range(0x7f, 0xa0))),
    "nul": "a\0b",
    "noncharacters": "\ufffe\uffff\U0001ffff",
    "astral": "😀𝄞\U0010ffff",
    "bidirectional": "abc \u202eשלום\u202c \u2067مرحبا\u2069 \u200f",
    "combining": "e\u0301 \u0041\u030a ﷽",
    "byte-order-mark": "\ufeffa\ufeff",
    "line-ends": "a\r\nb\rc\nd\u2028e\u2029f",
    "blanks": "  \t a \u00a0 ",
    "markup": "<a href=\"x\">&amp;&#10;]]><![CDATA[x]]><!-- -->",
    "form": "a=b&c=d+e%20f;g",
    "long": "0123456789" * 2000,
    "long-wide": "日本語" * 3000,
}

# As they are spelled: what reads them back must get the same value.
NUMBERS = [
    "0.1", "-0.0", "1E2", "1e-7", "100.0", "1e300", "-1e-300", "5e-324", "1.7976931348623157e308",
    "0.12345678901234566", "123456789.12345679", "2.2250738585072014e-308", "9007199254740993",
    "1e15", "1e17", "1e18", "123456789012345678", "0.30000000000000004"]


def nested(depth, kind):
    """An object whose innermost container is at that depth."""
    inside = "1"
    for _ in range(depth - 1):
        inside = f"[{inside}]" if kind == "array" else f'{{"a":{inside}}}'
    return f'{{"type":"odd","a":{inside}}}'


def event(**members):
    return json.dumps({"type": "odd", **members}, ensure_ascii=False)


def make():
    odd = {}
    for place, put in PLACES.items():
        for value in VALUES:
            odd[f"{place} {json.dumps(value)[:30]}"] = event(**put(value))
    for key in KEYS:
        odd[f"key {ascii(key)[:30]}"] = json.dumps({"kind": "odd", "in": {key: {key: "v"}}}, ensure_ascii=False)
    for name, text in STRINGS.items():
        odd[f"string {name}"] = event(a=text, b=[text])
        odd[f"string {name}, escaped"] = json.dumps({"type": "odd", "a": text})
    for number in NUMBERS:
        odd[f"number {number}"] = f'{{"type":"odd","a":{number},"b":[{number}]}}'
    odd["numbers together"] = '{"type":"odd","a":[%s]}' % ",".join(NUMBERS)
    for kind in ("array", "object"):
        odd[f"as deep as may be, {kind}"] = nested(32, kind)
    odd["empty"] = "{}"
    odd["empty keys"] = '{"type":"odd","":{"":1,"a":2},"b":{"":{"":3}}}'
    odd["blanks"] = ' {\t"type" : "odd" ,"a" : [ 1 , 2 ] } '
    odd["many members"] = event(**{f"m{i}": i for i in range(2000)})
    odd["many elements"] = event(a=list(range(5000)))
    odd["denied"] = event(ccPassword="hidden-1", a={"password": "hidden-2", "b": [{"access_token": "hidden-3", "c": 1}]})
    odd["denied, spelled otherwise"] = '{"type":"odd","cc\\u0050assword":"hidden-4","Password":"shown"}'
    return odd


ODD = make()

# What is no event, and for what reason.
REFUSED = {
    "lone high surrogate": b'{"type":"odd","a":"\\ud800"}',
    "lone low surrogate": b'{"type":"odd","a":"\\udc00x"}',
    "surrogate in UTF-8": b'{"type":"odd","a":"\xed\xa0\x80"}',
    "overlong UTF-8": b'{"type":"odd","a":"\xc0\xaf"}',
    "NUL in a key": b'{"type":"odd","a\\u0000b":1}',
    "a key twice": b'{"type":"odd","a":1,"a":2}',
    "too deep": nested(33, "array").encode(),
    "beyond a double": b'{"type":"odd","a":1e400}',
    "beyond 64 bits": b'{"type":"odd","a":9223372036854775808}',
    "an array": b"[1]",
    "a byte order mark": b'\xef\xbb\xbf{"type":"odd"}',
}
