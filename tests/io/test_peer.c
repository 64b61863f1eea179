#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <cmocka.h>

#include "io/peer.h"

static struct endpoint_address v4(const char *ip, uint16_t port)
{
	struct endpoint_address a = { .len = sizeof(struct sockaddr_in) };
	struct sockaddr_in *sin = (struct sockaddr_in *)&a.sockaddr;

	sin->sin_family = AF_INET;
	sin->sin_port = htons(port);
	assert_int_equal(inet_pton(AF_INET, ip, &sin->sin_addr), 1);
	return a;
}

static struct endpoint_address v6(const char *ip, uint16_t port)
{
	struct endpoint_address a = { .len = sizeof(struct sockaddr_in6) };
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&a.sockaddr;

	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = htons(port);
	sin6->sin6_scope_id = 7;
	assert_int_equal(inet_pton(AF_INET6, ip, &sin6->sin6_addr), 1);
	return a;
}

static void check_named(struct endpoint_address from, const char *expected)
{
	char name[PEER_NAME_MAX];
	struct addr peer;

	assert_true(peer_address(&from, &peer));
	peer_name(&peer, "tcp://0.0.0.0:6000", name);
	assert_string_equal(name, expected);
}

static void test_addresses(void **state)
{
	(void)state;
	check_named(v4("10.0.0.1", 43210), "10.0.0.1:43210");
	check_named(v4("255.255.255.255", 65535), "255.255.255.255:65535");
	check_named(v6("fd00::1", 53), "[fd00::1]:53");
	check_named(v6("::", 0), "[::]:0");
	check_named(v6("1111:2222:3333:4444:5555:6666:7777:8888", 65535),
		    "[1111:2222:3333:4444:5555:6666:7777:8888]:65535");
}

/* An IPv4 producer at a socket of both families is the same server as at one of its own. */
static void test_mapped_address_is_ipv4(void **state)
{
	struct endpoint_address mapped = v6("::ffff:10.0.0.1", 1), plain = v4("10.0.0.1", 1);
	struct addr a, b;

	(void)state;
	check_named(mapped, "10.0.0.1:1");
	assert_true(peer_address(&mapped, &a));
	assert_true(peer_address(&plain, &b));
	assert_true(addr_eq(&a, &b));
}

static void test_unix_socket_has_no_address(void **state)
{
	struct endpoint_address from = { .len = sizeof(sa_family_t) };
	struct addr peer;

	(void)state;
	from.sockaddr.ss_family = AF_UNIX;
	assert_false(peer_address(&from, &peer));
	from.sockaddr.ss_family = AF_UNSPEC;
	assert_false(peer_address(&from, &peer));
}

static void test_without_address_the_endpoint_is_the_name(void **state)
{
	char name[PEER_NAME_MAX], endpoint[ENDPOINT_TEXT_MAX];

	(void)state;
	peer_name(NULL, "unix:///run/dnstap.sock", name);
	assert_string_equal(name, "unix:///run/dnstap.sock");
	memset(endpoint, 'x', sizeof(endpoint));
	for (size_t len = PEER_NAME_MAX - 2; len <= PEER_NAME_MAX + 1; len++) {
		endpoint[len] = 0;
		peer_name(NULL, endpoint, name);
		assert_int_equal(strlen(name), len < PEER_NAME_MAX ? len : PEER_NAME_MAX - 1);
		assert_memory_equal(name, endpoint, strlen(name));
		endpoint[len] = 'x';
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_mapped_address_is_ipv4),
		cmocka_unit_test(test_unix_socket_has_no_address),
		cmocka_unit_test(test_without_address_the_endpoint_is_the_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
