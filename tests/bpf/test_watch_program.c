/*
 * The socket filter on a table of packets, twice: its parser on the host, and the program itself in the kernel
 * (BPF_PROG_TEST_RUN), whose records and counters are read. Skipped in the kernel only where BPF is not permitted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <netinet/in.h>

#include "../../bpf/probe_event.h"
#include "../../bpf/packet.bpf.h"
#include "probe.skel.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum { PACKET_MAX = 70000, RECORDS_MAX = 24, WATCH = 77 };

#define V4(total, protocol) "\x45\x00" total "\x00\x00\x00\x00\x40" protocol "\x00\x00\xc0\x00\x02\x01\xc0\x00\x02\x02"
#define V6(len, next)                                                                                  \
	"\x60\x00\x00\x00" len next "\x40"                                                             \
	"\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\xfd\x00\x00\x00\x00\x00\x00" \
	"\x00\x00\x00\x00\x00\x00\x00\x00\x02"
#define UDP(len) "\x03\xe8\x00\x35" len "\x00\x00"
#define UDP_OTHER(len) "\x03\xe8\x00\x50" len "\x00\x00"
#define TCP(flags) "\x03\xe8\x00\x35\x00\x00\x00\x07\x00\x00\x00\x00\x50" flags "\x10\x00\x00\x00\x00\x00"

struct row {
	const char *name;
	uint16_t ethertype;
	const char *bytes;
	size_t len;
	enum probe_counter counter; /* the one that grows */
	unsigned records;
	enum probe_kind kind;
	const char *payload;  /* of the first record */
	unsigned payload_len; /* on the wire; 0: as long as `payload` */
	unsigned reason;
	bool is_host_only; /* the kernel's test runner takes no packet so short */
};

#define ROW(type, bytes_) .ethertype = (type), .bytes = (bytes_), .len = sizeof(bytes_) - 1

static const struct row rows[] = {
	{ "UDP to port 53", ROW(PKT_IPV4, V4("\x00\x1f", "\x11") UDP("\x00\x0b") "abc"), PROBE_COUNT_UDP, 1,
	  PROBE_PACKET, "abc" },
	{ "another port", ROW(PKT_IPV4, V4("\x00\x1f", "\x11") UDP_OTHER("\x00\x0b") "abc"), PROBE_COUNT_OTHER },
	{ "over IPv6", ROW(PKT_IPV6, V6("\x00\x0b", "\x11") UDP("\x00\x0b") "abc"), PROBE_COUNT_UDP, 1, PROBE_PACKET,
	  "abc" },
	{ "over IPv6, another port", ROW(PKT_IPV6, V6("\x00\x0b", "\x11") UDP_OTHER("\x00\x0b") "abc"),
	  PROBE_COUNT_OTHER },
	{ "IPv6 with extension headers",
	  ROW(PKT_IPV6, V6("\x00\x1b", "\x00") "\x3c\x00\x01\x04\x00\x00\x00\x00\x11\x00\x01\x04\x00\x00\x00\x00" UDP(
				"\x00\x0b") "abc"),
	  PROBE_COUNT_UDP, 1, PROBE_PACKET, "abc" },
	{ "IPv4 with options",
	  ROW(PKT_IPV4,
	      "\x46\x00\x00\x23\x00\x00\x00\x00\x40\x11\x00\x00\xc0\x00\x02\x01\xc0\x00\x02\x02\x94\x04\x00\x00" UDP(
		      "\x00\x0b") "abc"),
	  PROBE_COUNT_UDP, 1, PROBE_PACKET, "abc" },
	{ "a VLAN tag that no device took off",
	  ROW(PKT_VLAN, "\x00\x05\x08\x00" V4("\x00\x1f", "\x11") UDP("\x00\x0b") "abc"), PROBE_COUNT_UDP, 1,
	  PROBE_PACKET, "abc" },
	{ "padding behind the message", ROW(PKT_IPV4, V4("\x00\x1f", "\x11") UDP("\x00\x0b") "abc\0\0\0\0"),
	  PROBE_COUNT_UDP, 1, PROBE_PACKET, "abc" },
	{ "the first fragment",
	  ROW(PKT_IPV4,
	      "\x45\x00\x00\x1f\x00\x00\x20\x00\x40\x11\x00\x00\xc0\x00\x02\x01\xc0\x00\x02\x02" UDP("\x00\x64") "abc"),
	  PROBE_COUNT_UDP, 1, PROBE_PACKET, "abc", 92 },
	{ "a later fragment",
	  ROW(PKT_IPV4, "\x45\x00\x00\x1f\x00\x00\x00\x02\x40\x11\x00\x00\xc0\x00\x02\x01\xc0\x00\x02\x02"
			"abcdefghijk"),
	  PROBE_COUNT_FRAGMENT },
	{ "a later fragment of IPv6",
	  ROW(PKT_IPV6, V6("\x00\x10", "\x2c") "\x11\x00\x00\x11\x00\x00\x00\x01"
					       "abcdefgh"),
	  PROBE_COUNT_FRAGMENT },
	{ "a TCP segment", ROW(PKT_IPV4, V4("\x00\x2b", "\x06") TCP("\x18") "abc"), PROBE_COUNT_TCP, 1, PROBE_PACKET,
	  "abc" },
	{ "an empty one is counted", ROW(PKT_IPV4, V4("\x00\x28", "\x06") TCP("\x10")), PROBE_COUNT_TCP_EMPTY },
	{ "a SYN is told", ROW(PKT_IPV4, V4("\x00\x28", "\x06") TCP("\x02")), PROBE_COUNT_TCP, 1, PROBE_PACKET, "" },
	{ "a reset, too", ROW(PKT_IPV4, V4("\x00\x28", "\x06") TCP("\x04")), PROBE_COUNT_TCP, 1, PROBE_PACKET, "" },
	{ "port unreachable, with what it quotes",
	  ROW(PKT_IPV4, "\x45\x00\x00\x3b\x00\x00\x00\x00\x40\x01\x00\x00\xc0\x00\x02\x02\xc0\x00\x02\x01"
			"\x03\x03\x00\x00\x00\x00\x00\x00" V4("\x00\x1f", "\x11") UDP("\x00\x0b") "abc"),
	  PROBE_COUNT_ICMP, 1, PROBE_ICMP, "abc", 0, 3 << 8 | 3 },
	{ "an echo request",
	  ROW(PKT_IPV4, "\x45\x00\x00\x1c\x00\x00\x00\x00\x40\x01\x00\x00\xc0\x00\x02\x02\xc0\x00\x02\x01\x08\x00\x00"
			"\x00\x00\x00\x00\x00"),
	  PROBE_COUNT_OTHER },
	{ "ARP", ROW(0x0806, "\x00\x01\x08\x00\x06\x04\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
	  PROBE_COUNT_OTHER },
	{ "a UDP length below its header", ROW(PKT_IPV4, V4("\x00\x1f", "\x11") UDP("\x00\x07") "abc"),
	  PROBE_COUNT_MALFORMED },
	{ "a TCP header longer than the packet",
	  ROW(PKT_IPV4, V4("\x00\x28",
			   "\x06") "\x03\xe8\x00\x35\x00\x00\x00\x07\x00\x00\x00\x00\xf0\x02\x10\x00\x00\x00\x00\x00"),
	  PROBE_COUNT_MALFORMED },
	{ "cut in its UDP header", ROW(PKT_IPV4, V4("\x00\x1f", "\x11") "\x03\xe8\x00\x35"), PROBE_COUNT_MALFORMED },
	{ "cut in its IP header", ROW(PKT_IPV4, "\x45\x00\x00\x1f\x00\x00\x00\x00"), PROBE_COUNT_MALFORMED,
	  .is_host_only = true },
	{ "an IP header shorter than any",
	  ROW(PKT_IPV4,
	      "\x44\x00\x00\x1f\x00\x00\x00\x00\x40\x11\x00\x00\xc0\x00\x02\x01\xc0\x00\x02\x02" UDP("\x00\x0b") "abc"),
	  PROBE_COUNT_MALFORMED },
	{ "cut in its payload", ROW(PKT_IPV4, V4("\x00\x1f", "\x11") UDP("\x00\x0b") "a"), PROBE_COUNT_UDP, 1,
	  PROBE_PACKET, "a", 3 },
};

/* --- the parser, on the host */

static bool is_dns(const struct pkt_flow *f)
{
	return f->sport == 53 || f->dport == 53;
}

static enum probe_counter judge_on_host(const struct row *row)
{
	struct pkt p = { .bytes = row->bytes, .len = (__u32)row->len };
	uint16_t ethertype = row->ethertype;
	struct pkt_flow f = { 0 };
	struct pkt_ip ip = { 0 };
	uint8_t h[48];
	__u32 at = 0;
	enum pkt_result result = pkt_plain(&p, ethertype, h, &f);

	if (result == PKT_OK) {
		pkt_plain_rest(&p, ethertype, h, &f, &ip);
	} else {
		if (ethertype == PKT_VLAN) {
			ethertype = pkt_u16((const uint8_t *)row->bytes + 2);
			at = 4;
		}
		result = pkt_flow_of(&p, at, ethertype, &f, &ip);
	}
	if (result == PKT_FRAGMENT)
		return PROBE_COUNT_FRAGMENT;
	if (result == PKT_SHORT)
		return PROBE_COUNT_MALFORMED;
	if (result == PKT_OTHER || !is_dns(&f))
		return PROBE_COUNT_OTHER;
	if (pkt_transport(&p, &ip, &f) != PKT_OK)
		return PROBE_COUNT_MALFORMED;
	if (f.is_icmp)
		return PROBE_COUNT_ICMP;
	if (f.protocol == PKT_UDP)
		return PROBE_COUNT_UDP;
	return f.payload_len || f.tcp_flags & 7 ? PROBE_COUNT_TCP : PROBE_COUNT_TCP_EMPTY;
}

static void test_on_the_host(void **state)
{
	unsigned failed = 0;

	(void)state;
	for (unsigned i = 0; i < COUNT(rows); i++) {
		enum probe_counter counter = judge_on_host(&rows[i]);

		if (counter == rows[i].counter)
			continue;
		print_error("%s: counter %d, not %d\n", rows[i].name, (int)counter, (int)rows[i].counter);
		failed++;
	}
	assert_int_equal(failed, 0);
}

/* --- the program, in the kernel */

struct kernel {
	struct probe_bpf *bpf;
	struct ring_buffer *ring;
	unsigned nr, nr_bytes;
	uint8_t payload[PROBE_TCP_BYTES];
	uint32_t next_seq;
	bool is_in_order;
	struct probe_event first; /* its payload is above */
};

static int on_record(void *arg, void *data, size_t size)
{
	struct kernel *k = arg;
	const struct probe_event *e = data;

	assert_true(size >= sizeof(*e) && size == sizeof(*e) + e->captured);
	if (k->nr == 0) {
		k->first = *e;
		memcpy(k->payload, e->payload, e->captured);
		k->is_in_order = true;
	} else if (e->tcp_seq != k->next_seq) {
		k->is_in_order = false;
	}
	k->next_seq = e->tcp_seq + e->captured;
	k->nr++;
	k->nr_bytes += e->captured;
	return 0;
}

static bool load(struct kernel *k, bool is_direct)
{
	*k = (struct kernel){ .bpf = probe_bpf__open() };
	assert_non_null(k->bpf);
	k->bpf->rodata->cfg_watch = WATCH;
	k->bpf->rodata->cfg_direct = is_direct;
	if (probe_bpf__load(k->bpf)) {
		int err = errno;

		probe_bpf__destroy(k->bpf);
		if (err == EPERM) {
			printf("skip the program in the kernel: not permitted\n");
			skip();
		}
		return false;
	}
	k->ring = ring_buffer__new(bpf_map__fd(k->bpf->maps.ring), on_record, k, NULL);
	assert_non_null(k->ring);
	return true;
}

static void unload(struct kernel *k)
{
	ring_buffer__free(k->ring);
	probe_bpf__destroy(k->bpf);
}

static uint64_t counter_of(const struct kernel *k, uint32_t counter)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t *values = calloc((size_t)cpus, sizeof(*values)), sum = 0;

	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(k->bpf->maps.counters), &counter, values), 0);
	for (int i = 0; i < cpus; i++)
		sum += values[i];
	free(values);
	return sum;
}

/* 0, or the runner's error: it takes no packet shorter than an Ethernet header. */
static int run(struct kernel *k, uint16_t ethertype, const void *bytes, size_t len)
{
	static uint8_t frame[PACKET_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .repeat = 1);

	memset(frame, 0, 14);
	frame[12] = (uint8_t)(ethertype >> 8);
	frame[13] = (uint8_t)ethertype;
	memcpy(frame + 14, bytes, len);
	opts.data_size_in = (__u32)(len + 14);
	k->nr = k->nr_bytes = 0;
	if (bpf_prog_test_run_opts(bpf_program__fd(k->bpf->progs.watch), &opts))
		return -errno;
	assert_int_equal(opts.retval, 0); /* nothing reaches the socket */
	ring_buffer__consume(k->ring);
	return 0;
}

static bool holds(struct kernel *k, const struct row *row)
{
	uint64_t before = counter_of(k, row->counter);
	size_t len = row->payload ? strlen(row->payload) : 0;
	int err = run(k, row->ethertype, row->bytes, row->len);
	bool is_good = err == 0 && counter_of(k, row->counter) == before + 1 && k->nr == row->records;

	if (is_good && row->records)
		is_good = k->first.kind == row->kind && k->first.watch == WATCH && k->first.captured == len &&
			  memcmp(k->payload, row->payload, len) == 0 && k->first.reason == row->reason &&
			  k->first.payload_len == (row->payload_len ? row->payload_len : len) &&
			  k->first.sport == 1000 && k->first.dport == 53 && k->first.direction == PROBE_IN;
	if (!is_good)
		print_error("%s: error %d, %u records, counter %llu after %llu, captured %u of %u\n", row->name, err,
			    k->nr, (unsigned long long)counter_of(k, row->counter), (unsigned long long)before,
			    k->first.captured, k->first.payload_len);
	return is_good;
}

static void check_in_kernel(bool is_direct)
{
	unsigned failed = 0;
	struct kernel k;

	if (!load(&k, is_direct)) {
		/* Older kernels have no such functions; without them the program must load. */
		assert_true(is_direct);
		printf("skip the direct look at packets: this kernel does not allow it\n");
		skip();
	}
	for (unsigned i = 0; i < COUNT(rows); i++)
		failed += !rows[i].is_host_only && !holds(&k, &rows[i]);
	unload(&k);
	assert_int_equal(failed, 0);
}

static void test_in_the_kernel(void **state)
{
	(void)state;
	check_in_kernel(false);
}

static void test_in_the_kernel_directly(void **state)
{
	(void)state;
	check_in_kernel(true);
}

/* A segment for the network card to cut has several records, in order; one too long for them is said to be cut. */
static void test_long_segments(void **state)
{
	static const size_t lengths[] = { 100, 3500, 4097, 60000 };
	static uint8_t packet[PACKET_MAX];
	struct kernel k;

	(void)state;
	assert_true(load(&k, false));
	for (unsigned i = 0; i < COUNT(lengths); i++) {
		size_t total = 40 + lengths[i];

		memcpy(packet, V4("\x00\x28", "\x06") TCP("\x18"), 40);
		memset(packet + 40, 'x', lengths[i]);
		packet[2] = (uint8_t)(total >> 8);
		packet[3] = (uint8_t)total;
		if (run(&k, PKT_IPV4, packet, total) < 0) {
			printf("skip a segment of %zu bytes: the kernel's test runner takes none so long\n",
			       lengths[i]);
			continue;
		}
		assert_int_equal(k.nr, (lengths[i] + PROBE_TCP_BYTES - 1) / PROBE_TCP_BYTES);
		assert_int_equal(k.nr_bytes, lengths[i]);
		assert_true(k.is_in_order && k.first.tcp_seq == 7);
	}
	unload(&k);
}

/* What finds no room in the ring is counted, exactly. */
static void test_full_ring(void **state)
{
	uint64_t sent = 0;
	struct kernel k;

	(void)state;
	k = (struct kernel){ .bpf = probe_bpf__open() };
	bpf_map__set_max_entries(k.bpf->maps.ring, 4096);
	if (probe_bpf__load(k.bpf)) {
		int err = errno;

		probe_bpf__destroy(k.bpf);
		assert_int_equal(err, EPERM);
		printf("skip the full ring: not permitted\n");
		skip();
	}
	k.ring = ring_buffer__new(bpf_map__fd(k.bpf->maps.ring), on_record, &k, NULL);
	for (; sent < 100; sent++) {
		LIBBPF_OPTS(bpf_test_run_opts, opts,
			    .data_in = "\0\0\0\0\0\0\0\0\0\0\0\0\x08\x00" V4("\x00\x1f", "\x11") UDP("\x00\x0b") "abc",
			    .data_size_in = 45, .repeat = 1);

		assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(k.bpf->progs.watch), &opts), 0);
	}
	ring_buffer__consume(k.ring);
	assert_true(k.nr > 0 && k.nr < sent);
	assert_int_equal(counter_of(&k, PROBE_COUNT_UDP), sent);
	assert_int_equal(counter_of(&k, PROBE_COUNT_RING_FULL), sent - k.nr);
	assert_int_equal(k.bpf->bss->nr_ring_full, sent - k.nr);
	unload(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_on_the_host),
		cmocka_unit_test(test_in_the_kernel),
		cmocka_unit_test(test_in_the_kernel_directly),
		cmocka_unit_test(test_long_segments),
		cmocka_unit_test(test_full_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
