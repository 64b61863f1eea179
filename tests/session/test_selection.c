/* Which sessions are printed: filters, then sampling; what is left out is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "sample.h"
#include "session/selection.h"

typedef bool (*add_fn)(struct selection *sel, const char *term);

/* Of the sample: Succeeded, BitMap 15, upstream_answer, NOERROR, 10.0.3.7, api.example.com. */
static const struct {
	add_fn add;
	const char *terms[3];
	bool is_wanted;
} filters[] = {
	{ selection_add_status, { "Succeeded" }, true },
	{ selection_add_status, { "succeeded" }, true },
	{ selection_add_status, { "Failed" }, false },
	{ selection_add_status, { "Failed", "SampleLoss" }, false },
	{ selection_add_status, { "Failed", "Succeeded" }, true },
	{ selection_add_bitmap, { "15" }, true },
	{ selection_add_bitmap, { "5" }, false },
	{ selection_add_bitmap, { "0", "15" }, true },
	{ selection_add_cause, { "upstream_answer" }, true },
	{ selection_add_cause, { "local_answer" }, false },
	{ selection_add_cause, { "local_answer", "upstream_answer" }, true },
	{ selection_add_rcode, { "NOERROR" }, true },
	{ selection_add_rcode, { "noerror" }, true },
	{ selection_add_rcode, { "0" }, true },
	{ selection_add_rcode, { "SERVFAIL" }, false },
	{ selection_add_rcode, { "SERVFAIL", "NOERROR" }, true },
	{ selection_add_client, { "10.0.3.7" }, true },
	{ selection_add_client, { "10.0.3.8" }, false },
	{ selection_add_client, { "10.0.3.7/32" }, true },
	{ selection_add_client, { "10.0.3.6/31" }, true },
	{ selection_add_client, { "10.0.3.8/29" }, false },
	{ selection_add_client, { "10.0.3.0/29" }, true },
	{ selection_add_client, { "10.0.2.0/24" }, false },
	{ selection_add_client, { "10.0.2.0/23" }, true },
	{ selection_add_client, { "11.0.0.0/7" }, true },
	{ selection_add_client, { "0.0.0.0/0" }, true },
	{ selection_add_client, { "::/0" }, false },
	{ selection_add_client, { "fd00::/8", "10.0.0.0/8" }, true },
	{ selection_add_qname, { "api.example.com." }, true },
	{ selection_add_qname, { "api.example.com" }, true },
	{ selection_add_qname, { "example.com" }, true },
	{ selection_add_qname, { "EXAMPLE.Com" }, true },
	{ selection_add_qname, { "com" }, true },
	{ selection_add_qname, { "." }, true },
	{ selection_add_qname, { "ample.com" }, false },
	{ selection_add_qname, { "i.example.com" }, false },
	{ selection_add_qname, { "www.api.example.com" }, false },
	{ selection_add_qname, { "example.co" }, false },
	{ selection_add_qname, { "api" }, false },
	{ selection_add_qname, { "example.org", "example.com" }, true },
};

static void test_filters(void **state)
{
	unsigned failed = 0;
	struct sample sample;

	(void)state;
	sample_init(&sample);
	for (unsigned i = 0; i < COUNT(filters); i++) {
		struct selection sel = { 0 };
		bool is_wanted;

		for (unsigned k = 0; k < 3 && filters[i].terms[k]; k++)
			assert_true(filters[i].add(&sel, filters[i].terms[k]));
		is_wanted = selection_wants(&sel, &sample.session, &sample.verdict);
		if (is_wanted == filters[i].is_wanted && sel.nr_filtered == !is_wanted && sel.nr_sampled_out == 0)
			continue;
		print_error("%s: %s\n", filters[i].terms[0], is_wanted ? "wanted" : "not wanted");
		failed++;
	}
	sample_release(&sample);
	assert_int_equal(failed, 0);
}

/* Terms of one kind are alternatives, kinds are all to be met. */
static void test_all_kinds(void **state)
{
	static const struct {
		add_fn add;
		const char *good, *bad;
	} kinds[] = {
		{ selection_add_status, "Succeeded", "Failed" },
		{ selection_add_bitmap, "15", "7" },
		{ selection_add_cause, "upstream_answer", "no_response" },
		{ selection_add_rcode, "NOERROR", "REFUSED" },
		{ selection_add_client, "10.0.0.0/8", "11.0.0.0/8" },
		{ selection_add_qname, "example.com", "example.org" },
	};
	struct sample sample;

	(void)state;
	sample_init(&sample);
	for (unsigned bad = 0; bad <= COUNT(kinds); bad++) {
		struct selection sel = { 0 };

		for (unsigned i = 0; i < COUNT(kinds); i++)
			assert_true(kinds[i].add(&sel, i == bad ? kinds[i].bad : kinds[i].good));
		assert_int_equal(selection_wants(&sel, &sample.session, &sample.verdict), bad == COUNT(kinds));
	}
	sample_release(&sample);
}

/* What a session does not have meets no filter. */
static void test_nothing_known(void **state)
{
	static const struct {
		add_fn add;
		const char *term;
	} terms[] = {
		{ selection_add_rcode, "NOERROR" },
		{ selection_add_client, "0.0.0.0/0" },
		{ selection_add_qname, "." },
	};
	struct sample sample;

	(void)state;
	sample_init_bare(&sample);
	for (unsigned i = 0; i < COUNT(terms); i++) {
		struct selection sel = { 0 };

		assert_true(selection_wants(&sel, &sample.session, &sample.verdict));
		assert_true(terms[i].add(&sel, terms[i].term));
		assert_false(selection_wants(&sel, &sample.session, &sample.verdict));
	}
	sample_release(&sample);
}

static void test_ipv6_clients(void **state)
{
	static const struct {
		const char *term;
		bool is_wanted;
	} terms[] = {
		{ "fd00::1", true },	{ "fd00::2", false },	  { "fd00::/16", true },
		{ "fd00::/127", true }, { "fd00::2/127", false }, { "fe00::/7", false },
		{ "fc00::/7", true },	{ "::/0", true },	  { "0.0.0.0/0", false },
	};
	struct sample sample;

	(void)state;
	sample_init(&sample);
	sample.session.client = sample_addr("fd00::1", 40123);
	for (unsigned i = 0; i < COUNT(terms); i++) {
		struct selection sel = { 0 };

		assert_true(selection_add_client(&sel, terms[i].term));
		if (selection_wants(&sel, &sample.session, &sample.verdict) != terms[i].is_wanted)
			fail_msg("%s", terms[i].term);
	}
	sample_release(&sample);
}

/* The client that an old release names in a refresh is none. */
static void test_refresh_has_no_client(void **state)
{
	struct selection sel = { 0 };
	struct sample sample;

	(void)state;
	sample_init(&sample);
	sample.session.bitmap = BIT_FQ | BIT_FR;
	sample.session.has_client = false;
	sample.session.protocol = TAP_TCP;
	assert_true(selection_add_client(&sel, "10.0.3.7"));
	assert_false(selection_wants(&sel, &sample.session, &sample.verdict));
	sample_release(&sample);
}

/* Labels are compared, not text: a dot inside a label is no boundary. */
static void test_dots_in_labels(void **state)
{
	struct selection sel = { 0 };
	struct sample sample;

	(void)state;
	sample_init_bare(&sample);
	sample.session.query = sample_dns(&sample, false, (struct dns_spec){ .id = 7, .qname = "a\\.example.com." });
	assert_true(selection_add_qname(&sel, "example.com"));
	assert_false(selection_wants(&sel, &sample.session, &sample.verdict));
	assert_true(selection_add_qname(&sel, "a\\.example.com"));
	assert_true(selection_wants(&sel, &sample.session, &sample.verdict));
	sample_release(&sample);
}

/* "sampling applies to Succeeded only": every n-th, the first among them. */
static void test_sampling(void **state)
{
	struct selection sel = { .succeeded_sample = 3 };
	struct sample sample;
	char printed[11] = "";

	(void)state;
	sample_init(&sample);
	assert_true(selection_add_bitmap(&sel, "15"));
	for (unsigned i = 0; i < 10; i++)
		printed[i] = selection_wants(&sel, &sample.session, &sample.verdict) ? 'x' : '-';
	assert_string_equal(printed, "x--x--x--x");
	assert_int_equal(sel.nr_sampled_out, 6);
	assert_int_equal(sel.nr_filtered, 0);
	sample.session.bitmap = 3;
	assert_false(selection_wants(&sel, &sample.session, &sample.verdict));
	assert_int_equal(sel.nr_filtered, 1);
	assert_int_equal(sel.nr_succeeded, 10);
	sample.session.bitmap = 15;
	for (unsigned status = STATUS_FAILED; status < STATUSES; status++) {
		sample.verdict.status = (enum status)status;
		for (unsigned i = 0; i < 5; i++)
			assert_true(selection_wants(&sel, &sample.session, &sample.verdict));
	}
	assert_int_equal(sel.nr_sampled_out, 6);
	sample_release(&sample);
}

static void test_all_of_a_sample(void **state)
{
	struct sample sample;

	(void)state;
	sample_init(&sample);
	for (uint64_t n = 0; n <= 1; n++) {
		struct selection sel = { .succeeded_sample = n };

		for (unsigned i = 0; i < 5; i++)
			assert_true(selection_wants(&sel, &sample.session, &sample.verdict));
		assert_int_equal(sel.nr_sampled_out, 0);
	}
	sample_release(&sample);
}

static void test_terms_not_understood(void **state)
{
	static const struct {
		add_fn add;
		const char *term;
	} terms[] = {
		{ selection_add_status, "Good" },
		{ selection_add_status, "" },
		{ selection_add_bitmap, "16" },
		{ selection_add_bitmap, "-1" },
		{ selection_add_bitmap, "" },
		{ selection_add_bitmap, "5x" },
		{ selection_add_bitmap, " 5" },
		{ selection_add_bitmap, "99999999999999999999" },
		{ selection_add_cause, "because" },
		{ selection_add_rcode, "OK" },
		{ selection_add_rcode, "" },
		{ selection_add_client, "10.0.0" },
		{ selection_add_client, "10.0.0.0/33" },
		{ selection_add_client, "10.0.0.0/" },
		{ selection_add_client, "10.0.0.0/-1" },
		{ selection_add_client, "fd00::/129" },
		{ selection_add_client, "" },
		{ selection_add_qname, "a..b" },
		{ selection_add_qname, "" },
	};
	struct selection sel = { 0 };
	struct selection none = { 0 };

	(void)state;
	for (unsigned i = 0; i < COUNT(terms); i++)
		if (terms[i].add(&sel, terms[i].term))
			fail_msg("\"%s\" was taken", terms[i].term);
	assert_int_equal(sel.statuses | sel.bitmaps | sel.causes, 0);
	assert_int_equal(sel.nr_rcodes + sel.nr_clients + sel.nr_qnames, 0);
	assert_int_equal(none.nr_filtered, sel.nr_filtered);
}

static void test_too_many_terms(void **state)
{
	struct selection sel = { 0 };

	(void)state;
	for (unsigned i = 0; i < SELECTION_TERMS_MAX; i++) {
		assert_true(selection_add_rcode(&sel, "NOERROR"));
		assert_true(selection_add_client(&sel, "10.0.0.1"));
		assert_true(selection_add_qname(&sel, "example.com"));
	}
	assert_false(selection_add_rcode(&sel, "NOERROR"));
	assert_false(selection_add_client(&sel, "10.0.0.1"));
	assert_false(selection_add_qname(&sel, "example.com"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_all_kinds),
		cmocka_unit_test(test_nothing_known),
		cmocka_unit_test(test_ipv6_clients),
		cmocka_unit_test(test_refresh_has_no_client),
		cmocka_unit_test(test_dots_in_labels),
		cmocka_unit_test(test_sampling),
		cmocka_unit_test(test_all_of_a_sample),
		cmocka_unit_test(test_terms_not_understood),
		cmocka_unit_test(test_too_many_terms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
