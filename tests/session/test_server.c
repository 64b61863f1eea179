/* Servers by identity or peer, and the upstreams that they have asked over UDP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "session/server.h"

static const struct hash_key hash_key = { { 1, 2, 3 } };

struct fixture {
	struct servers servers;
	struct stream stream;
};

static void setup(struct fixture *f, size_t max)
{
	*f = (struct fixture){ .stream = { .number = 1 } };
	list_init(&f->stream.sources);
	assert_int_equal(servers_init(&f->servers, max, &hash_key), 0);
}

static void teardown(struct fixture *f)
{
	while (!list_empty(&f->stream.sources))
		source_free(container_of(f->stream.sources.next, struct source, on_stream));
	servers_release(&f->servers);
}

static struct source *source(struct fixture *f, const char *identity, const char *version)
{
	bool is_new;

	return servers_source(&f->servers, &f->stream, slice_from_str(identity), slice_from_str(version), &is_new);
}

static void test_one_source_for_each_server(void **state)
{
	struct source *a, *b;
	struct fixture f;

	(void)state;
	setup(&f, 8);
	a = source(&f, "a", "CoreDNS-1.14.7");
	b = source(&f, "b", "");
	assert_ptr_not_equal(a, b);
	assert_ptr_not_equal(a->server, b->server);
	assert_ptr_equal(source(&f, "a", "CoreDNS-1.14.7"), a);
	assert_ptr_equal(source(&f, "b", ""), b);
	assert_int_not_equal(a->server->number, b->server->number);
	assert_int_equal(f.servers.count, 2);
	assert_true(slice_eq(server_name(a->server), slice_from_str("a")));
	assert_true(slice_eq(server_version(a->server), slice_from_str("CoreDNS-1.14.7")));
	assert_int_equal(a->server->release.number, RELEASE(1, 14, 7));
	teardown(&f);
}

/* CoreDNS comes back as another release. */
static void test_version_changes(void **state)
{
	struct source *a;
	struct fixture f;

	(void)state;
	setup(&f, 8);
	a = source(&f, "a", "CoreDNS-1.14.4");
	assert_ptr_equal(source(&f, "a", "CoreDNS-1.15.0"), a);
	assert_int_equal(a->server->release.number, RELEASE(1, 15, 0));
	source(&f, "a", "");
	assert_int_equal(a->server->release.kind, RELEASE_NONE);
	assert_int_equal(a->server->version_len, 0);
	teardown(&f);
}

static void test_long_names(void **state)
{
	char longest[400];
	struct source *a;
	struct fixture f;

	(void)state;
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = 0;
	setup(&f, 8);
	a = source(&f, longest, longest);
	assert_int_equal(a->server->name_len, SERVER_NAME_MAX);
	assert_int_equal(a->server->version_len, SERVER_VERSION_MAX);
	assert_ptr_equal(source(&f, longest, longest), a);
	assert_ptr_equal(source(&f, longest + 399 - SERVER_NAME_MAX, longest), a);
	assert_ptr_not_equal(source(&f, longest + 400 - SERVER_NAME_MAX, longest), a);
	teardown(&f);
}

static void test_peer_names_the_server(void **state)
{
	struct source *a;
	struct fixture f;

	(void)state;
	setup(&f, 8);
	assert_true(addr_parse(slice_from_str("fd00::1"), &f.stream.peer));
	f.stream.peer.port = 50000;
	a = source(&f, "", "");
	assert_false(a->server->has_identity);
	assert_true(slice_eq(server_name(a->server), slice_from_str("fd00::1")));
	assert_ptr_not_equal(source(&f, "fd00::1", ""), a);
	assert_ptr_equal(source(&f, "", ""), a);
	teardown(&f);
}

/* The one that was given a stream the longest ago goes; numbers are never used twice. */
static void test_room(void **state)
{
	struct source *a, *b, *c;
	struct fixture f;

	(void)state;
	setup(&f, 2);
	a = source(&f, "a", "");
	source_free(a);
	b = source(&f, "b", "");
	source_free(b);
	c = source(&f, "c", "");
	assert_int_equal(c->server->number, 3);
	assert_int_equal(f.servers.count, 2);
	assert_true(slice_eq(server_name(container_of(f.servers.lru.next, struct server, lru)), slice_from_str("b")));
	assert_int_equal(f.servers.nr_overflow, 0);
	b = source(&f, "b", "");
	assert_int_equal(b->server->number, 2);
	a = source(&f, "a", "");
	assert_int_equal(a->server->name_len, 0);
	assert_false(a->server->has_identity);
	assert_ptr_equal(source(&f, "d", "")->server, a->server);
	assert_int_equal(f.servers.nr_overflow, 2);
	teardown(&f);
}

static void test_upstreams(void **state)
{
	struct server server = { .number = 1 };
	struct addr upstream = { .len = 4, .port = 53, .ip = { 10 } };

	(void)state;
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < SERVER_UPSTREAMS_MAX; i++) {
			upstream.ip[3] = (uint8_t)i;
			assert_int_equal(server_asked_over_udp(&server, &upstream, TAP_TCP), round);
			assert_int_equal(server_asked_over_udp(&server, &upstream, TAP_UDP), round);
		}
	upstream.port = 54;
	assert_false(server_asked_over_udp(&server, &upstream, TAP_TCP));
	upstream.port = 53;
	upstream.ip[3] = SERVER_UPSTREAMS_MAX;
	assert_false(server_asked_over_udp(&server, &upstream, TAP_UDP));
	assert_true(server_asked_over_udp(&server, &upstream, TAP_TCP));
	/* The oldest was forgotten, the others not. */
	for (unsigned i = 0; i < SERVER_UPSTREAMS_MAX; i++) {
		upstream.ip[3] = (uint8_t)i;
		assert_int_equal(server_asked_over_udp(&server, &upstream, TAP_TCP), i > 0);
	}
	assert_int_equal(server.nr_upstreams, SERVER_UPSTREAMS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_source_for_each_server),
		cmocka_unit_test(test_version_changes),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_peer_names_the_server),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_upstreams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
