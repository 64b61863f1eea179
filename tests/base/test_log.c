#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"

enum { TIME_LENGTH = sizeof("time=2026-11-23T05:24:11.123Z") - 1, VALUE_MAX = 9000 };

static int saved_stderr;
static int pipe_ends[2];
static char captured[65536];

static void capture_begin(void)
{
	assert_int_equal(pipe2(pipe_ends, O_NONBLOCK), 0);
	saved_stderr = dup(STDERR_FILENO);
	assert_true(saved_stderr >= 0);
	assert_true(dup2(pipe_ends[1], STDERR_FILENO) >= 0);
}

/* Into captured, without the first line's time when it is one. */
static const char *capture_end(void)
{
	ssize_t n;

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(pipe_ends[1]);
	n = read(pipe_ends[0], captured, sizeof(captured) - 1);
	close(pipe_ends[0]);
	captured[n > 0 ? n : 0] = 0;
	return strncmp(captured, "time=", 5) == 0 ? captured + TIME_LENGTH : captured;
}

static void test_log__line(void **state)
{
	(void)state;
	capture_begin();
	log_info("hello there", F_STR("peer", "10.0.0.1:53"), F_UINT("nr", UINT64_MAX), F_UINT("zero", 0));
	assert_string_equal(capture_end(),
			    " level=info msg=\"hello there\" peer=10.0.0.1:53 nr=18446744073709551615 zero=0\n");
}

static void test_log__time_is_rfc3339(void **state)
{
	static const char form[] = "time=0000-00-00T00:00:00.000Z ";

	(void)state;
	capture_begin();
	log_error("x", F_UINT("a", 1));
	capture_end();
	for (size_t i = 0; i < sizeof(form) - 1; i++) {
		if (form[i] == '0')
			assert_in_range(captured[i], '0', '9');
		else
			assert_int_equal(captured[i], form[i]);
	}
}

static const struct {
	const char *value, *written;
} samples[] = {
	{ "plain", "plain" },
	{ "", "\"\"" },
	{ NULL, "\"\"" },
	{ "two words", "\"two words\"" },
	{ "a=b", "\"a=b\"" },
	{ "say \"no\"", "\"say \\\"no\\\"\"" },
	{ "back\\slash", "\"back\\\\slash\"" },
	{ "x\nlevel=error msg=\"forged\"", "\"x\\x0alevel=error msg=\\\"forged\\\"\"" },
	{ "\r\t\x1b[31m\x7f", "\"\\x0d\\x09\\x1b[31m\\x7f\"" },
	{ "\xc3\xa4", "\"\\xc3\\xa4\"" },
	{ "~!#%", "~!#%" },
};

static void test_log__values(void **state)
{
	char line[256];

	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
		capture_begin();
		log_warn("m", F_STR("k", samples[i].value));
		snprintf(line, sizeof(line), " level=warn msg=\"m\" k=%s\n", samples[i].written);
		assert_string_equal(capture_end(), line);
	}
}

/* Lengths around the limit on lines; plain and quoted values are added in different ways. */
static void test_log__long_value_is_still_one_line(void **state)
{
	static const char fillers[] = { 'x', ' ', '\n' };
	static char value[VALUE_MAX + 1];

	(void)state;
	for (size_t f = 0; f < sizeof(fillers); f++) {
		for (size_t len = VALUE_MAX - 1000; len <= VALUE_MAX; len += 7) {
			const char *line;

			memset(value, fillers[f], len);
			value[len] = 0;
			capture_begin();
			log_info("m", F_STR("k", value), F_STR("after", "it"));
			line = capture_end();
			assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
		}
	}
}

static void test_log__threshold(void **state)
{
	static const enum log_level levels[] = { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		unsigned nr = 0;

		log_set_level(levels[i]);
		capture_begin();
		log_error("1", F_UINT("a", 1));
		log_warn("2", F_UINT("a", 1));
		log_info("3", F_UINT("a", 1));
		log_debug("4", F_UINT("a", 1));
		for (const char *p = capture_end(); (p = strchr(p, '\n')); p++)
			nr++;
		assert_int_equal(nr, i + 1);
	}
	log_set_level(LOG_INFO);
}

static void test_log__level_parse(void **state)
{
	static const char *const words[] = { "error", "warn", "info", "debug" };
	static const char *const none[] = { "", "Error", "warning", "inf", "debug ", "4" };
	enum log_level level = LOG_WARN;

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		assert_false(log_level_parse(none[i], &level));
		assert_int_equal(level, LOG_WARN);
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		assert_true(log_level_parse(words[i], &level));
		assert_int_equal(level, i);
	}
}

static void test_log__errno(void **state)
{
	(void)state;
	capture_begin();
	assert_int_equal(log_errno(ENOENT, "cannot open", "/a b"), -ENOENT);
	assert_string_equal(capture_end(), " level=error msg=\"cannot open\" subject=\"/a b\" "
					   "error=\"No such file or directory\"\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_log__line),      cmocka_unit_test(test_log__time_is_rfc3339),
		cmocka_unit_test(test_log__values),    cmocka_unit_test(test_log__long_value_is_still_one_line),
		cmocka_unit_test(test_log__threshold), cmocka_unit_test(test_log__level_parse),
		cmocka_unit_test(test_log__errno),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
