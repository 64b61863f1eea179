#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/dialer.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum { CONNECTIONS_MAX = 64, SCENARIO_MS = 7500, ACCEPTED_MAX = 32 };

struct fixture {
	struct event_base *base;
	struct engine *engine;
	struct producers *producers;
	char folder[32];
};

static void on_session(void *arg, const struct session *s, const struct verdict *v)
{
	(void)arg;
	(void)s;
	(void)v;
}

static int set_up_with(void **state, unsigned max)
{
	static struct fixture f;
	struct engine_callbacks callbacks = { .on_session = on_session };
	struct engine_limits limits = engine_limits_default();

	log_set_level(LOG_ERROR);
	f = (struct fixture){ .folder = "/tmp/test_dialer.XXXXXX" };
	limits.closed_max = 1000;
	f.base = event_base_new();
	f.engine = engine_new(&limits, &callbacks);
	f.producers = producers_new(f.base, f.engine, max, 4096);
	*state = &f;
	return f.base && f.engine && f.producers && mkdtemp(f.folder) ? 0 : -1;
}

static int set_up(void **state)
{
	return set_up_with(state, CONNECTIONS_MAX);
}

static int set_up_full(void **state)
{
	return set_up_with(state, 0);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[64];

	producers_free(f->producers);
	engine_free(f->engine);
	event_base_free(f->base);
	snprintf(command, sizeof(command), "rm -rf %s", f->folder);
	return system(command);
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(arg);
}

static void run_for_ms(struct fixture *f, unsigned ms)
{
	struct timeval time = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	event_base_once(f->base, -1, EV_TIMEOUT, on_time, f->base, &time);
	event_base_dispatch(f->base);
}

/* --- CoreDNS's side */

struct coredns {
	const char *name;
	const char *host; /* NULL: a unix socket */
	/*
	 * What it does with the first, second ... connection, the last one with all others as well: f finishes (READY,
	 * START, STOP), c closes behind START, r resets behind START, x closes at once, g says what is no Frame
	 * Streams, o stays open.
	 */
	const char *plan;
	unsigned expected; /* connections within SCENARIO_MS */

	struct event *acceptable;
	struct dialer *dialer;
	int listening;
	unsigned nr_accepted;
	int accepted[ACCEPTED_MAX];
};

static void say(int fd, void (*const *controls)(struct buf *out), size_t nr)
{
	struct buf b;

	buf_init(&b, 4096);
	for (size_t i = 0; i < nr; i++)
		controls[i](&b);
	assert_int_equal(send(fd, b.data, b.len, MSG_NOSIGNAL), b.len);
	buf_release(&b);
}

static void reset_connection(evutil_socket_t fd, short what, void *arg)
{
	struct linger reset = { .l_onoff = 1 };
	int *accepted = arg;

	(void)fd;
	(void)what;
	setsockopt(*accepted, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(*accepted);
	*accepted = -1;
}

static void on_accept(evutil_socket_t listening, short what, void *arg)
{
	static void (*const all[])(struct buf * out) = { frame_write_ready, frame_write_start, frame_write_stop };
	struct timeval soon = { .tv_usec = 20 * 1000 }; /* not together with the data */
	struct coredns *s = arg;
	int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	size_t last = strlen(s->plan) - 1;

	(void)what;
	assert_true(fd >= 0 && s->nr_accepted < ACCEPTED_MAX);
	s->accepted[s->nr_accepted] = fd;
	switch (s->plan[s->nr_accepted < last ? s->nr_accepted : last]) {
	case 'f':
		say(fd, all, 3);
		break;
	case 'c':
		say(fd, all, 2);
		shutdown(fd, SHUT_WR);
		break;
	case 'r':
		say(fd, all, 2);
		event_base_once(event_get_base(s->acceptable), -1, EV_TIMEOUT, reset_connection,
				&s->accepted[s->nr_accepted], &soon);
		break;
	case 'x':
		shutdown(fd, SHUT_WR);
		break;
	case 'g':
		assert_int_equal(send(fd, "HTTP/1.1 400 Bad Request\r\n", 26, MSG_NOSIGNAL), 26);
		break;
	}
	s->nr_accepted++;
}

/* Where `s` listens, or would: written into text. */
static void coredns_listen(struct fixture *f, struct coredns *s, char *text, size_t size)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	bool is_v6 = s->host && strchr(s->host, '[');
	struct sockaddr *at = is_v6 ? (struct sockaddr *)&sin6 : (struct sockaddr *)&sin;
	socklen_t len = is_v6 ? sizeof(sin6) : sizeof(sin);

	if (!s->host) {
		snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/%.40s", f->folder, s->name);
		at = (struct sockaddr *)&sun;
		len = sizeof(sun);
	}
	s->listening = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->listening, at, len), 0);
	getsockname(s->listening, at, &len);
	if (s->host)
		snprintf(text, size, "tcp://%s:%u", s->host, ntohs(is_v6 ? sin6.sin6_port : sin.sin_port));
	else
		snprintf(text, size, "unix://%s", sun.sun_path);
	if (!*s->plan)
		return;
	assert_int_equal(listen(s->listening, 8), 0);
	s->acceptable = event_new(f->base, s->listening, EV_READ | EV_PERSIST, on_accept, s);
	event_add(s->acceptable, NULL);
}

static void coredns_start(struct fixture *f, struct coredns *s)
{
	char text[ENDPOINT_TEXT_MAX];
	struct endpoint e;
	const char *why;

	coredns_listen(f, s, text, sizeof(text));
	assert_true(endpoint_parse(text, &e, &why));
	s->dialer = dialer_new(f->base, f->producers, &e);
	assert_non_null(s->dialer);
}

static void coredns_stop(struct coredns *s)
{
	dialer_free(s->dialer);
	if (s->acceptable)
		event_free(s->acceptable);
	close(s->listening);
	for (unsigned i = 0; i < s->nr_accepted; i++)
		if (s->accepted[i] >= 0)
			close(s->accepted[i]);
}

static const char *const v4 = "127.0.0.1";

/*
 * Times of connecting, in seconds: 0, 1, 2, 3, 4, 5, 6, 7 (eight) where each connection did its work, and 0, 1, 3, 7
 * (four) where none did. The scenarios run side by side.
 */
static void test_back_off(void **state)
{
	struct coredns servers[] = {
		{ .name = "finishes", .host = v4, .plan = "f", .expected = 8 },
		{ .name = "closes without STOP", .host = v4, .plan = "c", .expected = 8 },
		{ .name = "resets after its work", .host = v4, .plan = "r", .expected = 8 },
		{ .name = "speaks another protocol", .host = v4, .plan = "g", .expected = 4 },
		{ .name = "closes in the handshake", .host = v4, .plan = "x", .expected = 4 },
		{ .name = "is well again", .host = v4, .plan = "ggf", .expected = 7 },
		{ .name = "falls ill", .host = v4, .plan = "ffg", .expected = 4 }, /* 0, 1, 2, 4 */
		{ .name = "stays", .host = v4, .plan = "o", .expected = 1 },
		{ .name = "IPv6", .host = "[::1]", .plan = "f", .expected = 8 },
		{ .name = "unix", .plan = "f", .expected = 8 },
		{ .name = "nobody listens", .host = v4, .plan = "", .expected = 0 },
		{ .name = "nobody-listens-unix", .plan = "", .expected = 0 },
	};
	struct fixture *f = *state;
	unsigned wrong = 0;

	for (size_t i = 0; i < COUNT(servers); i++)
		coredns_start(f, &servers[i]);
	run_for_ms(f, SCENARIO_MS);
	assert_int_equal(producers_count(f->producers), 1);
	producers_free(f->producers);
	f->producers = NULL;
	for (size_t i = 0; i < COUNT(servers); i++) {
		struct coredns *s = &servers[i];
		const struct dialer_stats *st = dialer_stats(s->dialer);

		if (s->nr_accepted != s->expected || st->nr_connected != s->expected ||
		    st->nr_failed != (*s->plan ? 0 : 4)) {
			print_error("%s: %u accepted, %lu connected, %lu failed; expected %u\n", s->name,
				    s->nr_accepted, (unsigned long)st->nr_connected, (unsigned long)st->nr_failed,
				    s->expected);
			wrong++;
		}
		coredns_stop(s);
	}
	assert_int_equal(wrong, 0);
}

/* A name is resolved without blocking; this one is in every /etc/hosts, for IPv6 as well, where this server does not
 * listen. */
static void test_connects_by_name(void **state)
{
	struct coredns s = { .name = "by name", .host = "localhost", .plan = "o" };
	struct fixture *f = *state;

	coredns_start(f, &s);
	for (unsigned i = 0; i < 25 && s.nr_accepted == 0; i++)
		run_for_ms(f, 100);
	assert_int_equal(s.nr_accepted, 1);
	producers_free(f->producers);
	f->producers = NULL;
	coredns_stop(&s);
}

static void test_refused_by_the_limit_is_tried_again(void **state)
{
	struct coredns s = { .name = "limit", .host = v4, .plan = "o" };
	struct fixture *f = *state;

	coredns_start(f, &s);
	run_for_ms(f, 1500);
	assert_int_equal(s.nr_accepted, 2);
	assert_int_equal(producers_stats(f->producers)->nr_ended[PRODUCER_REFUSED], 2);
	coredns_stop(&s);
}

/* At every stage: not yet dialled, waiting for the answer (a full backlog does not answer), waiting to try again. */
static void test_freed_at_any_time(void **state)
{
	struct coredns waits = { .name = "waits", .host = v4, .plan = "" };
	struct coredns none = { .name = "none", .host = v4, .plan = "" };
	struct fixture *f = *state;
	char text[ENDPOINT_TEXT_MAX];
	struct dialer *dialers[4];
	struct endpoint e;
	const char *why;
	int fds[4];

	coredns_start(f, &none);
	coredns_stop(&none);
	coredns_start(f, &none);
	run_for_ms(f, 50);
	coredns_stop(&none);

	coredns_listen(f, &waits, text, sizeof(text));
	assert_int_equal(listen(waits.listening, 0), 0);
	assert_true(endpoint_parse(text, &e, &why));
	for (unsigned i = 0; i < COUNT(dialers); i++)
		dialers[i] = dialer_new(f->base, f->producers, &e);
	run_for_ms(f, 100);
	assert_true(producers_count(f->producers) < COUNT(dialers));
	producers_free(f->producers);
	f->producers = NULL;
	for (unsigned i = 0; i < COUNT(dialers); i++)
		dialer_free(dialers[i]);
	fcntl(waits.listening, F_SETFL, O_NONBLOCK);
	for (unsigned i = 0; i < COUNT(fds); i++)
		close(accept(waits.listening, NULL, NULL));
	close(waits.listening);
	dialer_free(NULL);
	run_for_ms(f, 50);
}

/* The question for a name that does not exist (RFC 6761) is on its way, or has been answered, and nothing of it stays.
 */
static void test_freed_while_it_resolves(void **state)
{
	struct fixture *f = *state;
	struct dialer *d;
	struct endpoint e;
	const char *why;

	assert_true(endpoint_parse("tcp://no-such-name.invalid:6001", &e, &why));
	d = dialer_new(f->base, f->producers, &e);
	assert_non_null(d);
	for (unsigned i = 0; i < 2; i++)
		event_base_loop(f->base, EVLOOP_NONBLOCK);
	dialer_free(d);
}

int main(void)
{
#define TEST(name, set_up_) cmocka_unit_test_setup_teardown(name, set_up_, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_back_off, set_up),
		TEST(test_connects_by_name, set_up),
		TEST(test_refused_by_the_limit_is_tried_again, set_up_full),
		TEST(test_freed_at_any_time, set_up),
		TEST(test_freed_while_it_resolves, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
