#include "rdata.h"

#include "base/addr.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* The fields of a record's data; a form is a string of them. A blank stands between them in text.
 */
enum field {
	FIELD_U8 = '1',
	FIELD_U16 = '2',
	FIELD_U32 = '4',
	FIELD_IPV4 = 'a',
	FIELD_IPV6 = '6',
	FIELD_NAME = 'n',    /* may be compressed */
	FIELD_STRING = 's',  /* a character string, quoted */
	FIELD_TAG = 't',     /* a character string, a bare word */
	FIELD_STRINGS = 'S', /* these take what is left: one character string or more, */
	FIELD_QUOTED = 'q',  /* text, */
	FIELD_HEX = 'x',
	FIELD_BASE64 = 'b',
	FIELD_PARAMS = 'p', /* SvcParams, none or more */
};

struct form {
	const char *member;
	const char *fields;
};

static const struct form forms[] = {
	[1] = { "rdataA", "a" },	   [2] = { "rdataNS", "n" },	  [5] = { "rdataCNAME", "n" },
	[6] = { "rdataSOA", "nn44444" },   [12] = { "rdataPTR", "n" },	  [15] = { "rdataMX", "2n" },
	[16] = { "rdataTXT", "S" },	   [28] = { "rdataAAAA", "6" },	  [33] = { "rdataSRV", "222n" },
	[35] = { "rdataNAPTR", "22sssn" }, [39] = { "rdataDNAME", "n" },  [43] = { "rdataDS", "211x" },
	[48] = { "rdataDNSKEY", "211b" },  [64] = { "rdataSVCB", "2np" }, [65] = { "rdataHTTPS", "2np" },
	[99] = { "rdataSPF", "S" },	   [257] = { "rdataCAA", "1tq" },
};

const char *rdata_member(uint16_t type)
{
	return type < COUNT(forms) ? forms[type].member : NULL;
}

static enum dns_error state(const struct cursor *c)
{
	return c->failed ? DNS_SHORT_RDATA : DNS_OK;
}

/* All that is left; a form that ends with it must have some. */
static struct slice take_rest(struct cursor *c)
{
	struct slice rest = cursor_bytes(c, cursor_left(c));

	if (rest.len == 0)
		c->failed = true;
	return rest;
}

static enum dns_error add_address(struct cursor *c, uint8_t len, struct buf *out)
{
	struct slice bytes = cursor_bytes(c, len);
	struct addr a = { .len = len };

	if (c->failed)
		return DNS_SHORT_RDATA;
	/* Not addr_from_bytes(), which turns mapped IPv6 into IPv4: this is an AAAA record. */
	memcpy(a.ip, bytes.data, len);
	addr_print(&a, out);
	return DNS_OK;
}

static enum dns_error add_name(struct cursor *c, struct buf *out)
{
	return dns_name_text(slice_of(c->data, c->len), &c->pos, out);
}

/* The inside of a quoted string (RFC 1035, section 5.1). */
static void add_escaped_byte(uint8_t byte, struct buf *out)
{
	if (byte < ' ' || byte > '~') {
		buf_add_byte(out, '\\');
		buf_add_padded(out, byte, 3);
		return;
	}
	if (byte == '"' || byte == '\\')
		buf_add_byte(out, '\\');
	buf_add_byte(out, byte);
}

static void add_quoted(struct slice bytes, struct buf *out)
{
	struct cursor c = cursor_of(bytes);

	buf_add_byte(out, '"');
	while (cursor_left(&c))
		add_escaped_byte(cursor_u8(&c), out);
	buf_add_byte(out, '"');
}

static enum dns_error add_string(struct cursor *c, struct buf *out)
{
	struct slice bytes = cursor_bytes(c, cursor_u8(c));

	add_quoted(bytes, out);
	return state(c);
}

static enum dns_error add_strings(struct cursor *c, struct buf *out)
{
	enum dns_error error = add_string(c, out);

	while (!error && cursor_left(c)) {
		buf_add_byte(out, ' ');
		error = add_string(c, out);
	}
	return error;
}

/* CAA's tag: letters and digits, at least one (RFC 8659, section 4.1). */
static enum dns_error add_tag(struct cursor *c, struct buf *out)
{
	struct slice bytes = cursor_bytes(c, cursor_u8(c));
	struct cursor tag = cursor_of(bytes);

	while (cursor_left(&tag)) {
		uint8_t byte = cursor_u8(&tag);

		if ((byte < '0' || byte > '9') && ((byte | 0x20) < 'a' || (byte | 0x20) > 'z'))
			return DNS_BAD_LABEL;
	}
	buf_add(out, bytes.data, bytes.len);
	return bytes.len ? state(c) : DNS_SHORT_RDATA;
}

static void add_base64(struct slice bytes, struct buf *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	struct cursor c = cursor_of(bytes);
	size_t left;

	while ((left = cursor_left(&c)) > 0) {
		uint32_t group = (uint32_t)cursor_u8(&c) << 16;

		if (left > 1)
			group |= (uint32_t)cursor_u8(&c) << 8;
		if (left > 2)
			group |= cursor_u8(&c);
		buf_add_byte(out, (uint8_t)digits[group >> 18]);
		buf_add_byte(out, (uint8_t)digits[group >> 12 & 63]);
		buf_add_byte(out, left > 1 ? (uint8_t)digits[group >> 6 & 63] : '=');
		buf_add_byte(out, left > 2 ? (uint8_t)digits[group & 63] : '=');
	}
}

/* How the value of a SvcParam is written (RFC 9460, sections 7 and 8). */
enum param_form {
	PARAM_TEXT,
	PARAM_NONE,
	PARAM_KEYS,
	PARAM_ALPN,
	PARAM_PORT,
	PARAM_IPV4,
	PARAM_IPV6,
	PARAM_BASE64,
};

/* SvcParamKeys by number (RFC 9460, section 14.3.2; dohpath RFC 9461, ohttp RFC 9540). */
static const struct {
	const char *name;
	enum param_form form;
} params[] = {
	{ "mandatory", PARAM_KEYS }, { "alpn", PARAM_ALPN },	 { "no-default-alpn", PARAM_NONE },
	{ "port", PARAM_PORT },	     { "ipv4hint", PARAM_IPV4 }, { "ech", PARAM_BASE64 },
	{ "ipv6hint", PARAM_IPV6 },  { "dohpath", PARAM_TEXT },	 { "ohttp", PARAM_NONE },
};

static void add_param_key(uint16_t key, struct buf *out)
{
	if (key < COUNT(params)) {
		buf_add_str(out, params[key].name);
		return;
	}
	buf_add_lit(out, "key");
	buf_add_uint(out, key);
}

/* In a list the comma is escaped, and then the backslash as in any string (appendix A.1). */
static enum dns_error add_alpn_id(struct cursor *c, struct buf *out)
{
	struct slice bytes = cursor_bytes(c, cursor_u8(c));
	struct cursor id = cursor_of(bytes);

	while (cursor_left(&id)) {
		uint8_t byte = cursor_u8(&id);

		if (byte == ',' || byte == '\\')
			buf_add_lit(out, "\\\\");
		add_escaped_byte(byte, out);
	}
	return bytes.len ? state(c) : DNS_SHORT_RDATA;
}

static enum dns_error add_param_item(enum param_form form, struct cursor *value, struct buf *out)
{
	if (form == PARAM_ALPN)
		return add_alpn_id(value, out);
	if (form == PARAM_IPV4)
		return add_address(value, 4, out);
	if (form == PARAM_IPV6)
		return add_address(value, 16, out);
	if (form == PARAM_KEYS)
		add_param_key(cursor_u16(value), out);
	else
		buf_add_uint(out, cursor_u16(value));
	return state(value);
}

static enum dns_error add_param_list(enum param_form form, struct cursor *value, struct buf *out)
{
	enum dns_error error = add_param_item(form, value, out);

	while (!error && cursor_left(value)) {
		if (form == PARAM_PORT)
			return DNS_TRAILING_BYTES;
		buf_add_byte(out, ',');
		error = add_param_item(form, value, out);
	}
	return error;
}

static enum dns_error add_param_value(enum param_form form, struct slice value, struct buf *out)
{
	struct cursor c = cursor_of(value);
	enum dns_error error;

	if (form == PARAM_NONE)
		return value.len ? DNS_TRAILING_BYTES : DNS_OK;
	if (form == PARAM_TEXT && value.len == 0)
		return DNS_OK;
	buf_add_byte(out, '=');
	if (form == PARAM_TEXT) {
		add_quoted(value, out);
		return DNS_OK;
	}
	if (form == PARAM_BASE64) {
		add_base64(value, out);
		return value.len ? DNS_OK : DNS_SHORT_RDATA;
	}
	if (form != PARAM_ALPN)
		return add_param_list(form, &c, out);
	buf_add_byte(out, '"');
	error = add_param_list(form, &c, out);
	buf_add_byte(out, '"');
	return error;
}

static enum dns_error add_params(struct cursor *c, struct buf *out)
{
	while (cursor_left(c)) {
		uint16_t key = cursor_u16(c);
		struct slice value = cursor_bytes(c, cursor_u16(c));
		enum param_form form = key < COUNT(params) ? params[key].form : PARAM_TEXT;
		enum dns_error error = state(c);

		if (error)
			return error;
		buf_add_byte(out, ' ');
		add_param_key(key, out);
		error = add_param_value(form, value, out);
		if (error)
			return error;
	}
	return DNS_OK;
}

static enum dns_error add_field(enum field field, struct cursor *c, struct buf *out)
{
	switch (field) {
	case FIELD_U8:
		buf_add_uint(out, cursor_u8(c));
		break;
	case FIELD_U16:
		buf_add_uint(out, cursor_u16(c));
		break;
	case FIELD_U32:
		buf_add_uint(out, cursor_u32(c));
		break;
	case FIELD_IPV4:
		return add_address(c, 4, out);
	case FIELD_IPV6:
		return add_address(c, 16, out);
	case FIELD_NAME:
		return add_name(c, out);
	case FIELD_STRING:
		return add_string(c, out);
	case FIELD_STRINGS:
		return add_strings(c, out);
	case FIELD_TAG:
		return add_tag(c, out);
	case FIELD_QUOTED:
		add_quoted(cursor_bytes(c, cursor_left(c)), out);
		break;
	case FIELD_HEX:
		buf_add_hex(out, take_rest(c));
		break;
	case FIELD_BASE64:
		add_base64(take_rest(c), out);
		break;
	case FIELD_PARAMS:
		return add_params(c, out);
	}
	return state(c);
}

enum dns_error rdata_text(struct slice message, const struct dns_record *record, struct buf *out)
{
	size_t end = record->rdata_at + record->rdlength, len = out->len;
	enum dns_error error = DNS_OK;
	const char *fields = forms[record->type].fields;
	struct cursor c;

	if (end > message.len)
		return DNS_SHORT_RDATA;
	/* Up to the end of the record's data, and from the start: names may point there. */
	c = cursor_of(slice_of(message.data, end));
	c.pos = record->rdata_at;
	for (const char *field = fields; *field && !error; field++) {
		/* SvcParams bring their own blanks: there may be none of them. */
		if (field != fields && *field != FIELD_PARAMS)
			buf_add_byte(out, ' ');
		error = add_field((enum field) * field, &c, out);
	}
	if (!error && cursor_left(&c))
		error = DNS_TRAILING_BYTES;
	if (error)
		out->len = len;
	return error;
}
