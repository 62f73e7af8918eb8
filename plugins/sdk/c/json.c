/* JSON, read in place. */
#include <stdlib.h>
#include <string.h>

#include "tollgate.h"

/* How deep objects and arrays may lie in each other. */
enum { MAX_DEPTH = 128 };

typedef struct reader {
    const char *at, *end;
} reader;

static void spaces(reader *in) {
    while (in->at < in->end && (*in->at == ' ' || *in->at == '\t' || *in->at == '\n' || *in->at == '\r'))
        in->at++;
}

static bool take(reader *in, char c) {
    if (in->at == in->end || *in->at != c) return false;
    in->at++;
    return true;
}

/* Goes behind a string. */
static bool string(reader *in) {
    if (!take(in, '"')) return false;
    while (in->at < in->end) {
        unsigned char c = (unsigned char)*in->at++;
        if (c == '"') return true;
        if (c < 0x20) return false;
        if (c == '\\' && in->at++ == in->end) return false;
    }
    return false;
}

static bool word(reader *in, const char *text) {
    size_t size = strlen(text);
    if ((size_t)(in->end - in->at) < size || memcmp(in->at, text, size)) return false;
    in->at += size;
    return true;
}

static bool digits(reader *in) {
    const char *from = in->at;
    while (in->at < in->end && *in->at >= '0' && *in->at <= '9') in->at++;
    return in->at > from;
}

static bool number(reader *in) {
    take(in, '-');
    if (!take(in, '0') && !digits(in)) return false;
    if (take(in, '.') && !digits(in)) return false;
    if (take(in, 'e') || take(in, 'E')) {
        if (!take(in, '+')) take(in, '-');
        return digits(in);
    }
    return true;
}

/* Goes behind a value. */
static bool value(reader *in, int depth) {
    if (depth > MAX_DEPTH) return false;
    spaces(in);
    if (in->at == in->end) return false;
    char open = *in->at;
    if (open == '"') return string(in);
    if (open != '{' && open != '[')
        return word(in, "true") || word(in, "false") || word(in, "null") || number(in);
    char close = open == '{' ? '}' : ']';
    in->at++;
    spaces(in);
    if (take(in, close)) return true;
    do {
        spaces(in);
        if (open == '{') {
            if (!string(in)) return false;
            spaces(in);
            if (!take(in, ':')) return false;
        }
        if (!value(in, depth + 1)) return false;
        spaces(in);
    } while (take(in, ','));
    return take(in, close);
}

/* Appends a character as UTF-8. */
static char *utf8(char *to, uint32_t c) {
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
        *to++ = (char)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        *to++ = (char)(0xe0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 63));
        *to++ = (char)(0x80 | (c & 63));
    } else {
        *to++ = (char)(0xf0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 63));
        *to++ = (char)(0x80 | (c >> 6 & 63));
        *to++ = (char)(0x80 | (c & 63));
    }
    return to;
}

static bool hex4(const char *at, const char *end, uint32_t *code) {
    if (end - at < 4) return false;
    *code = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 16;
        if (digit == 16) return false;
        *code = *code << 4 | digit;
    }
    return true;
}

/* The text of a string in its quotes. A half of a surrogate pair becomes U+FFFD. */
static bool decoded(tg_text raw, tg_text *text) {
    const char *at = raw.data + 1, *end = raw.data + raw.size - 1;
    char *data = malloc(raw.size), *to = data;
    if (!data) __builtin_trap();
    while (at < end) {
        if (*at != '\\') {
            *to++ = *at++;
            continue;
        }
        char c = at[1];
        at += 2;
        uint32_t code, low;
        switch (c) {
        case '"': case '\\': case '/': *to++ = c; break;
        case 'b': *to++ = '\b'; break;
        case 'f': *to++ = '\f'; break;
        case 'n': *to++ = '\n'; break;
        case 'r': *to++ = '\r'; break;
        case 't': *to++ = '\t'; break;
        case 'u':
            if (!hex4(at, end, &code)) return false;
            at += 4;
            if (code >= 0xd800 && code < 0xdc00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u' &&
                hex4(at + 2, end, &low) && low >= 0xdc00 && low < 0xe000) {
                code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                at += 6;
            } else if (code >= 0xd800 && code < 0xe000) {
                code = 0xfffd;
            }
            to = utf8(to, code);
            break;
        default: return false;
        }
    }
    *text = (tg_text){data, (size_t)(to - data)};
    return true;
}

/* Whether a key in its quotes is a part of a pointer, where ~1 is / and ~0 is ~. */
static bool is_key(tg_text raw, const char *part, size_t size) {
    tg_text key;
    if (!decoded(raw, &key)) return false;
    size_t at = 0, i = 0;
    for (; i < size && at < key.size; i++, at++) {
        char c = part[i];
        if (c == '~' && i + 1 < size) c = part[++i] == '1' ? '/' : '~';
        if (c != key.data[at]) return false;
    }
    return i == size && at == key.size;
}

/* Goes to the member of an object. The last of several members with the same name counts. */
static bool member(reader *in, const char *part, size_t size) {
    const char *found = NULL;
    if (!take(in, '{')) return false;
    spaces(in);
    if (take(in, '}')) return false;
    do {
        spaces(in);
        const char *key = in->at;
        if (!string(in)) return false;
        bool same = is_key((tg_text){key, (size_t)(in->at - key)}, part, size);
        spaces(in);
        if (!take(in, ':')) return false;
        spaces(in);
        if (same) found = in->at;
        if (!value(in, 0)) return false;
        spaces(in);
    } while (take(in, ','));
    if (!take(in, '}') || !found) return false;
    in->at = found;
    return true;
}

/* Goes to the item of an array. */
static bool item(reader *in, const char *part, size_t size) {
    size_t index = 0;
    for (size_t i = 0; i < size; i++) {
        if (part[i] < '0' || part[i] > '9' || index > 1000000) return false;
        index = index * 10 + (size_t)(part[i] - '0');
    }
    if (!size || !take(in, '[')) return false;
    spaces(in);
    for (; index; index--) {
        if (!value(in, 0)) return false;
        spaces(in);
        if (!take(in, ',')) return false;
        spaces(in);
    }
    return true;
}

bool tg_json_find(tg_text json, const char *pointer, tg_text *raw) {
    reader in = {json.data, json.data + json.size};
    if (!json.data) return false;
    spaces(&in);
    while (*pointer == '/') {
        const char *part = ++pointer;
        while (*pointer && *pointer != '/') pointer++;
        size_t size = (size_t)(pointer - part);
        bool is_array = in.at < in.end && *in.at == '[';
        if (!(is_array ? item(&in, part, size) : member(&in, part, size))) return false;
        spaces(&in);
    }
    const char *from = in.at;
    if (*pointer || !value(&in, 0)) return false;
    *raw = (tg_text){from, (size_t)(in.at - from)};
    return true;
}

bool tg_json_string(tg_text json, const char *pointer, tg_text *text) {
    tg_text raw;
    return tg_json_find(json, pointer, &raw) && *raw.data == '"' && decoded(raw, text);
}

bool tg_json_integer(tg_text json, const char *pointer, int64_t *number) {
    tg_text raw;
    if (!tg_json_find(json, pointer, &raw)) return false;
    bool negative = *raw.data == '-';
    uint64_t sum = 0, most = negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
    if (raw.size == (size_t)negative) return false;
    for (size_t i = negative; i < raw.size; i++) {
        char c = raw.data[i];
        if (c < '0' || c > '9') return false;
        uint64_t digit = (uint64_t)(c - '0');
        if (sum > (most - digit) / 10) return false;
        sum = sum * 10 + digit;
    }
    *number = negative ? (int64_t)(0 - sum) : (int64_t)sum;
    return true;
}

bool tg_json_bool(tg_text json, const char *pointer, bool *value) {
    tg_text raw;
    if (!tg_json_find(json, pointer, &raw)) return false;
    *value = *raw.data == 't';
    return *raw.data == 't' || *raw.data == 'f';
}

tg_text tg_json_quoted(tg_text text) {
    static const char hex[] = "0123456789abcdef";
    char *data = malloc(text.size * 6 + 2), *to = data;
    if (!data) __builtin_trap();
    *to++ = '"';
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c == '"' || c == '\\') {
            *to++ = '\\';
            *to++ = (char)c;
        } else if (c < 0x20) {
            memcpy(to, "\\u00", 4);
            to[4] = hex[c >> 4];
            to[5] = hex[c & 15];
            to += 6;
        } else {
            *to++ = (char)c;
        }
    }
    *to++ = '"';
    return (tg_text){data, (size_t)(to - data)};
}
