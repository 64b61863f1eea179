#include "iana.h"

#include <strings.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

struct mnemonic {
	uint8_t len; /* 0: the value is unassigned */
	char text[11];
};

#define M(literal)                           \
	{                                    \
		sizeof(literal) - 1, literal \
	}

/* "Resource Record (RR) TYPEs" of the registry; 255 is `*` there, which everybody writes ANY. */
static const struct mnemonic types[] = {
	[1] = M("A"),		[2] = M("NS"),	      [3] = M("MD"),	    [4] = M("MF"),	 [5] = M("CNAME"),
	[6] = M("SOA"),		[7] = M("MB"),	      [8] = M("MG"),	    [9] = M("MR"),	 [10] = M("NULL"),
	[11] = M("WKS"),	[12] = M("PTR"),      [13] = M("HINFO"),    [14] = M("MINFO"),	 [15] = M("MX"),
	[16] = M("TXT"),	[17] = M("RP"),	      [18] = M("AFSDB"),    [19] = M("X25"),	 [20] = M("ISDN"),
	[21] = M("RT"),		[22] = M("NSAP"),     [23] = M("NSAP-PTR"), [24] = M("SIG"),	 [25] = M("KEY"),
	[26] = M("PX"),		[27] = M("GPOS"),     [28] = M("AAAA"),	    [29] = M("LOC"),	 [30] = M("NXT"),
	[31] = M("EID"),	[32] = M("NIMLOC"),   [33] = M("SRV"),	    [34] = M("ATMA"),	 [35] = M("NAPTR"),
	[36] = M("KX"),		[37] = M("CERT"),     [38] = M("A6"),	    [39] = M("DNAME"),	 [40] = M("SINK"),
	[41] = M("OPT"),	[42] = M("APL"),      [43] = M("DS"),	    [44] = M("SSHFP"),	 [45] = M("IPSECKEY"),
	[46] = M("RRSIG"),	[47] = M("NSEC"),     [48] = M("DNSKEY"),   [49] = M("DHCID"),	 [50] = M("NSEC3"),
	[51] = M("NSEC3PARAM"), [52] = M("TLSA"),     [53] = M("SMIMEA"),   [55] = M("HIP"),	 [56] = M("NINFO"),
	[57] = M("RKEY"),	[58] = M("TALINK"),   [59] = M("CDS"),	    [60] = M("CDNSKEY"), [61] = M("OPENPGPKEY"),
	[62] = M("CSYNC"),	[63] = M("ZONEMD"),   [64] = M("SVCB"),	    [65] = M("HTTPS"),	 [66] = M("DSYNC"),
	[67] = M("HHIT"),	[68] = M("BRID"),     [99] = M("SPF"),	    [100] = M("UINFO"),	 [101] = M("UID"),
	[102] = M("GID"),	[103] = M("UNSPEC"),  [104] = M("NID"),	    [105] = M("L32"),	 [106] = M("L64"),
	[107] = M("LP"),	[108] = M("EUI48"),   [109] = M("EUI64"),   [128] = M("NXNAME"), [249] = M("TKEY"),
	[250] = M("TSIG"),	[251] = M("IXFR"),    [252] = M("AXFR"),    [253] = M("MAILB"),	 [254] = M("MAILA"),
	[255] = M("ANY"),	[256] = M("URI"),     [257] = M("CAA"),	    [258] = M("AVC"),	 [259] = M("DOA"),
	[260] = M("AMTRELAY"),	[261] = M("RESINFO"), [262] = M("WALLET"),  [263] = M("CLA"),	 [264] = M("IPN"),
};

/* Types from here on, in order. */
enum { HIGH_TYPES_BASE = 32768 };
static const struct mnemonic high_types[] = { M("TA"), M("DLV") };

static const struct mnemonic classes[] = {
	[1] = M("IN"), [3] = M("CH"), [4] = M("HS"), [254] = M("NONE"), [255] = M("ANY"),
};

/* 16 is BADSIG inside of TSIG records only; in a message's header and OPT record it is BADVERS. */
static const struct mnemonic rcodes[] = {
	[0] = M("NOERROR"),  [1] = M("FORMERR"),    [2] = M("SERVFAIL"), [3] = M("NXDOMAIN"),  [4] = M("NOTIMP"),
	[5] = M("REFUSED"),  [6] = M("YXDOMAIN"),   [7] = M("YXRRSET"),	 [8] = M("NXRRSET"),   [9] = M("NOTAUTH"),
	[10] = M("NOTZONE"), [11] = M("DSOTYPENI"), [16] = M("BADVERS"), [17] = M("BADKEY"),   [18] = M("BADTIME"),
	[19] = M("BADMODE"), [20] = M("BADNAME"),   [21] = M("BADALG"),	 [22] = M("BADTRUNC"), [23] = M("BADCOOKIE"),
};

static const struct mnemonic *find(const struct mnemonic *table, size_t nr, size_t value)
{
	return value < nr && table[value].len ? &table[value] : NULL;
}

static const struct mnemonic *find_type(uint16_t type)
{
	if (type >= HIGH_TYPES_BASE)
		return find(high_types, COUNT(high_types), type - HIGH_TYPES_BASE);
	return find(types, COUNT(types), type);
}

static const char *name_of(const struct mnemonic *m)
{
	return m ? m->text : NULL;
}

const char *iana_type_name(uint16_t type)
{
	return name_of(find_type(type));
}

const char *iana_class_name(uint16_t class)
{
	return name_of(find(classes, COUNT(classes), class));
}

const char *iana_rcode_name(uint16_t rcode)
{
	return name_of(find(rcodes, COUNT(rcodes), rcode));
}

static void add_text(const struct mnemonic *m, const char *prefix, uint16_t value, struct buf *out)
{
	if (m) {
		buf_add(out, m->text, m->len);
		return;
	}
	buf_add_str(out, prefix);
	buf_add_uint(out, value);
}

void iana_type_text(uint16_t type, struct buf *out)
{
	add_text(find_type(type), "TYPE", type, out);
}

void iana_class_text(uint16_t class, struct buf *out)
{
	add_text(find(classes, COUNT(classes), class), "CLASS", class, out);
}

void iana_rcode_text(uint16_t rcode, struct buf *out)
{
	add_text(find(rcodes, COUNT(rcodes), rcode), "RCODE", rcode, out);
}

static bool parse_mnemonic(const struct mnemonic *table, size_t nr, struct slice text, uint16_t *out)
{
	for (size_t i = 0; i < nr; i++) {
		if (table[i].len != text.len || text.len == 0 ||
		    strncasecmp(table[i].text, (const char *)text.data, text.len) != 0)
			continue;
		*out = (uint16_t)i;
		return true;
	}
	return false;
}

/* A number of 16 bits, with or without the prefix. */
static bool parse_number(struct slice text, const char *prefix, uint16_t *out)
{
	size_t skip = strlen(prefix);
	uint32_t value = 0;

	if (text.len > skip && strncasecmp((const char *)text.data, prefix, skip) == 0)
		text = slice_of(text.data + skip, text.len - skip);
	if (text.len == 0)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		value = value * 10 + text.data[i] - '0';
		if (value > UINT16_MAX)
			return false;
	}
	*out = (uint16_t)value;
	return true;
}

bool iana_type_parse(struct slice text, uint16_t *out)
{
	if (parse_mnemonic(types, COUNT(types), text, out))
		return true;
	if (parse_mnemonic(high_types, COUNT(high_types), text, out)) {
		*out = (uint16_t)(*out + HIGH_TYPES_BASE);
		return true;
	}
	return parse_number(text, "TYPE", out);
}

bool iana_rcode_parse(struct slice text, uint16_t *out)
{
	return parse_mnemonic(rcodes, COUNT(rcodes), text, out) || parse_number(text, "RCODE", out);
}
