/* Commands, files, help, and how often an option may be given. */
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

static void test_unknown_words(void **state)
{
	static const char *const options[] = { "--no-such", "--no-such=1", "--listen-", "--liste", "--Listen=x",
					       "-l",	    "-listen",	   "--",	"--=",	   "-?" };

	(void)state;
	for (unsigned i = 0; i < sizeof(options) / sizeof(*options); i++)
		assert_refused(run_words(options[i], NULL), options[i], "unknown option; see --help");
	assert_refused(run_words("record", NULL), "record", "unknown command; see --help");
	assert_refused(run_words("-", NULL), "-", "unknown command; see --help");
	assert_refused(run_words("", NULL), "", "unknown command; see --help");
	assert_refused(run_words("--summary", "replay", "x", NULL), "--summary", "not an option of this command");
	assert_refused(run_words("replay", NULL), "replay", "which file?");
	assert_refused(run_words("replay", "--summary", NULL), "replay", "which file?");
}

static void test_commands_and_files(void **state)
{
	(void)state;
	assert_ok(run_words(NULL));
	assert_int_equal(o.command, COMMAND_DAEMON);
	assert_int_equal(o.log_level, LOG_INFO);
	assert_null(o.output);
	assert_int_equal(o.listen.nr + o.connect.nr + o.nr_files, 0);
	assert_ok(run_words("replay", "a", "--summary", "-", "--output", "-x", "b", NULL));
	assert_int_equal(o.command, COMMAND_REPLAY);
	assert_int_equal(o.log_level, LOG_WARN);
	assert_true(o.summary);
	assert_string_equal(o.output, "-x"); /* what follows an option is its value, whatever it looks like */
	assert_int_equal(o.nr_files, 3);
	assert_string_equal(o.files[0], "a");
	assert_string_equal(o.files[1], "-");
	assert_string_equal(o.files[2], "b");
	assert_ok(run_words("explain", NULL));
	assert_int_equal(o.command, COMMAND_EXPLAIN);
	assert_int_equal(o.nr_files, 0);
	assert_ok(run_words("version", NULL));
	assert_int_equal(o.command, COMMAND_VERSION);
	assert_ok(run_words("help", NULL));
	assert_int_equal(o.command, COMMAND_HELP);
}

/* Whoever asks for help gets it, also behind a command and before what would be wrong. */
static void test_help_and_version(void **state)
{
	(void)state;
	assert_ok(run_words("--help", "--no-such", NULL));
	assert_int_equal(o.command, COMMAND_HELP);
	assert_ok(run_words("-h", NULL));
	assert_int_equal(o.command, COMMAND_HELP);
	assert_ok(run_words("replay", "--help", NULL));
	assert_int_equal(o.command, COMMAND_HELP);
	assert_ok(run_words("explain", "x", "-h", NULL));
	assert_int_equal(o.command, COMMAND_HELP);
	assert_ok(run_words("--listen", "tcp://127.0.0.1:1", "--version", NULL));
	assert_int_equal(o.command, COMMAND_VERSION);
}

/* `nr` times the same words, behind the command. */
static int run_many(const char *command, const char *name, const char *value, unsigned nr)
{
	static struct arguments a;

	a.argc = 0;
	a.argv[a.argc++] = (char *)(uintptr_t) "dnstap-analyser";
	if (command)
		a.argv[a.argc++] = (char *)(uintptr_t)command;
	for (unsigned i = 0; i < nr; i++) {
		if (name)
			a.argv[a.argc++] = (char *)(uintptr_t)name;
		a.argv[a.argc++] = (char *)(uintptr_t)value;
		assert_true(a.argc < ARGS_MAX - 2);
	}
	return capture(STDERR_FILENO, stderr, parse, &a);
}

static void test_how_often(void **state)
{
	static const char *const bounded[][2] = { { "--rcode", "SERVFAIL" },
						  { "--client", "10.0.0.1" },
						  { "--qname", "example.com" } };

	(void)state;
	assert_ok(run_many(NULL, "--listen", "tcp://127.0.0.1:1", ENDPOINTS_MAX));
	assert_int_equal(o.listen.nr, ENDPOINTS_MAX);
	assert_refused(run_many(NULL, "--listen", "tcp://127.0.0.1:1", ENDPOINTS_MAX + 1), "--listen", "too many");
	assert_ok(run_many(NULL, "--connect", "tcp://c:1", ENDPOINTS_MAX));
	assert_refused(run_many(NULL, "--connect", "tcp://c:1", ENDPOINTS_MAX + 1), "--connect", "too many");
	for (unsigned i = 0; i < sizeof(bounded) / sizeof(*bounded); i++) {
		assert_ok(run_many(NULL, bounded[i][0], bounded[i][1], SELECTION_TERMS_MAX));
		assert_refused(run_many(NULL, bounded[i][0], bounded[i][1], SELECTION_TERMS_MAX + 1), bounded[i][0],
			       "more than 32");
	}
	assert_ok(run_many(NULL, "--status", "Failed", 100));
	assert_ok(run_many(NULL, "--max-sessions", "7", 100));
	assert_int_equal(o.limits.sessions_max, 7);
	assert_ok(run_many("replay", NULL, "file", FILES_MAX));
	assert_int_equal(o.nr_files, FILES_MAX);
	assert_refused(run_many("replay", NULL, "file", FILES_MAX + 1), "file", "too many files");
}

static void test_terms_reach_the_selection(void **state)
{
	(void)state;
	assert_ok(run_words("--status", "Failed", "--status=SampleLoss", "--bitmap", "5", "--bitmap=7", "--cause",
			    "no_response", "--rcode", "SERVFAIL", "--rcode", "3", "--client", "10.0.0.0/8", "--qname",
			    "Example.COM.", NULL));
	assert_int_equal(o.selection.statuses, 1U << STATUS_FAILED | 1U << STATUS_SAMPLE_LOSS);
	assert_int_equal(o.selection.bitmaps, 1U << 5 | 1U << 7);
	assert_int_equal(o.selection.causes, 1U << CAUSE_NO_RESPONSE);
	assert_int_equal(o.selection.nr_rcodes, 2);
	assert_int_equal(o.selection.rcodes[0], 2);
	assert_int_equal(o.selection.rcodes[1], 3);
	assert_int_equal(o.selection.nr_clients, 1);
	assert_int_equal(o.selection.nr_qnames, 1);
}

static int print_help(void *arg)
{
	(void)arg;
	options_help();
	return 0;
}

static void test_help_names_every_option_once(void **state)
{
	(void)state;
	assert_int_equal(capture(STDOUT_FILENO, stdout, print_help, NULL), 0);
	for (unsigned i = 0; i < OPTIONS; i++) {
		char entry[64];
		const char *at;

		snprintf(entry, sizeof(entry), "\n  --%s%s", table[i].name, table[i].placeholder ? " " : "");
		at = strstr(said, entry);
		if (!at || strstr(at + 1, entry))
			fail_msg("--%s: not once in --help", table[i].name);
		assert_non_null(strstr(at, table[i].help));
	}
	for (unsigned i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		assert_non_null(strstr(said, commands[i].name));
	assert_int_equal(said[strlen(said) - 1], '\n');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unknown_words),
		cmocka_unit_test(test_commands_and_files),
		cmocka_unit_test(test_help_and_version),
		cmocka_unit_test(test_how_often),
		cmocka_unit_test(test_terms_reach_the_selection),
		cmocka_unit_test(test_help_names_every_option_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
