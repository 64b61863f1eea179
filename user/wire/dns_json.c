#include "dns_json.h"

#include "iana.h"
#include "rdata.h"

/*
 * Most of the program's time goes into these lines. So what stands between names and data is put
 * together on the stack, where the sizes are constants, and appended as one; and a name that stands
 * in the message again is copied as text.
 */

enum { RECORD_FIXED = 10 /* from TYPE to RDLENGTH */ };

#define PUT(to, literal) put((to), "" literal, sizeof(literal) - 1)

static inline char *put(char *to, const void *from, size_t len)
{
	memcpy(to, from, len);
	return to + len;
}

static inline char *put_str(char *to, const char *s)
{
	while (*s)
		*to++ = *s++;
	return to;
}

static inline char *put_uint(char *to, uint32_t value)
{
	unsigned digits = 1;

	for (uint32_t rest = value; rest >= 10; rest /= 10)
		digits++;
	for (char *at = to + digits; at > to; value /= 10)
		*--at = (char)('0' + value % 10);
	return to + digits;
}

#define PUT_FLAG(to, key, bit) put_flag(PUT((to), ",\"" key "\":0"), (bit))
#define PUT_UINT(to, key, value) put_uint(PUT((to), ",\"" key "\":"), (value))

static inline char *put_flag(char *to, bool bit)
{
	to[-1] = (char)('0' + bit);
	return to;
}

/* The mnemonic, or as in RFC 3597 the prefix and the number. */
static inline char *put_mnemonic(char *to, const char *name, const char *prefix, uint16_t value)
{
	return name ? put_str(to, name) : put_uint(put_str(to, prefix), value);
}

/* A name that was written: its bytes in the message, and where its text stands in the output. */
struct known_name {
	struct slice wire;
	size_t at, len;
};

/* `question` is known if it is the only one; `owner` is the last name that was another. */
struct walk {
	struct slice message;
	struct cursor c;
	struct buf *out;
	struct known_name question, owner;
};

static const uint8_t pointer_to_question[] = { 0xc0, DNS_HEADER_SIZE };

static bool has_byte(const struct buf *out, size_t from, char byte)
{
	return out->len > from && memchr(out->data + from, byte, out->len - from);
}

/* The text behind `from` is printable ASCII, so that only `\` and `"` need escapes. */
static void escape_from(struct buf *out, size_t from)
{
	size_t end = out->len, extra = 0;
	uint8_t *text = out->data;

	for (size_t i = from; i < end; i++)
		extra += text[i] == '\\' || text[i] == '"';
	if (!buf_reserve(out, extra))
		return;
	text = out->data;
	out->len += extra;
	for (size_t to = out->len; to > end;) {
		uint8_t byte = text[--end];

		text[--to] = byte;
		if (byte == '\\' || byte == '"')
			text[--to] = '\\';
	}
}

static enum dns_error add_name(struct walk *w, size_t *at, struct known_name *known)
{
	size_t from = *at;
	enum dns_error error;

	known->at = w->out->len;
	error = dns_name_text(w->message, at, w->out);
	if (error)
		return error;
	/* Quotes have a backslash before them in names. */
	if (has_byte(w->out, known->at, '\\'))
		escape_from(w->out, known->at);
	known->len = w->out->len - known->at;
	known->wire = slice_of(w->message.data + from, *at - from);
	return DNS_OK;
}

static void add_again(struct buf *out, const struct known_name *known)
{
	if (buf_reserve(out, known->len)) {
		memcpy(out->data + out->len, out->data + known->at, known->len);
		out->len += known->len;
	}
}

/* Equal bytes in one message are equal names, be they compressed or not. */
static enum dns_error add_owner(struct walk *w, size_t at, size_t end)
{
	struct slice wire = slice_of(w->message.data + at, end - at);
	bool is_pointer = w->question.wire.len && slice_eq(wire, slice_of(pointer_to_question, 2));

	if (is_pointer || slice_eq(wire, w->question.wire))
		add_again(w->out, &w->question);
	else if (slice_eq(wire, w->owner.wire))
		add_again(w->out, &w->owner);
	else
		return add_name(w, &at, &w->owner);
	return DNS_OK;
}

#define HEADER_LONGEST                                                                         \
	"{'ID':65535,'QR':1,'Opcode':15,'AA':1,'TC':1,'RD':1,'RA':1,'AD':1,'CD':1,'RCODE':15," \
	"'QDCOUNT':65535,'ANCOUNT':65535,'NSCOUNT':65535,'ARCOUNT':65535"

static void add_header(const struct dns_header *h, struct buf *out)
{
	char text[sizeof(HEADER_LONGEST)], *to = text;

	to = put_uint(PUT(to, "{\"ID\":"), h->id);
	to = PUT_FLAG(to, "QR", h->flags & 0x8000);
	to = PUT_UINT(to, "Opcode", dns_opcode(h));
	to = PUT_FLAG(to, "AA", h->flags & 0x0400);
	to = PUT_FLAG(to, "TC", h->flags & 0x0200);
	to = PUT_FLAG(to, "RD", h->flags & 0x0100);
	to = PUT_FLAG(to, "RA", h->flags & 0x0080);
	to = PUT_FLAG(to, "AD", h->flags & 0x0020);
	to = PUT_FLAG(to, "CD", h->flags & 0x0010);
	to = PUT_UINT(to, "RCODE", dns_header_rcode(h));
	to = PUT_UINT(to, "QDCOUNT", h->qdcount);
	to = PUT_UINT(to, "ANCOUNT", h->ancount);
	to = PUT_UINT(to, "NSCOUNT", h->nscount);
	to = PUT_UINT(to, "ARCOUNT", h->arcount);
	buf_add(out, text, (size_t)(to - text));
}

static enum dns_error read_question(struct walk *w, struct known_name *known, uint16_t *type, uint16_t *class)
{
	enum dns_error error = add_name(w, &w->c.pos, known);

	*type = cursor_u16(&w->c);
	*class = cursor_u16(&w->c);
	if (!error && w->c.failed)
		error = DNS_SHORT_QUESTION;
	return error;
}

#define QUESTION_LONGEST "','QTYPE':65535,'QTYPEname':'NSEC3PARAM','QCLASS':65535,'QCLASSname':'CLASS65535'"

static enum dns_error add_only_question(struct walk *w)
{
	char text[sizeof(QUESTION_LONGEST)], *to = text;
	uint16_t type, class;
	enum dns_error error;

	buf_add_lit(w->out, ",\"QNAME\":\"");
	error = read_question(w, &w->question, &type, &class);
	if (error)
		return error;
	to = put_uint(PUT(to, "\",\"QTYPE\":"), type);
	to = put_mnemonic(PUT(to, ",\"QTYPEname\":\""), iana_type_name(type), "TYPE", type);
	to = put_uint(PUT(to, "\",\"QCLASS\":"), class);
	to = put_mnemonic(PUT(to, ",\"QCLASSname\":\""), iana_class_name(class), "CLASS", class);
	to = PUT(to, "\"");
	buf_add(w->out, text, (size_t)(to - text));
	return DNS_OK;
}

#define TYPE_AND_CLASS_LONGEST "','TYPE':65535,'TYPEname':'NSEC3PARAM','CLASS':65535,'CLASSname':'CLASS65535'"

/* What follows a name in questions and records alike. */
static char *put_type_and_class(char *to, uint16_t type, uint16_t class)
{
	to = put_uint(PUT(to, "\",\"TYPE\":"), type);
	to = put_mnemonic(PUT(to, ",\"TYPEname\":\""), iana_type_name(type), "TYPE", type);
	to = put_uint(PUT(to, "\",\"CLASS\":"), class);
	/* OPT has the size of UDP messages in this place (RFC 6891, section 6.1.2). */
	if (type == DNS_TYPE_OPT)
		return to;
	to = put_mnemonic(PUT(to, ",\"CLASSname\":\""), iana_class_name(class), "CLASS", class);
	return PUT(to, "\"");
}

static enum dns_error add_question(struct walk *w)
{
	char text[sizeof(TYPE_AND_CLASS_LONGEST "}")], *to;
	uint16_t type, class;
	enum dns_error error;

	buf_add_lit(w->out, "{\"NAME\":\"");
	error = read_question(w, &w->owner, &type, &class);
	if (error)
		return error;
	to = PUT(put_type_and_class(text, type, class), "}");
	buf_add(w->out, text, (size_t)(to - text));
	return DNS_OK;
}

static void add_rdata(const struct walk *w, const struct dns_record *r)
{
	const char *member = rdata_member(r->type);
	struct buf *out = w->out;
	size_t len = out->len, from;

	if (member) {
		buf_add_lit(out, ",\"");
		buf_add_str(out, member);
		buf_add_lit(out, "\":\"");
		from = out->len;
		if (rdata_text(w->message, r, out) == DNS_OK) {
			if (has_byte(out, from, '"') || has_byte(out, from, '\\'))
				escape_from(out, from);
			buf_add_lit(out, "\"}");
			return;
		}
		out->len = len;
	}
	buf_add_lit(out, ",\"RDATAHEX\":\"");
	buf_add_hex(out, slice_of(w->message.data + r->rdata_at, r->rdlength));
	buf_add_lit(out, "\"}");
}

static enum dns_error add_record(struct walk *w)
{
	char text[sizeof(TYPE_AND_CLASS_LONGEST ",'TTL':4294967295,'RDLENGTH':65535")], *to;
	struct dns_record r;
	enum dns_error error = dns_read_record(&w->c, &r);

	if (error)
		return error;
	buf_add_lit(w->out, "{\"NAME\":\"");
	error = add_owner(w, r.name_at, r.rdata_at - RECORD_FIXED);
	if (error)
		return error;
	to = put_type_and_class(text, r.type, r.class);
	to = PUT_UINT(to, "TTL", r.ttl);
	to = PUT_UINT(to, "RDLENGTH", r.rdlength);
	buf_add(w->out, text, (size_t)(to - text));
	add_rdata(w, &r);
	return DNS_OK;
}

static enum dns_error add_array(struct walk *w, unsigned nr, enum dns_error (*add)(struct walk *))
{
	enum dns_error error = DNS_OK;

	for (unsigned i = 0; i < nr && !error; i++) {
		buf_add_byte(w->out, i ? ',' : '[');
		error = add(w);
	}
	buf_add_byte(w->out, ']');
	return error;
}

static enum dns_error add_questions(struct walk *w, unsigned nr)
{
	if (nr == 0)
		return DNS_OK;
	if (nr == 1)
		return add_only_question(w);
	buf_add_lit(w->out, ",\"questionRRs\":");
	return add_array(w, nr, add_question);
}

static enum dns_error add_records(struct walk *w, const struct dns_header *h)
{
	enum dns_error error = DNS_OK;

	if (h->ancount) {
		buf_add_lit(w->out, ",\"answerRRs\":");
		error = add_array(w, h->ancount, add_record);
	}
	if (h->nscount && !error) {
		buf_add_lit(w->out, ",\"authorityRRs\":");
		error = add_array(w, h->nscount, add_record);
	}
	if (h->arcount && !error) {
		buf_add_lit(w->out, ",\"additionalRRs\":");
		error = add_array(w, h->arcount, add_record);
	}
	return error;
}

static enum dns_error add_message(struct slice message, struct buf *out)
{
	struct walk w = { .message = message, .c = cursor_of(message), .out = out };
	struct dns_header h;
	enum dns_error error = dns_read_header(&w.c, &h);

	if (error)
		return error;
	add_header(&h, out);
	error = add_questions(&w, h.qdcount);
	if (!error)
		error = add_records(&w, &h);
	if (error)
		return error;
	if (cursor_left(&w.c)) {
		buf_add_lit(out, ",\"Error\":\"");
		buf_add_str(out, dns_error_text(DNS_TRAILING_BYTES));
		buf_add_byte(out, '"');
	}
	buf_add_byte(out, '}');
	return DNS_OK;
}

void dns_json(struct json *j, struct slice message)
{
	struct buf *out = j->out, before;
	enum dns_error error;

	if (message.len == 0) {
		json_nothing(j);
		return;
	}
	json_separate(j);
	before = *out;
	error = add_message(message, out);
	if (!error)
		return;
	/* Back to where the value began; what did not fit may have been longer than this. */
	out->len = before.len;
	out->failed = before.failed;
	j->comma = false;
	json_object_begin(j);
	json_key(j, "messageOctetsHEX");
	json_hex(j, message);
	json_key(j, "Error");
	json_str(j, dns_error_text(error));
	json_object_end(j);
}
