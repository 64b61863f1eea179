/* What follows from the release: docs/coredns-dnstap.md and the contract's section 1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "session/release.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum { CLIENT = FORWARDER_ADDRESS_CLIENT, SOCKET = FORWARDER_ADDRESS_SOCKET, UNTOLD = FORWARDER_ADDRESS_UNTOLD };

static const struct {
	const char *version;
	enum release_kind kind;
	uint32_t number;
	int address;
	bool flushes, taps_errors, marks_refresh;
} releases[] = {
	{ "", RELEASE_NONE, 0, CLIENT, false, false, false },
	{ "CoreDNS-1.9.0", RELEASE_KNOWN, RELEASE(1, 9, 0), CLIENT, true, false, false },
	{ "CoreDNS-1.9.1", RELEASE_KNOWN, RELEASE(1, 9, 1), CLIENT, false, false, false },
	{ "CoreDNS-1.10.1", RELEASE_KNOWN, RELEASE(1, 10, 1), CLIENT, false, false, false },
	{ "CoreDNS-1.13.1", RELEASE_KNOWN, RELEASE(1, 13, 1), CLIENT, false, false, false },
	{ "CoreDNS-1.13.2", RELEASE_KNOWN, RELEASE(1, 13, 2), CLIENT, true, false, false },
	{ "CoreDNS-1.14.2", RELEASE_KNOWN, RELEASE(1, 14, 2), CLIENT, true, false, false },
	{ "CoreDNS-1.14.3", RELEASE_KNOWN, RELEASE(1, 14, 3), CLIENT, true, false, true },
	{ "CoreDNS-1.14.4", RELEASE_KNOWN, RELEASE(1, 14, 4), CLIENT, true, false, true },
	{ "CoreDNS-1.14.5", RELEASE_KNOWN, RELEASE(1, 14, 5), SOCKET, true, false, true },
	{ "CoreDNS-1.14.7", RELEASE_KNOWN, RELEASE(1, 14, 7), SOCKET, true, false, true },
	{ "CoreDNS-1.14.1023", RELEASE_KNOWN, RELEASE(1, 14, 1023), SOCKET, true, false, true },
	{ "CoreDNS-1.15.0", RELEASE_KNOWN, RELEASE(1, 15, 0), SOCKET, true, true, true },
	{ "CoreDNS-2.0.0", RELEASE_KNOWN, RELEASE(2, 0, 0), SOCKET, true, true, true },
	{ "CoreDNS-1.15", RELEASE_KNOWN, RELEASE(1, 15, 0), SOCKET, true, true, true },
	{ "CoreDNS-1.14.7-rc1+local", RELEASE_KNOWN, RELEASE(1, 14, 7), SOCKET, true, false, true },
	/* The Corefile's own text. */
	{ "our build", RELEASE_OTHER, 0, UNTOLD, false, false, false },
	{ "CoreDNS-", RELEASE_OTHER, 0, UNTOLD, false, false, false },
	{ "CoreDNS-1", RELEASE_OTHER, 0, UNTOLD, false, false, false },
	{ "CoreDNS-x.y.z", RELEASE_OTHER, 0, UNTOLD, false, false, false },
	{ "CoreDNS-1.x", RELEASE_OTHER, 0, UNTOLD, false, false, false },
	{ "CoreDNS-1.1024.0", RELEASE_OTHER, 0, UNTOLD, false, false, false },
	{ "CoreDNS-99999999999999999999.1.1", RELEASE_OTHER, 0, UNTOLD, false, false, false },
	{ "coredns-1.14.7", RELEASE_OTHER, 0, UNTOLD, false, false, false },
	{ "1.14.7", RELEASE_OTHER, 0, UNTOLD, false, false, false },
	{ " CoreDNS-1.14.7", RELEASE_OTHER, 0, UNTOLD, false, false, false },
};

static void test_releases(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(releases); i++) {
		struct release r = release_parse(slice_from_str(releases[i].version));

		if (r.kind == releases[i].kind && r.number == releases[i].number &&
		    (int)release_forwarder_address(r) == releases[i].address &&
		    release_flushes_each_second(r) == releases[i].flushes &&
		    release_taps_own_errors(r) == releases[i].taps_errors &&
		    release_marks_refresh(r) == releases[i].marks_refresh)
			continue;
		fail_msg("\"%s\": kind %d, number %#x, address %d, flushes %d, taps errors %d, marks refresh %d",
			 releases[i].version, (int)r.kind, (unsigned)r.number, (int)release_forwarder_address(r),
			 release_flushes_each_second(r), release_taps_own_errors(r), release_marks_refresh(r));
	}
}

/* A number may stand at the very end of the frame. */
static void test_cut_off(void **state)
{
	static const char version[] = "CoreDNS-1.14.7";

	(void)state;
	assert_int_equal(release_parse(slice_of(version, 13)).number, RELEASE(1, 14, 0));
	assert_int_equal(release_parse(slice_of(version, 12)).number, RELEASE(1, 14, 0));
	assert_int_equal(release_parse(slice_of(version, 11)).number, RELEASE(1, 1, 0));
	assert_int_equal(release_parse(slice_of(version, 10)).kind, RELEASE_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_releases),
		cmocka_unit_test(test_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
