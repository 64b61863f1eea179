/* DNS messages out of packets: UDP, and TCP in whatever pieces it comes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "session/watch.h"
#include "tap_builder.h"

enum { TOLD_MAX = 64, STREAM_MAX = 80000 };

struct told {
	uint16_t id;
	bool is_response, has_question, is_whole, is_cut, has_header;
	uint32_t len;
	enum packet_kind kind;
};

struct fixture {
	struct watch *watch;
	struct told told[TOLD_MAX];
	unsigned nr, nr_retransmitted, nr_reset;
	bool reset_by_querier;
};

static void on_message(void *arg, const struct dns_sighting *m)
{
	struct fixture *f = arg;

	assert_true(f->nr < TOLD_MAX);
	f->told[f->nr++] = (struct told){ m->id,     m->is_response, m->has_question, m->is_whole,
					  m->is_cut, m->has_header,  m->len,	      m->packet->kind };
	assert_int_equal(m->querier.port, 1000);
	assert_int_equal(m->responder.port, 53);
}

static void on_retransmission(void *arg, const struct dns_sighting *m)
{
	(void)m;
	((struct fixture *)arg)->nr_retransmitted++;
}

static void on_reset(void *arg, const struct packet *p, const struct addr *querier, const struct addr *responder)
{
	struct fixture *f = arg;

	(void)responder;
	f->nr_reset++;
	f->reset_by_querier = addr_eq(&p->src, querier);
}

static void setup(struct fixture *f, size_t connections)
{
	struct watch_callbacks callbacks = { on_message, on_retransmission, on_reset, f };
	struct hash_key key = { { 1 } };

	*f = (struct fixture){ 0 };
	f->watch = watch_new(connections, &key, &callbacks);
	assert_non_null(f->watch);
}

static struct addr address(const char *ip, uint16_t port)
{
	struct addr a = { 0 };

	assert_true(addr_parse(slice_from_str(ip), &a));
	a.port = port;
	return a;
}

static struct packet packet(bool is_response, uint8_t protocol)
{
	struct addr client = address("10.0.0.1", 1000), server = address("10.0.0.53", 53);

	return (struct packet){ .src = is_response ? server : client,
				.dst = is_response ? client : server,
				.protocol = protocol };
}

static void udp(struct fixture *f, bool is_response, struct slice payload, uint32_t len)
{
	struct packet p = packet(is_response, TAP_UDP);

	p.payload = payload;
	p.payload_len = len;
	watch_packet(f->watch, 1, &p);
}

static void segment(struct fixture *f, bool is_response, uint32_t seq, struct slice payload, uint32_t len,
		    uint8_t flags)
{
	struct packet p = packet(is_response, TAP_TCP);

	p.tcp_seq = seq;
	p.tcp_flags = flags;
	p.payload = payload;
	p.payload_len = len;
	watch_packet(f->watch, 1, &p);
}

static void add_message(struct buf *out, uint16_t id, unsigned answers, bool is_response)
{
	struct dns_spec spec = { .id = id, .qname = "www.example.org.", .nr_answers = answers };
	size_t at = out->len;

	buf_add(out, "\0", 2);
	if (is_response)
		dns_build_response(&spec, out);
	else
		dns_build_query(&spec, out);
	out->data[at] = (uint8_t)((out->len - at - 2) >> 8);
	out->data[at + 1] = (uint8_t)(out->len - at - 2);
}

static void test_udp(void **state)
{
	static uint8_t room[4096];
	struct buf b = { .data = room, .size = sizeof(room), .cap = sizeof(room) };
	struct fixture f;

	(void)state;
	setup(&f, 16);
	add_message(&b, 7, 0, false);
	udp(&f, false, slice_of(b.data + 2, b.len - 2), (uint32_t)b.len - 2);
	udp(&f, false, slice_of(b.data + 2, 12), (uint32_t)b.len - 2);
	udp(&f, false, slice_of(b.data + 2, 11), (uint32_t)b.len - 2);
	assert_int_equal(f.nr, 2);
	assert_true(f.told[0].is_whole && f.told[0].has_question && !f.told[0].is_cut && f.told[0].id == 7);
	assert_true(!f.told[1].is_whole && !f.told[1].has_question && f.told[1].is_cut);
	assert_int_equal(watch_stats(f.watch)->nr_not_dns, 1);
	watch_free(f.watch);
}

/* An error that quotes the ports alone is told, too. */
static void test_fates(void **state)
{
	struct packet p = packet(false, TAP_UDP);
	struct fixture f;

	(void)state;
	setup(&f, 16);
	p.kind = PACKET_ICMP;
	watch_packet(f.watch, 1, &p);
	assert_int_equal(f.nr, 1);
	assert_true(f.told[0].kind == PACKET_ICMP && !f.told[0].has_header);
	watch_free(f.watch);
}

/* Three messages, one of them of 64 KiB, in segments of all sizes, out of order by up to two, some sent twice. */
static void check_segments(struct buf *stream, unsigned seed, uint32_t first)
{
	struct {
		uint32_t at, len;
	} pieces[4096], held;
	unsigned nr = 0;
	struct fixture f;

	srand(seed);
	setup(&f, 16);
	segment(&f, true, first - 1, slice_of(NULL, 0), 0, PACKET_SYN | PACKET_ACK);
	for (uint32_t at = 0; at < stream->len && nr < 4000;) {
		uint32_t len = 1 + (uint32_t)rand() % (seed % 3 == 0 ? 3000 : 60);

		if (at > 700 && stream->len - at > 2000)
			len += 1400;
		len = len < stream->len - at ? len : (uint32_t)stream->len - at;
		pieces[nr].at = at;
		pieces[nr++].len = len;
		at += len;
	}
	for (unsigned i = 0; i + 2 < nr && seed % 2; i += 3) {
		unsigned k = i + (unsigned)rand() % 3;

		held = pieces[i];
		pieces[i] = pieces[k];
		pieces[k] = held;
	}
	for (unsigned i = 0; i < nr; i++)
		for (int times = rand() % 5 == 0 ? 2 : 1; times > 0; times--)
			segment(&f, true, first + pieces[i].at, slice_of(stream->data + pieces[i].at, pieces[i].len),
				pieces[i].len, PACKET_ACK);
	assert_int_equal(f.nr, 3);
	assert_int_equal(watch_stats(f.watch)->nr_gaps, 0);
	for (unsigned i = 0; i < 3; i++)
		assert_true(f.told[i].id == i + 1 && f.told[i].has_question && f.told[i].is_response);
	watch_free(f.watch);
}

static void test_segments(void **state)
{
	static uint8_t room[STREAM_MAX];
	struct buf b = { .data = room, .size = sizeof(room), .cap = sizeof(room) };

	(void)state;
	add_message(&b, 1, 2, true);
	add_message(&b, 2, 2000, true);
	add_message(&b, 3, 0, true);
	assert_true(b.len > 32000);
	for (unsigned seed = 0; seed < 300; seed++)
		check_segments(&b, seed, seed % 4 ? 1 + seed : UINT32_MAX - 500); /* numbers wrap */
}

static void test_byte_by_byte(void **state)
{
	static uint8_t room[4096];
	struct buf b = { .data = room, .size = sizeof(room), .cap = sizeof(room) };
	struct fixture f;

	(void)state;
	setup(&f, 16);
	add_message(&b, 1, 0, false);
	add_message(&b, 2, 0, false);
	segment(&f, false, 99, slice_of(NULL, 0), 0, PACKET_SYN);
	for (uint32_t i = 0; i < b.len; i++)
		segment(&f, false, 100 + i, slice_of(b.data + i, 1), 1, PACKET_ACK);
	assert_int_equal(f.nr, 2);
	assert_true(f.told[0].is_whole && f.told[1].is_whole);
	assert_true(watch_is_whole(f.watch, 1, &(struct addr){ .len = 4, .ip = { 10, 0, 0, 1 }, .port = 1000 },
				   &(struct addr){ .len = 4, .ip = { 10, 0, 0, 53 }, .port = 53 }));
	/* All of it again. */
	segment(&f, false, 100, slice_of(b.data, b.len), (uint32_t)b.len, PACKET_ACK);
	assert_int_equal(f.nr, 2);
	assert_int_equal(f.nr_retransmitted, 1);
	watch_free(f.watch);
}

/* Joined in the middle, or with bytes never seen: it goes on where a segment begins with a message. */
static void test_gaps(void **state)
{
	static uint8_t room[40000];
	struct buf b = { .data = room, .size = sizeof(room), .cap = sizeof(room) };
	struct fixture f;
	size_t first;

	(void)state;
	setup(&f, 16);
	add_message(&b, 1, 2000, true);
	first = b.len;
	add_message(&b, 2, 0, true);
	segment(&f, true, 5000, slice_of(b.data + 600, 300), 300, PACKET_ACK); /* no message begins here */
	assert_int_equal(f.nr, 0);
	segment(&f, true, 9000, slice_of(b.data, 700), 700, PACKET_ACK);
	assert_int_equal(f.nr, 1);
	/* The rest of the body is not captured, and not needed. */
	segment(&f, true, 9700, slice_of(b.data + 700, 10), (uint32_t)first - 700, PACKET_ACK);
	segment(&f, true, (uint32_t)(9000 + first), slice_of(b.data + first, b.len - first), (uint32_t)(b.len - first),
		PACKET_ACK);
	assert_int_equal(f.nr, 2);
	assert_int_equal(f.told[1].id, 2);
	/* A header that was not captured is a gap. */
	segment(&f, true, (uint32_t)(9000 + b.len), slice_of(b.data + first, 5), (uint32_t)(b.len - first), PACKET_ACK);
	assert_int_equal(watch_stats(f.watch)->nr_gaps, 1);
	watch_free(f.watch);
}

static void test_resets_and_bounds(void **state)
{
	static uint8_t room[4096];
	struct buf b = { .data = room, .size = sizeof(room), .cap = sizeof(room) };
	struct fixture f;

	(void)state;
	setup(&f, 2);
	add_message(&b, 1, 0, false);
	segment(&f, false, 99, slice_of(NULL, 0), 0, PACKET_SYN);
	segment(&f, false, 100, buf_slice(&b), (uint32_t)b.len, PACKET_ACK);
	segment(&f, false, 100 + (uint32_t)b.len, slice_of(NULL, 0), 0, PACKET_RST);
	assert_true(f.nr_reset == 1 && f.reset_by_querier);
	/* The same ports once more: another connection. */
	segment(&f, false, 7999, slice_of(NULL, 0), 0, PACKET_SYN);
	segment(&f, false, 8000, buf_slice(&b), (uint32_t)b.len, PACKET_ACK);
	assert_int_equal(f.nr, 2);
	for (uint32_t place = 2; place < 6; place++) {
		struct packet p = packet(false, TAP_TCP);

		p.tcp_flags = PACKET_SYN;
		watch_packet(f.watch, place, &p);
	}
	assert_int_equal(watch_stats(f.watch)->nr_connections, 2);
	assert_int_equal(watch_stats(f.watch)->nr_forgotten, 3);
	watch_forget_place(f.watch, 5);
	assert_int_equal(watch_stats(f.watch)->nr_connections, 1);
	watch_free(f.watch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_udp),	 cmocka_unit_test(test_fates),
		cmocka_unit_test(test_segments), cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_gaps),	 cmocka_unit_test(test_resets_and_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
