/*
 * dns - reader for DNS messages (RFC 1035, section 4). Bytes in, values out; nothing is copied: slices borrow from the
 * message and live as long as it. Compression pointers may only point backwards, and their number is bounded, so no
 * message can make the reader loop.
 */
#pragma once

#include "base/buf.h"
#include "base/cursor.h"

enum {
	DNS_HEADER_SIZE = 12,
	DNS_NAME_MAX = 255,	  /* on the wire, with the root's zero byte (RFC 1035, section 2.3.4) */
	DNS_NAME_TEXT_MAX = 1024, /* every byte escaped as \DDD */
	DNS_TYPE_OPT = 41,
	DNS_RCODE_NOERROR = 0,
	DNS_RCODE_SERVFAIL = 2,
	DNS_RCODE_NXDOMAIN = 3,
};

/* Why a message was not read; dns_error_text() gives the words that stand as "Error" in the record. */
enum dns_error {
	DNS_OK,
	DNS_SHORT_HEADER,
	DNS_SHORT_NAME,
	DNS_LONG_NAME,
	DNS_BAD_LABEL,
	DNS_BAD_POINTER,
	DNS_SHORT_QUESTION,
	DNS_SHORT_RECORD,
	DNS_SHORT_RDATA,
	DNS_TRAILING_BYTES,
};

const char *dns_error_text(enum dns_error error);

struct dns_header {
	uint16_t id;
	uint16_t flags; /* QR, Opcode, AA, TC, RD, RA, Z, AD, CD, RCODE, from the top bit down */
	uint16_t qdcount, ancount, nscount, arcount;
};

static inline bool dns_is_response(const struct dns_header *h)
{
	return h->flags & 0x8000;
}

static inline unsigned dns_opcode(const struct dns_header *h)
{
	return h->flags >> 11 & 15;
}

static inline unsigned dns_header_rcode(const struct dns_header *h)
{
	return h->flags & 15;
}

struct dns_question {
	struct slice qname; /* wire form, uncompressed, with the root's zero byte */
	uint16_t qtype, qclass;
};

/* One resource record. name_at and rdata_at are offsets into the message, for names that may be compressed. */
struct dns_record {
	size_t name_at;
	size_t rdata_at;
	uint16_t type, class, rdlength;
	uint32_t ttl;
};

/* All of a message that joining and classifying need. */
struct dns_scan {
	struct dns_header header;
	bool has_question; /* the first one, if QDCOUNT > 0 and it could be read */
	struct dns_question question;
	uint16_t rcode;	   /* twelve bits: the OPT record's eight above the header's four (RFC 6891, 6.1.3) */
	uint32_t ttl_max;  /* the largest TTL of all records but OPT */
	uint32_t records;  /* number of records but OPT */
	bool is_truncated; /* TC */
};

/*
 * Reads header, first question and all records. Header and question are filled in as far as they could be read, also
 * on error; out->header is valid unless DNS_SHORT_HEADER. Records are not walked in a message without any.
 */
enum dns_error dns_scan(struct slice message, struct dns_scan *out);

/* Steps for a whole walk: the cursor stands over the message. Each returns DNS_OK or why it failed. */
enum dns_error dns_read_header(struct cursor *c, struct dns_header *out);
enum dns_error dns_read_question(struct cursor *c, struct dns_question *out);
enum dns_error dns_read_record(struct cursor *c, struct dns_record *out);

/* Moves over a name that may be compressed, without following pointers. */
enum dns_error dns_skip_name(struct cursor *c);

/*
 * Writes the name that begins at *at as a master file would (RFC 1035, section 5.1: `\.` for a dot in a label, `\DDD`
 * for bytes outside printable ASCII, `"`, `;`, `(`, `)`, `@`, `$` and `\` escaped), with its final dot, and moves *at
 * behind it. Pointers are followed.
 */
enum dns_error dns_name_text(struct slice message, size_t *at, struct buf *out);

/* The same for a name in its own bytes, without compression. */
enum dns_error dns_qname_text(struct slice qname, struct buf *out);

/*
 * The way back: a name in master-file form, with or without its final dot, to wire form in out (room for DNS_NAME_MAX
 * bytes). Returns its length, or 0 if it is no name.
 */
size_t dns_name_from_text(struct slice text, uint8_t *out);
