#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "options_fixture.h"

/* A command that takes this option, and the file that replay wants. */
static const char *command_of(const struct option *opt)
{
	return opt->commands & FOR_DAEMON ? NULL : opt->commands & FOR_REPLAY ? "replay" : "explain";
}

static int run_option(const struct option *opt, const char *value)
{
	const char *command = command_of(opt);
	char name[64];

	snprintf(name, sizeof(name), "--%s", opt->name);
	if (command)
		return run_words(command, "file", name, value, NULL);
	return run_words(name, value, NULL);
}

static bool is_number(const struct option *opt)
{
	return opt->kind == VALUE_DURATION || opt->kind == VALUE_SIZE || opt->kind == VALUE_COUNT ||
	       opt->kind == VALUE_OCTAL;
}

static uint64_t value_of(const struct option *opt)
{
	uint64_t n;

	memcpy(&n, (char *)&o + opt->at, sizeof(n));
	return n;
}

/* The finest unit that the command line knows. */
static uint64_t step_of(const struct option *opt)
{
	return opt->kind == VALUE_DURATION ? NS_PER_MS : 1;
}

static const char *number_text(const struct option *opt, uint64_t n)
{
	static char text[32];

	assert_int_equal(n % step_of(opt), 0);
	snprintf(text, sizeof(text), opt->kind == VALUE_OCTAL ? "%llo%s" : "%llu%s",
		 (unsigned long long)(n / step_of(opt)), opt->kind == VALUE_DURATION ? "ms" : "");
	return text;
}

static void check_in(const struct option *opt, uint64_t n)
{
	assert_ok(run_option(opt, number_text(opt, n)));
	assert_int_equal(value_of(opt), n);
}

static void check_out(const struct option *opt, const char *text)
{
	char allowed[128], name[64];
	enum value_unit unit = opt->kind == VALUE_DURATION ? VALUE_UNIT_NS
			       : opt->kind == VALUE_SIZE   ? VALUE_UNIT_BYTES
			       : opt->kind == VALUE_OCTAL  ? VALUE_UNIT_OCTAL
							   : VALUE_UNIT_ONE;

	snprintf(name, sizeof(name), "--%s: \"%s\"", opt->name, text);
	value_range_text(unit, opt->min, opt->max, allowed, sizeof(allowed));
	assert_refused(run_option(opt, text), name, allowed);
}

static void test_numbers_at_their_limits(void **state)
{
	static const char *const none[] = { "", "x", "-1", "+1", "1.5s", " 1", "18446744073709551616", "0x10" };
	unsigned nr = 0;

	(void)state;
	for (unsigned i = 0; i < OPTIONS; i++) {
		const struct option *opt = &table[i];

		if (!is_number(opt))
			continue;
		nr++;
		assert_true(opt->min < opt->max);
		check_in(opt, opt->min);
		check_in(opt, opt->min + step_of(opt));
		check_in(opt, opt->max - step_of(opt));
		check_in(opt, opt->max);
		if (opt->min)
			check_out(opt, number_text(opt, opt->min - step_of(opt)));
		check_out(opt, number_text(opt, opt->max + step_of(opt)));
		for (unsigned k = 0; k < sizeof(none) / sizeof(*none); k++)
			check_out(opt, none[k]);
	}
	assert_true(nr >= 10);
}

/* What --help says, `(default 10s)`, is what holds without the option. */
static void test_defaults_are_what_help_says(void **state)
{
	unsigned nr = 0;

	(void)state;
	for (unsigned i = 0; i < OPTIONS; i++) {
		const struct option *opt = &table[i];
		const char *text = strstr(opt->help, "(default ");
		uint64_t before;
		char word[32];

		if (!is_number(opt))
			continue;
		assert_non_null(text);
		assert_int_equal(sscanf(text, "(default %31[0-9a-zA-Z]", word), 1);
		assert_ok(command_of(opt) ? run_words(command_of(opt), "file", NULL) : run_words(NULL));
		before = value_of(opt);
		if (strcmp(opt->name, "succeeded-sample") == 0)
			before = before ? before : 1; /* 0 and 1 are the same: all */
		assert_ok(run_option(opt, word));
		if (value_of(opt) != before)
			fail_msg("--%s: the default is not %s", opt->name, word);
		nr++;
	}
	assert_true(nr >= 10);
}

/* A value that each option takes, and what it does not take. */
static const struct {
	const char *name, *good, *bad;
} others[] = {
	{ "listen", "tcp://127.0.0.1:1", "127.0.0.1" },
	{ "connect", "unix:///run/s", "unix://s" },
	{ "output", "file", NULL },
	{ "format", "text", "xml" },
	{ "format", "json", "JSON" },
	{ "log-level", "debug", "trace" },
	{ "log-level", "error", "" },
	{ "status", "Failed", "failed!" },
	{ "bitmap", "15", "16" },
	{ "bitmap", "0", "-1" },
	{ "cause", "upstream_timeout", "timeout" },
	{ "rcode", "SERVFAIL", "SERVFAILED" },
	{ "rcode", "2", "70000" },
	{ "client", "10.0.3.0/24", "10.0.3.0/33" },
	{ "client", "fd00::/8", "pod" },
	{ "qname", "example.com", "a..b" },
	{ "pcap", "file", NULL },
	{ "probe", "auto", "maybe" },
	{ "probe", "require", "" },
	{ "probe", "off", "OFF" },
	{ "probe-process", "coredns", NULL },
	{ "probe-pid", "1234", "0" },
	{ "probe-pid", "1", "x" },
	{ "probe-netns", "/run/netns/pod", NULL },
	{ "probe-port", "5353", "65536" },
	{ "probe-port", "1", "0" },
	{ "http", "127.0.0.1:9166", NULL },
	{ "no-messages", NULL, NULL },
	{ "summary", NULL, NULL },
	{ "markdown", NULL, NULL },
};

static const struct option *option_named(const char *name)
{
	const struct option *opt = find_option(name, strlen(name));

	if (!opt)
		fail_msg("no option --%s", name);
	return opt;
}

static void test_other_values(void **state)
{
	char quoted[64];

	(void)state;
	for (unsigned i = 0; i < sizeof(others) / sizeof(*others); i++) {
		const struct option *opt = option_named(others[i].name);

		assert_ok(run_option(opt, others[i].good));
		if (!others[i].bad)
			continue;
		snprintf(quoted, sizeof(quoted), "\"%s\"", others[i].bad);
		assert_refused(run_option(opt, others[i].bad), opt->name, quoted);
	}
}

static void test_every_option_is_tested(void **state)
{
	(void)state;
	for (unsigned i = 0; i < OPTIONS; i++) {
		bool is_tested = is_number(&table[i]);

		for (unsigned k = 0; k < sizeof(others) / sizeof(*others); k++)
			is_tested |= strcmp(others[k].name, table[i].name) == 0;
		if (!is_tested)
			fail_msg("--%s: no test knows it", table[i].name);
	}
}

static const char *good_value(const struct option *opt)
{
	for (unsigned i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (strcmp(others[i].name, opt->name) == 0)
			return others[i].good;
	return number_text(opt, opt->max);
}

/* --name=value and --name value are the same; without a value, or with one too many, the option is named. */
static void test_forms_of_an_option(void **state)
{
	(void)state;
	for (unsigned i = 0; i < OPTIONS; i++) {
		const struct option *opt = &table[i];
		const char *value = good_value(opt), *command = command_of(opt);
		char name[64], joined[128];

		snprintf(name, sizeof(name), "--%s", opt->name);
		snprintf(joined, sizeof(joined), "--%s=%s", opt->name, value ? value : "yes");
		if (opt->kind == VALUE_FLAG) {
			assert_ok(command ? run_words(command, "f", name, NULL) : run_words(name, NULL));
			assert_refused(command ? run_words(command, "f", joined, NULL) : run_words(joined, NULL),
				       joined, "takes no value");
			continue;
		}
		assert_ok(command ? run_words(command, "f", joined, NULL) : run_words(joined, NULL));
		assert_refused(command ? run_words(command, "f", name, NULL) : run_words(name, NULL), name,
			       "needs a value");
	}
}

static void test_option_of_another_command(void **state)
{
	static const struct {
		unsigned bit;
		const char *name;
	} all[] = {
		{ FOR_DAEMON, NULL }, { FOR_TRACE, "trace" }, { FOR_REPLAY, "replay" }, { FOR_EXPLAIN, "explain" }
	};

	(void)state;
	for (unsigned i = 0; i < OPTIONS; i++) {
		for (unsigned k = 0; k < sizeof(all) / sizeof(*all); k++) {
			char joined[128];
			int result;

			snprintf(joined, sizeof(joined), "--%s=%s", table[i].name,
				 good_value(&table[i]) ? good_value(&table[i]) : "");
			if (table[i].kind == VALUE_FLAG)
				*strchr(joined, '=') = 0;
			if (all[k].bit == FOR_TRACE)
				result = run_words("trace", joined, NULL);
			else
				result = all[k].name ? run_words(all[k].name, "file", joined, NULL)
						     : run_words(joined, NULL);
			if (table[i].commands & all[k].bit)
				assert_ok(result);
			else
				assert_refused(result, joined, "not an option of this command");
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_at_their_limits),
		cmocka_unit_test(test_defaults_are_what_help_says),
		cmocka_unit_test(test_other_values),
		cmocka_unit_test(test_every_option_is_tested),
		cmocka_unit_test(test_forms_of_an_option),
		cmocka_unit_test(test_option_of_another_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
