/* For the tests of the listener: a loop with producers, and connections to it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/listener.h"

enum { CONNECTIONS_MAX = 64, WAIT_MS = 3000, DESCRIPTORS_LEFT = 3 };

struct fixture {
	struct event_base *base;
	struct engine *engine;
	struct producers *producers;
	char folder[32];
};

static inline void on_session(void *arg, const struct session *s, const struct verdict *v)
{
	(void)arg;
	(void)s;
	(void)v;
}

static inline int set_up(void **state)
{
	static struct fixture f;
	struct engine_callbacks callbacks = { .on_session = on_session };
	struct engine_limits limits = engine_limits_default();

	log_set_level(LOG_ERROR);
	f = (struct fixture){ .folder = "/tmp/test_listener.XXXXXX" };
	limits.closed_max = 1000;
	f.base = event_base_new();
	f.engine = engine_new(&limits, &callbacks);
	f.producers = producers_new(f.base, f.engine, CONNECTIONS_MAX, 4096);
	*state = &f;
	return f.base && f.engine && f.producers && mkdtemp(f.folder) ? 0 : -1;
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[64];

	producers_free(f->producers);
	engine_free(f->engine);
	event_base_free(f->base);
	snprintf(command, sizeof(command), "rm -rf %s", f->folder);
	return system(command);
}

static inline struct listener *listen_on(struct fixture *f, const char *text, unsigned socket_mode)
{
	struct endpoint e;
	const char *why;

	assert_true(endpoint_parse(text, &e, &why));
	errno = 0;
	return listener_new(f->base, f->producers, &e, socket_mode);
}

/* Runs the loop until there are `count` producers. */
static inline void wait_for_producers(struct fixture *f, unsigned count)
{
	uint64_t began_ns = clock_monotonic_ns();

	while (producers_count(f->producers) != count && clock_monotonic_ns() - began_ns < WAIT_MS * 1000000ULL) {
		event_base_loop(f->base, EVLOOP_NONBLOCK);
		usleep(1000);
	}
	assert_int_equal(producers_count(f->producers), count);
}

static inline int connect_to(const char *text)
{
	struct endpoint_address at;
	struct endpoint e;
	const char *why;
	int fd;

	assert_true(endpoint_parse(text, &e, &why));
	assert_int_equal(endpoint_address(&e, &at), 0);
	fd = socket(at.sockaddr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&at.sockaddr, at.len) == 0)
		return fd;
	close(fd);
	return -1;
}
