/* Packets as annotated bytes: link layers, tags, options, extension headers, fragments, ICMP errors, and what is cut
 * off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "wire/packet.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* 192.0.2.1:1000 to 192.0.2.2:53 and back; fd00::1 to fd00::2. */
#define V4(total, protocol) "\x45\x00" total "\x00\x00\x00\x00\x40" protocol "\x00\x00\xc0\x00\x02\x01\xc0\x00\x02\x02"
#define V4_FRAGMENT(total, flags) "\x45\x00" total "\x00\x00" flags "\x40\x11\x00\x00\xc0\x00\x02\x01\xc0\x00\x02\x02"
#define V6(len, next)                                                                                  \
	"\x60\x00\x00\x00" len next "\x40"                                                             \
	"\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\xfd\x00\x00\x00\x00\x00\x00" \
	"\x00\x00\x00\x00\x00\x00\x00\x00\x02"
#define UDP(len) "\x03\xe8\x00\x35" len "\x00\x00"
#define TCP(offset, flags) "\x03\xe8\x00\x35\x00\x00\x00\x07\x00\x00\x00\x00" offset flags "\x10\x00\x00\x00\x00\x00"
#define ETHERNET(type) "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02" type
#define BACK4(total) "\x45\x00" total "\x00\x00\x00\x00\x40\x01\x00\x00\xc0\x00\x02\x02\xc0\x00\x02\x01"
#define BACK6(len)                                                                                     \
	"\x60\x00\x00\x00" len "\x3a\x40"                                                              \
	"\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\xfd\x00\x00\x00\x00\x00\x00" \
	"\x00\x00\x00\x00\x00\x00\x00\x00\x01"

struct row {
	const char *name;
	enum packet_link link;
	const char *bytes;
	size_t len;
	enum packet_result result;
	const char *payload;  /* captured */
	unsigned payload_len; /* on the wire; 0: as long as `payload` */
	enum packet_kind kind;
	enum packet_direction direction;
	unsigned interface;
	bool is_tcp;
	unsigned flags;
};

#define ROW(link_, bytes_) .link = PACKET_LINK_##link_, .bytes = (bytes_), .len = sizeof(bytes_) - 1

static const struct row rows[] = {
	{ "Ethernet, IPv4, UDP", ROW(ETHERNET, ETHERNET("\x08\x00") V4("\x00\x1f", "\x11") UDP("\x00\x0b") "abc"),
	  .payload = "abc" },
	{ "padding behind it is none of it",
	  ROW(ETHERNET, ETHERNET("\x08\x00") V4("\x00\x1f", "\x11") UDP("\x00\x0b") "abc\0\0\0"), .payload = "abc" },
	{ "a VLAN tag",
	  ROW(ETHERNET, ETHERNET("\x81\x00\x00\x05\x08\x00") V4("\x00\x1f", "\x11") UDP("\x00\x0b") "abc"),
	  .payload = "abc" },
	{ "two tags",
	  ROW(ETHERNET,
	      ETHERNET("\x88\xa8\x00\x05\x81\x00\x00\x06\x08\x00") V4("\x00\x1f", "\x11") UDP("\x00\x0b") "abc"),
	  .payload = "abc" },
	{ "ARP", ROW(ETHERNET, ETHERNET("\x08\x06") "\x00\x01"), PACKET_OTHER },
	{ "raw IPv4", ROW(RAW, V4("\x00\x1f", "\x11") UDP("\x00\x0b") "abc"), .payload = "abc" },
	{ "raw IPv6", ROW(RAW, V6("\x00\x0b", "\x11") UDP("\x00\x0b") "abc"), .payload = "abc" },
	{ "BSD loopback", ROW(NULL, "\x02\x00\x00\x00" V4("\x00\x1f", "\x11") UDP("\x00\x0b") "abc"),
	  .payload = "abc" },
	{ "cooked v1, outgoing",
	  ROW(SLL, "\x00\x04\x00\x01\x00\x06\x02\x00\x00\x00\x00\x01\x00\x00\x08\x00" V4("\x00\x1f", "\x11")
			   UDP("\x00\x0b") "abc"),
	  .payload = "abc", .direction = PACKET_OUT },
	{ "cooked v2, to us, with its interface",
	  ROW(SLL2, "\x08\x00\x00\x00\x00\x00\x00\x07\x00\x01\x00\x06\x02\x00\x00\x00\x00\x01\x00\x00" V4(
			    "\x00\x1f", "\x11") UDP("\x00\x0b") "abc"),
	  .payload = "abc", .direction = PACKET_IN, .interface = 7 },
	{ "cooked v2, to another host",
	  ROW(SLL2, "\x08\x00\x00\x00\x00\x00\x00\x07\x00\x01\x03\x06\x02\x00\x00\x00\x00\x01\x00\x00" V4(
			    "\x00\x1f", "\x11") UDP("\x00\x0b") "abc"),
	  .payload = "abc", .interface = 7 },
	{ "IPv4 options",
	  ROW(RAW,
	      "\x46\x00\x00\x23\x00\x00\x00\x00\x40\x11\x00\x00\xc0\x00\x02\x01\xc0\x00\x02\x02\x94\x04\x00\x00" UDP(
		      "\x00\x0b") "abc"),
	  .payload = "abc" },
	{ "IPv6 extension headers: hop-by-hop, destination options",
	  ROW(RAW, V6("\x00\x1b", "\x00") "\x3c\x00\x01\x04\x00\x00\x00\x00"
					  "\x11\x00\x01\x04\x00\x00\x00\x00" UDP("\x00\x0b") "abc"),
	  .payload = "abc" },
	{ "more extension headers than there are kinds",
	  ROW(RAW, V6("\x00\x50",
		      "\x3c") "\x3c\x00\x01\x04\x00\x00\x00\x00\x3c\x00\x01\x04\x00\x00\x00\x00\x3c\x00\x01\x04\x00\x00"
			      "\x00\x00\x3c\x00\x01\x04\x00\x00\x00\x00\x3c\x00\x01\x04\x00\x00\x00\x00\x3c\x00\x01\x04"
			      "\x00\x00\x00\x00\x3c\x00\x01\x04\x00\x00\x00\x00\x3c\x00\x01\x04\x00\x00\x00\x00\x11\x00"
			      "\x01\x04\x00\x00\x00\x00"),
	  PACKET_MALFORMED },
	{ "the first fragment has the ports", ROW(RAW, V4_FRAGMENT("\x00\x1f", "\x20\x00") UDP("\x00\x64") "abc"),
	  .payload = "abc", .payload_len = 92 },
	{ "a later one has not", ROW(RAW, V4_FRAGMENT("\x00\x1f", "\x00\x02") "abcdefghijk"), PACKET_FRAGMENT },
	{ "a later one of IPv6",
	  ROW(RAW, V6("\x00\x10", "\x2c") "\x11\x00\x00\x11\x00\x00\x00\x01"
					  "abcdefgh"),
	  PACKET_FRAGMENT },
	{ "cut off by the capture", ROW(RAW, V4("\x00\x1f", "\x11") UDP("\x00\x0b") "a"), .payload = "a",
	  .payload_len = 3 },
	{ "an IP length of 0: to be cut by the network card", ROW(RAW, V4("\x00\x00", "\x11") UDP("\x00\x00") "abc"),
	  .payload = "abc" },
	{ "TCP, with options",
	  ROW(RAW, V4("\x00\x2f", "\x06") TCP("\x60", "\x18") "\x01\x01\x01\x01"
							      "abc"),
	  .payload = "abc", .is_tcp = true, .flags = 0x18 },
	{ "a SYN", ROW(RAW, V4("\x00\x28", "\x06") TCP("\x50", "\x02")), .payload = "", .is_tcp = true,
	  .flags = PACKET_SYN },
	{ "port unreachable, with the query",
	  ROW(RAW, BACK4("\x00\x3b") "\x03\x03\x00\x00\x00\x00\x00\x00" V4("\x00\x1f", "\x11") UDP("\x00\x0b") "abc"),
	  .payload = "abc", .kind = PACKET_ICMP },
	{ "with no more than the ports",
	  ROW(RAW, BACK4("\x00\x38") "\x03\x03\x00\x00\x00\x00\x00\x00" V4("\x00\x1f", "\x11") UDP("\x00\x0b")),
	  .payload = "", .payload_len = 3, .kind = PACKET_ICMP },
	{ "of IPv6",
	  ROW(RAW, BACK6("\x00\x3b") "\x01\x04\x00\x00\x00\x00\x00\x00" V6("\x00\x0b", "\x11") UDP("\x00\x0b") "abc"),
	  .payload = "abc", .kind = PACKET_ICMP },
	{ "quoting TCP",
	  ROW(RAW, BACK4("\x00\x38") "\x03\x03\x00\x00\x00\x00\x00\x00" V4("\x00\x28",
									   "\x06") "\x03\xe8\x00\x35\x00\x00\x00\x07"),
	  .payload = "", .kind = PACKET_ICMP, .is_tcp = true },
	{ "an echo request", ROW(RAW, BACK4("\x00\x1c") "\x08\x00\x00\x00\x00\x00\x00\x00"), PACKET_OTHER },
	{ "an error that quotes an error",
	  ROW(RAW, BACK4("\x00\x54") "\x03\x03\x00\x00\x00\x00\x00\x00" BACK4(
			   "\x00\x38") "\x03\x03\x00\x00\x00\x00\x00\x00" V4("\x00\x1f", "\x11") UDP("\x00\x0b")),
	  PACKET_OTHER },
	{ "nothing", .link = PACKET_LINK_ETHERNET, .bytes = "", .result = PACKET_MALFORMED },
	{ "half an Ethernet header", ROW(ETHERNET, "\x02\x00\x00"), PACKET_MALFORMED },
	{ "half an IP header", ROW(RAW, "\x45\x00\x00\x1f"), PACKET_MALFORMED },
	{ "an IP header shorter than any",
	  ROW(RAW, "\x44\x00\x00\x1f\x00\x00\x00\x00\x40\x11\x00\x00\xc0\x00\x02\x01\xc0\x00\x02\x02"),
	  PACKET_MALFORMED },
	{ "a total shorter than its header", ROW(RAW, V4("\x00\x10", "\x11") UDP("\x00\x0b")), PACKET_MALFORMED },
	{ "a UDP length shorter than its header", ROW(RAW, V4("\x00\x1f", "\x11") UDP("\x00\x07") "abc"),
	  PACKET_MALFORMED },
	{ "a TCP header longer than the packet", ROW(RAW, V4("\x00\x28", "\x06") TCP("\xf0", "\x02")),
	  PACKET_MALFORMED },
	{ "no IP", ROW(RAW, "\x55\x00"), PACKET_OTHER },
};

static bool holds(const struct row *row)
{
	struct packet p;
	enum packet_result result = packet_parse(row->link, slice_of(row->bytes, row->len), &p);
	bool is_good = result == row->result;

	if (is_good && result == PACKET_OK) {
		is_good = slice_eq(p.payload, slice_from_str(row->payload)) &&
			  p.payload_len == (row->payload_len ? row->payload_len : strlen(row->payload)) &&
			  p.kind == row->kind && p.direction == row->direction && p.interface == row->interface &&
			  p.src.port == 1000 && p.dst.port == 53 && p.protocol == (row->is_tcp ? TAP_TCP : TAP_UDP) &&
			  p.tcp_flags == row->flags && p.src.ip[p.src.len - 1] == 1 && p.dst.ip[p.dst.len - 1] == 2;
	}
	if (!is_good)
		print_error("%s: result %d, payload %zu of %u, kind %d\n", row->name, (int)result, p.payload.len,
			    p.payload_len, (int)p.kind);
	return is_good;
}

static void test_rows(void **state)
{
	unsigned failed = 0;

	(void)state;
	for (unsigned i = 0; i < COUNT(rows); i++)
		failed += !holds(&rows[i]);
	assert_int_equal(failed, 0);
}

/* Cut at every length: never more than there is, and no reading behind it (the sanitizers look). */
static void test_cut_anywhere(void **state)
{
	uint8_t copy[256];

	(void)state;
	for (unsigned i = 0; i < COUNT(rows); i++) {
		for (size_t len = 0; len <= rows[i].len; len++) {
			struct packet p;

			memcpy(copy + sizeof(copy) - len, rows[i].bytes, len);
			if (packet_parse(rows[i].link, slice_of(copy + sizeof(copy) - len, len), &p) == PACKET_OK)
				assert_true(p.payload.len <= len && p.payload.len <= p.payload_len);
		}
	}
}

static void test_links(void **state)
{
	(void)state;
	assert_true(packet_link_known(PACKET_LINK_ETHERNET));
	assert_true(packet_link_known(PACKET_LINK_SLL2));
	assert_false(packet_link_known(105)); /* IEEE 802.11 */
	assert_false(packet_link_known(-1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_links),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
