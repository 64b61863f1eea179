#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <arpa/inet.h>
#include <cmocka.h>

#include "io/endpoint.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const struct {
	const char *text, *host;
	unsigned port;
} tcp[] = {
	{ "tcp://10.0.0.1:6000", "10.0.0.1", 6000 },
	{ "tcp://0.0.0.0:1", "0.0.0.0", 1 },
	{ "tcp://127.0.0.1:65535", "127.0.0.1", 65535 },
	{ "tcp://127.0.0.1", "127.0.0.1", ENDPOINT_PORT_DEFAULT },
	{ "tcp://[::]:6001", "::", 6001 },
	{ "tcp://[fd00::1]", "fd00::1", ENDPOINT_PORT_DEFAULT },
	{ "tcp://[fe80::1%lo]:53", "fe80::1%lo", 53 },
	{ "tcp://coredns.kube-system:6001", "coredns.kube-system", 6001 },
	{ "tcp://c", "c", ENDPOINT_PORT_DEFAULT },
	{ "tcp://h:007", "h", 7 },
};

static const struct {
	const char *text, *why;
} bad[] = {
	{ "", "tcp://ADDRESS:PORT or unix:///PATH" },
	{ "6000", "tcp://ADDRESS:PORT or unix:///PATH" },
	{ "10.0.0.1:6000", "tcp://ADDRESS:PORT or unix:///PATH" },
	{ "TCP://10.0.0.1:6000", "tcp://ADDRESS:PORT or unix:///PATH" },
	{ "tcp:10.0.0.1", "tcp://ADDRESS:PORT or unix:///PATH" },
	{ "tcp:/", "tcp://ADDRESS:PORT or unix:///PATH" },
	{ "tls://10.0.0.1:6000", "tcp://ADDRESS:PORT or unix:///PATH" },
	{ "/run/dnstap.sock", "tcp://ADDRESS:PORT or unix:///PATH" },
	{ "unix:/run/dnstap.sock", "tcp://ADDRESS:PORT or unix:///PATH" },
	{ "tcp://", "brackets" },
	{ "tcp://:6000", "brackets" },
	{ "tcp://[]:6000", "brackets" },
	{ "tcp://[::1:6000", "brackets" },
	{ "tcp://[::1]x", "brackets" },
	{ "tcp://[::1]6000", "brackets" },
	{ "tcp://::1", "brackets" },
	{ "tcp://fd00::1:6000", "brackets" },
	{ "tcp://h:", "brackets" },
	{ "tcp://h:0", "brackets" },
	{ "tcp://h:-1", "brackets" },
	{ "tcp://h:+1", "brackets" },
	{ "tcp://h: 1", "brackets" },
	{ "tcp://h:65536", "brackets" },
	{ "tcp://h:4294967297", "brackets" },
	{ "tcp://h:18446744073709551617", "brackets" },
	{ "tcp://h:99999999999999999999999", "brackets" },
	{ "tcp://h:6000x", "brackets" },
	{ "tcp://h:6000/", "brackets" },
	{ "tcp://h:60:00", "brackets" },
	{ "tcp://h:http", "brackets" },
	{ "unix://", "must be absolute" },
	{ "unix://run/dnstap.sock", "must be absolute" },
	{ "unix://./dnstap.sock", "must be absolute" },
};

static void test_tcp_is_parsed(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(tcp); i++) {
		struct endpoint e;
		const char *why;

		assert_true(endpoint_parse(tcp[i].text, &e, &why));
		assert_int_equal(e.kind, ENDPOINT_TCP);
		assert_string_equal(e.text, tcp[i].text);
		assert_string_equal(e.host, tcp[i].host);
		assert_int_equal(e.port, tcp[i].port);
	}
}

static void test_unix_is_parsed(void **state)
{
	struct endpoint e;
	const char *why;

	(void)state;
	assert_true(endpoint_parse("unix:///run/dns tap.sock", &e, &why));
	assert_int_equal(e.kind, ENDPOINT_UNIX);
	assert_string_equal(e.path, "/run/dns tap.sock");
	assert_string_equal(e.text, "unix:///run/dns tap.sock");
}

static void test_what_is_no_endpoint_is_refused_with_a_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		const char *why = NULL;
		struct endpoint e;

		if (endpoint_parse(bad[i].text, &e, &why))
			fail_msg("\"%s\" was taken", bad[i].text);
		if (!why || !strstr(why, bad[i].why))
			fail_msg("\"%s\": the reason is \"%s\"", bad[i].text, why ? why : "none");
	}
}

/* `prefix`, then letters up to `len` bytes in all. */
static const char *long_text(const char *prefix, size_t len)
{
	static char text[1024];

	memset(text, 'a', len);
	memcpy(text, prefix, strlen(prefix));
	text[len] = 0;
	return text;
}

static void test_lengths_are_bounded(void **state)
{
	enum { PATH_MAX_LEN = sizeof(((struct sockaddr_un *)0)->sun_path) - 1 };
	struct endpoint e;
	const char *why;

	(void)state;
	assert_true(endpoint_parse(long_text("unix:///", strlen("unix://") + PATH_MAX_LEN), &e, &why));
	assert_int_equal(strlen(e.path), PATH_MAX_LEN);
	assert_false(endpoint_parse(long_text("unix:///", strlen("unix://") + PATH_MAX_LEN + 1), &e, &why));
	assert_non_null(strstr(why, "107"));
	assert_true(endpoint_parse(long_text("tcp://", strlen("tcp://") + ENDPOINT_HOST_MAX - 1), &e, &why));
	assert_int_equal(strlen(e.host), ENDPOINT_HOST_MAX - 1);
	assert_false(endpoint_parse(long_text("tcp://", strlen("tcp://") + ENDPOINT_HOST_MAX), &e, &why));
	assert_false(endpoint_parse(long_text("tcp://", ENDPOINT_TEXT_MAX - 1), &e, &why));
	assert_null(strstr(why, "too long"));
	assert_false(endpoint_parse(long_text("tcp://", ENDPOINT_TEXT_MAX), &e, &why));
	assert_string_equal(why, "too long");
	assert_false(endpoint_parse(long_text("tcp://", 1000), &e, &why));
}

/* Every prefix of every valid text is an endpoint or refused with a reason, and never read past its end. */
static void test_every_prefix(void **state)
{
	char text[ENDPOINT_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(tcp); i++) {
		for (size_t len = 0; len <= strlen(tcp[i].text); len++) {
			const char *why = NULL;
			struct endpoint e;

			snprintf(text, sizeof(text), "%.*s", (int)len, tcp[i].text);
			if (!endpoint_parse(text, &e, &why))
				assert_non_null(why);
			else
				assert_string_equal(e.text, text);
		}
	}
}

static struct endpoint parsed(const char *text)
{
	struct endpoint e;
	const char *why;

	assert_true(endpoint_parse(text, &e, &why));
	return e;
}

static void test_address_of_numbers(void **state)
{
	struct endpoint v4 = parsed("tcp://192.0.2.7:6001"), v6 = parsed("tcp://[2001:db8::7]:6002");
	struct endpoint_address a;
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&a.sockaddr;
	struct sockaddr_in *sin = (struct sockaddr_in *)&a.sockaddr;
	char text[INET6_ADDRSTRLEN];

	(void)state;
	assert_int_equal(endpoint_address(&v4, &a), 0);
	assert_int_equal(a.len, sizeof(*sin));
	assert_int_equal(sin->sin_family, AF_INET);
	assert_int_equal(ntohs(sin->sin_port), 6001);
	assert_string_equal(inet_ntop(AF_INET, &sin->sin_addr, text, sizeof(text)), "192.0.2.7");
	assert_int_equal(endpoint_address(&v6, &a), 0);
	assert_int_equal(a.len, sizeof(*sin6));
	assert_int_equal(sin6->sin6_family, AF_INET6);
	assert_int_equal(ntohs(sin6->sin6_port), 6002);
	assert_string_equal(inet_ntop(AF_INET6, &sin6->sin6_addr, text, sizeof(text)), "2001:db8::7");
}

static void test_address_of_a_path(void **state)
{
	struct endpoint e = parsed("unix:///run/dnstap.sock");
	struct endpoint_address a;

	(void)state;
	assert_int_equal(endpoint_address(&e, &a), 0);
	assert_int_equal(a.sockaddr.ss_family, AF_UNIX);
	assert_int_equal(a.len, sizeof(struct sockaddr_un));
	assert_string_equal(((struct sockaddr_un *)&a.sockaddr)->sun_path, "/run/dnstap.sock");
}

static void test_a_name_has_no_address_yet(void **state)
{
	static const char *const names[] = { "tcp://localhost:6000", "tcp://coredns.kube-system:6001", "tcp://10.0.0",
					     "tcp://10.0.0.256", "tcp://0x7f.0.0.1" };
	struct endpoint_address a;

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		struct endpoint e = parsed(names[i]);

		assert_int_equal(endpoint_address(&e, &a), -ENOENT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp_is_parsed),
		cmocka_unit_test(test_unix_is_parsed),
		cmocka_unit_test(test_what_is_no_endpoint_is_refused_with_a_reason),
		cmocka_unit_test(test_lengths_are_bounded),
		cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_address_of_numbers),
		cmocka_unit_test(test_address_of_a_path),
		cmocka_unit_test(test_a_name_has_no_address_yet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
