#include "dns.h"

enum {
	LABEL_MAX = 63,
	POINTER_TAG = 0xc0,
	JUMPS_MAX = 127, /* as many as a name can have labels: more serve only to make work */
	FLAG_TC = 0x0200,
};

static const char *const error_texts[] = {
	[DNS_OK] = "no error",
	[DNS_SHORT_HEADER] = "short header",
	[DNS_SHORT_NAME] = "name runs past the end",
	[DNS_LONG_NAME] = "name longer than 255 bytes",
	[DNS_BAD_LABEL] = "unknown label type",
	[DNS_BAD_POINTER] = "bad compression pointer",
	[DNS_SHORT_QUESTION] = "short question",
	[DNS_SHORT_RECORD] = "short record",
	[DNS_SHORT_RDATA] = "short record data",
	[DNS_TRAILING_BYTES] = "trailing bytes",
};

const char *dns_error_text(enum dns_error error)
{
	return error_texts[error];
}

struct name_text {
	size_t len;
	uint8_t bytes[DNS_NAME_TEXT_MAX];
};

static uint8_t *put_decimal_escape(uint8_t *to, uint8_t byte)
{
	*to++ = '\\';
	*to++ = (uint8_t)('0' + byte / 100);
	*to++ = (uint8_t)('0' + byte / 10 % 10);
	*to++ = (uint8_t)('0' + byte % 10);
	return to;
}

enum escape { PLAIN, BACKSLASH, DECIMAL };

/* What has a meaning in a master file (RFC 1035, section 5.1), and what is not printable ASCII. */
static const uint8_t escapes[256] = {
	[0 ... ' '] = DECIMAL, ['"'] = BACKSLASH, ['$'] = BACKSLASH, ['('] = BACKSLASH,	 [')'] = BACKSLASH,
	['.'] = BACKSLASH,     [';'] = BACKSLASH, ['@'] = BACKSLASH, ['\\'] = BACKSLASH, [0x7f ... 0xff] = DECIMAL,
};

static size_t escape_label(uint8_t *text, size_t len)
{
	uint8_t label[LABEL_MAX], *to = text;

	memcpy(label, text, len);
	for (size_t i = 0; i < len; i++) {
		if (escapes[label[i]] == DECIMAL) {
			to = put_decimal_escape(to, label[i]);
			continue;
		}
		if (escapes[label[i]] == BACKSLASH)
			*to++ = '\\';
		*to++ = label[i];
	}
	return (size_t)(to - text);
}

/* Copied as it is first, as nearly every label is plain. */
static void add_label(struct name_text *text, struct slice label)
{
	uint8_t *to = text->bytes + text->len, any = 0;
	size_t len = label.len;

	for (size_t i = 0; i < len; i++) {
		to[i] = label.data[i];
		any |= escapes[to[i]];
	}
	if (any)
		len = escape_label(to, len);
	to[len] = '.';
	text->len += len + 1;
}

/*
 * Reads labels up to the root or a pointer, whose first byte is then *last. *wire counts the bytes
 * of the whole name as it is without compression, of which the end takes at least one. No text:
 * only moves.
 */
static inline enum dns_error read_labels(struct cursor *c, struct name_text *text, size_t *wire, uint8_t *last)
{
	struct slice label;

	for (;;) {
		uint8_t len = cursor_u8(c);

		if (len == 0 || len >= POINTER_TAG) {
			*last = len;
			return c->failed ? DNS_SHORT_NAME : DNS_OK;
		}
		if (len > LABEL_MAX)
			return DNS_BAD_LABEL;
		label = cursor_bytes(c, len);
		if (c->failed)
			return DNS_SHORT_NAME;
		*wire += 1u + len;
		if (*wire >= DNS_NAME_MAX)
			return DNS_LONG_NAME;
		if (text)
			add_label(text, label);
	}
}

/*
 * A pointer leads to an earlier name (RFC 1035, section 4.1.4), so below `start`, where the labels
 * in front of it began, and never into the header.
 */
static enum dns_error read_pointer(struct cursor *c, uint8_t first, size_t start, size_t *target)
{
	size_t at = (size_t)(first & ~POINTER_TAG) << 8 | cursor_u8(c);

	if (c->failed)
		return DNS_SHORT_NAME;
	if (at < DNS_HEADER_SIZE || at >= start)
		return DNS_BAD_POINTER;
	*target = at;
	return DNS_OK;
}

enum dns_error dns_skip_name(struct cursor *c)
{
	size_t start = c->pos, wire = 0, target;
	uint8_t last;
	enum dns_error error = read_labels(c, NULL, &wire, &last);

	if (error || last == 0)
		return error;
	return read_pointer(c, last, start, &target);
}

static void finish_name(struct name_text *text, struct buf *out)
{
	if (text->len == 0)
		text->bytes[text->len++] = '.';
	buf_add(out, text->bytes, text->len);
}

enum dns_error dns_name_text(struct slice message, size_t *at, struct buf *out)
{
	struct cursor c = cursor_of(message);
	struct name_text text;
	size_t start = *at, wire = 0, end = 0;
	enum dns_error error;
	uint8_t last;

	if (start > message.len)
		return DNS_SHORT_NAME;
	text.len = 0;
	for (unsigned jumps = 0; jumps <= JUMPS_MAX; jumps++) {
		c.pos = start;
		error = read_labels(&c, &text, &wire, &last);
		if (!error && last)
			error = read_pointer(&c, last, start, &start);
		if (error)
			return error;
		if (jumps == 0)
			end = c.pos;
		if (last)
			continue;
		finish_name(&text, out);
		*at = end;
		return DNS_OK;
	}
	return DNS_BAD_POINTER;
}

enum dns_error dns_qname_text(struct slice qname, struct buf *out)
{
	struct cursor c = cursor_of(qname);
	struct name_text text;
	size_t wire = 0;
	enum dns_error error;
	uint8_t last;

	text.len = 0;
	error = read_labels(&c, &text, &wire, &last);
	if (error)
		return error;
	if (last)
		return DNS_BAD_POINTER;
	if (cursor_left(&c))
		return DNS_TRAILING_BYTES;
	finish_name(&text, out);
	return DNS_OK;
}

static bool is_digit(uint8_t byte)
{
	return byte >= '0' && byte <= '9';
}

/* Behind a backslash: three digits for any byte, or the byte itself. */
static bool read_escape(struct cursor *c, uint8_t *out)
{
	uint8_t byte = cursor_u8(c);
	unsigned value = 0;

	if (!is_digit(byte)) {
		*out = byte;
		return !c->failed;
	}
	for (int digits = 1;; digits++) {
		value = value * 10 + byte - '0';
		if (digits == 3)
			break;
		byte = cursor_u8(c);
		if (!is_digit(byte))
			return false;
	}
	*out = (uint8_t)value;
	return value <= UINT8_MAX;
}

/* `start` is the place of the open label's length byte, always in bounds; `n` is the label's end.
 */
size_t dns_name_from_text(struct slice text, uint8_t *out)
{
	struct cursor c = cursor_of(text);
	size_t start = 0, n = 1;

	if (slice_eq(text, slice_of(".", 1))) {
		out[0] = 0;
		return 1;
	}
	while (cursor_left(&c)) {
		uint8_t byte = cursor_u8(&c);

		if (byte == '.') {
			if (n == start + 1)
				return 0;
			out[start] = (uint8_t)(n - start - 1);
			start = n++;
			continue;
		}
		if (byte == '\\' && !read_escape(&c, &byte))
			return 0;
		if (n - start > LABEL_MAX || n > DNS_NAME_MAX - 2)
			return 0;
		out[n++] = byte;
	}
	if (n > start + 1) {
		out[start] = (uint8_t)(n - start - 1);
		start = n;
	}
	out[start] = 0;
	return start ? start + 1 : 0;
}

enum dns_error dns_read_header(struct cursor *c, struct dns_header *out)
{
	struct dns_header h;

	h.id = cursor_u16(c);
	h.flags = cursor_u16(c);
	h.qdcount = cursor_u16(c);
	h.ancount = cursor_u16(c);
	h.nscount = cursor_u16(c);
	h.arcount = cursor_u16(c);
	if (c->failed)
		return DNS_SHORT_HEADER;
	*out = h;
	return DNS_OK;
}

enum dns_error dns_read_question(struct cursor *c, struct dns_question *out)
{
	struct cursor name = *c;
	struct dns_question q;
	size_t wire = 0;
	uint8_t last;
	enum dns_error error = read_labels(c, NULL, &wire, &last);

	if (error)
		return error;
	if (last)
		return DNS_BAD_POINTER;
	q.qname = cursor_bytes(&name, wire + 1);
	q.qtype = cursor_u16(c);
	q.qclass = cursor_u16(c);
	if (c->failed)
		return DNS_SHORT_QUESTION;
	*out = q;
	return DNS_OK;
}

enum dns_error dns_read_record(struct cursor *c, struct dns_record *out)
{
	struct dns_record r = { .name_at = c->pos };
	enum dns_error error = dns_skip_name(c);

	if (error)
		return error;
	r.type = cursor_u16(c);
	r.class = cursor_u16(c);
	r.ttl = cursor_u32(c);
	r.rdlength = cursor_u16(c);
	if (c->failed)
		return DNS_SHORT_RECORD;
	r.rdata_at = c->pos;
	cursor_bytes(c, r.rdlength);
	if (c->failed)
		return DNS_SHORT_RDATA;
	*out = r;
	return DNS_OK;
}

static enum dns_error skip_further_questions(struct cursor *c, unsigned nr)
{
	enum dns_error error = DNS_OK;

	while (nr-- > 0 && !error) {
		error = dns_skip_name(c);
		cursor_bytes(c, 4);
		if (!error && c->failed)
			error = DNS_SHORT_QUESTION;
	}
	return error;
}

static enum dns_error scan_records(struct cursor *c, struct dns_scan *out)
{
	const struct dns_header *h = &out->header;
	unsigned nr = (unsigned)h->ancount + h->nscount + h->arcount;
	unsigned rcode_high = 0;
	struct dns_record r;
	enum dns_error error;

	for (unsigned i = 0; i < nr; i++) {
		error = dns_read_record(c, &r);
		if (error)
			return error;
		if (r.type == DNS_TYPE_OPT) {
			rcode_high = r.ttl >> 24;
			continue;
		}
		out->records++;
		/* A TTL with its top bit set counts as 0 (RFC 2181, section 8). */
		if (r.ttl <= INT32_MAX && r.ttl > out->ttl_max)
			out->ttl_max = r.ttl;
	}
	out->rcode = (uint16_t)(rcode_high << 4 | dns_header_rcode(h));
	return DNS_OK;
}

enum dns_error dns_scan(struct slice message, struct dns_scan *out)
{
	struct cursor c = cursor_of(message);
	const struct dns_header *h = &out->header;
	enum dns_error error;

	*out = (struct dns_scan){ 0 };
	error = dns_read_header(&c, &out->header);
	if (error)
		return error;
	out->rcode = (uint16_t)dns_header_rcode(h);
	out->is_truncated = h->flags & FLAG_TC;
	if (h->qdcount) {
		error = dns_read_question(&c, &out->question);
		if (error)
			return error;
		out->has_question = true;
	}
	if (!h->ancount && !h->nscount && !h->arcount)
		return DNS_OK;
	error = h->qdcount > 1 ? skip_further_questions(&c, h->qdcount - 1u) : DNS_OK;
	return error ? error : scan_records(&c, out);
}
