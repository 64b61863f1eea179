#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* The table is walked, so the file is taken in whole; its functions get names that the linked objects do not have. */
#define options_parse tested_options_parse
#define options_help tested_options_help
#include "app/options.c"

enum { ARGS_MAX = 1200, TEXT_MAX = 65536 };

static struct options o; /* large */
static char said[TEXT_MAX];

/* Runs with what goes to that descriptor in said[]. */
static int capture(int fd, FILE *stream, int (*run)(void *arg), void *arg)
{
	FILE *file = tmpfile();
	int before = dup(fd), result;
	size_t n;

	assert_non_null(file);
	fflush(stream);
	dup2(fileno(file), fd);
	result = run(arg);
	fflush(stream);
	dup2(before, fd);
	close(before);
	rewind(file);
	n = fread(said, 1, sizeof(said) - 1, file);
	said[n] = 0;
	fclose(file);
	return result;
}

struct arguments {
	int argc;
	char *argv[ARGS_MAX];
};

static int parse(void *arg)
{
	struct arguments *a = arg;

	return options_parse(&o, a->argc, a->argv);
}

/* The command line as words, ended by NULL. Words are not changed. */
static int run_words(const char *first, ...)
{
	struct arguments a = { .argc = 1, .argv = { (char *)(uintptr_t) "dnstap-analyser" } };
	va_list words;

	va_start(words, first);
	for (const char *word = first; word; word = va_arg(words, const char *))
		a.argv[a.argc++] = (char *)(uintptr_t)word;
	va_end(words);
	return capture(STDERR_FILENO, stderr, parse, &a);
}

static void assert_ok(int result)
{
	if (result)
		fail_msg("refused: %s", said);
	assert_string_equal(said, "");
}

/* Refused with one line that contains both. */
static void assert_refused(int result, const char *what, const char *why)
{
	size_t len = strlen(said);

	assert_int_equal(result, -EINVAL);
	assert_int_equal(strncmp(said, "dnstap-analyser: ", 17), 0);
	if (len < 2 || strchr(said, '\n') != said + len - 1)
		fail_msg("not one line: %s", said);
	if (!strstr(said, what) || !strstr(said, why))
		fail_msg("neither \"%s\" nor \"%s\" may be missing: %s", what, why, said);
}

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
	} all[] = { { FOR_DAEMON, NULL }, { FOR_REPLAY, "replay" }, { FOR_EXPLAIN, "explain" } };

	(void)state;
	for (unsigned i = 0; i < OPTIONS; i++) {
		for (unsigned k = 0; k < sizeof(all) / sizeof(*all); k++) {
			char joined[128];
			int result;

			snprintf(joined, sizeof(joined), "--%s=%s", table[i].name,
				 good_value(&table[i]) ? good_value(&table[i]) : "");
			if (table[i].kind == VALUE_FLAG)
				*strchr(joined, '=') = 0;
			result = all[k].name ? run_words(all[k].name, "file", joined, NULL) : run_words(joined, NULL);
			if (table[i].commands & all[k].bit)
				assert_ok(result);
			else
				assert_refused(result, joined, "not an option of this command");
		}
	}
}

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
		cmocka_unit_test(test_numbers_at_their_limits),
		cmocka_unit_test(test_defaults_are_what_help_says),
		cmocka_unit_test(test_other_values),
		cmocka_unit_test(test_every_option_is_tested),
		cmocka_unit_test(test_forms_of_an_option),
		cmocka_unit_test(test_option_of_another_command),
		cmocka_unit_test(test_unknown_words),
		cmocka_unit_test(test_commands_and_files),
		cmocka_unit_test(test_help_and_version),
		cmocka_unit_test(test_how_often),
		cmocka_unit_test(test_terms_reach_the_selection),
		cmocka_unit_test(test_help_names_every_option_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
