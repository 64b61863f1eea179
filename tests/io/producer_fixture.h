/* For the tests of the producers: connections to them, and frames to send. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"
#include "io/producer.h"

enum {
	FRAME_MAX = 2000,
	CONNECTIONS_MAX = 64,
	CAP = 4 << 20,
	SPINS = 50,
};

/* Engine, event loop and producers; `ended` counts what on_end was told. */
struct fixture {
	struct event_base *base;
	struct engine *engine;
	struct producers *producers;
	unsigned nr_sessions;
	unsigned ended[PRODUCER_ENDS];
};

static inline void on_session(void *arg, const struct session *s, const struct verdict *v)
{
	struct fixture *f = arg;

	(void)s;
	(void)v;
	f->nr_sessions++;
}

static inline void on_end(void *arg, enum producer_end end, bool has_started)
{
	struct fixture *f = arg;

	(void)has_started;
	f->ended[end]++;
}

static inline int set_up_with(void **state, unsigned max, uint32_t frame_max)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct engine_callbacks callbacks = { .on_session = on_session, .arg = f };
	struct engine_limits limits = engine_limits_default();

	limits.closed_max = 1000;
	f->base = event_base_new();
	f->engine = engine_new(&limits, &callbacks);
	f->producers = producers_new(f->base, f->engine, max, frame_max);
	*state = f;
	return f->base && f->engine && f->producers ? 0 : -1;
}

static inline int set_up(void **state)
{
	log_set_level(LOG_ERROR);
	return set_up_with(state, CONNECTIONS_MAX, FRAME_MAX);
}

static inline int set_up_large(void **state)
{
	return set_up_with(state, CONNECTIONS_MAX, 1 << 20);
}

static inline int set_up_two(void **state)
{
	return set_up_with(state, 2, FRAME_MAX);
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;

	producers_free(f->producers);
	engine_free(f->engine);
	event_base_free(f->base);
	free(f);
	return 0;
}

static inline void spin(struct fixture *f)
{
	for (unsigned i = 0; i < SPINS; i++)
		event_base_loop(f->base, EVLOOP_NONBLOCK);
}

/* A connection whose other end is returned. */
static inline int add(struct fixture *f)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	assert_true(producers_add(f->producers, ends[0], NULL, "test", on_end, f));
	return ends[1];
}

static inline void send_bytes(struct fixture *f, int fd, struct slice bytes)
{
	while (bytes.len) {
		ssize_t n = send(fd, bytes.data, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0) {
			assert_int_equal(errno, EAGAIN);
			n = 0;
		}
		bytes = slice_of(bytes.data + n, bytes.len - (size_t)n);
		spin(f);
	}
}

/* Whether the end has been reached; what came before must be `expected`. */
static inline bool received(int fd, struct slice expected)
{
	uint8_t got[1024];
	size_t len = 0;
	ssize_t n;

	while ((n = recv(fd, got + len, sizeof(got) - len, MSG_DONTWAIT)) > 0)
		len += (size_t)n;
	assert_int_equal(len, expected.len);
	if (len)
		assert_memory_equal(got, expected.data, len);
	return n == 0 || errno == ECONNRESET;
}

static inline struct slice none(void)
{
	return slice_of("", 0);
}

static inline struct buf bytes_of(void (*write_control)(struct buf *out))
{
	struct buf b;

	buf_init(&b, CAP);
	write_control(&b);
	return b;
}

/* --- frames: a CLIENT_QUERY or CLIENT_RESPONSE of 10.0.0.1:1000 at 2001-09-09 and `number` nanoseconds, without DNS
 * message */

static inline void add_fixed32(struct buf *b, uint8_t field, uint32_t value)
{
	buf_add_byte(b, (uint8_t)(field << 3 | 5));
	for (unsigned i = 0; i < 4; i++)
		buf_add_byte(b, (uint8_t)(value >> 8 * i));
}

static inline void add_time(struct buf *b, uint8_t sec_field, uint32_t nsec)
{
	/* 10^9 seconds as a varint */
	buf_add_byte(b, (uint8_t)(sec_field << 3));
	buf_add(b, "\x80\x94\xeb\xdc\x03", 5);
	add_fixed32(b, (uint8_t)(sec_field + 1), nsec);
}

static inline void add_message(struct buf *out, bool is_response, uint32_t number)
{
	static const uint8_t head[] = { 0x0a, 1, 'c' };		   /* identity */
	static const uint8_t tail[] = { 0x78, 1 };		   /* type: MESSAGE */
	static const uint8_t peer[] = { 0x10, 1,    0x18, 1,	   /* INET, UDP */
					0x22, 4,    10,	  0, 0, 1, /* query_address */
					0x30, 0xe8, 0x07 };	   /* query_port */
	struct buf m;

	buf_init(&m, FRAME_MAX);
	buf_add_byte(&m, 0x08);
	buf_add_byte(&m, is_response ? 6 : 5);
	buf_add(&m, peer, sizeof(peer));
	add_time(&m, 8, number);
	if (is_response)
		add_time(&m, 12, number + 1);
	buf_add(out, head, sizeof(head));
	buf_add_byte(out, 0x72);
	buf_add_byte(out, (uint8_t)m.len);
	buf_add(out, m.data, m.len);
	buf_add(out, tail, sizeof(tail));
	buf_release(&m);
}

static inline void add_frame(struct buf *out, bool is_response, uint32_t number)
{
	struct buf frame;

	buf_init(&frame, FRAME_MAX);
	add_message(&frame, is_response, number);
	frame_write_data(buf_slice(&frame), out);
	buf_release(&frame);
}

/* Handshake as wanted, sessions of two frames each, STOP. */
static inline struct buf conversation(bool is_bidirectional, unsigned sessions)
{
	struct buf b;

	buf_init(&b, CAP);
	if (is_bidirectional)
		frame_write_ready(&b);
	frame_write_start(&b);
	for (unsigned i = 0; i < sessions; i++) {
		add_frame(&b, false, i * 10);
		add_frame(&b, true, i * 10);
	}
	frame_write_stop(&b);
	assert_false(b.failed);
	return b;
}

static inline void assert_sessions(struct fixture *f, unsigned sessions)
{
	const struct engine_stats *st = engine_stats(f->engine);

	assert_int_equal(st->nr_frames, sessions * 2);
	assert_int_equal(st->nr_joined, sessions * 2);
	assert_int_equal(f->nr_sessions, sessions);
}
