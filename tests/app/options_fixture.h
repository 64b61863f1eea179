/* For the tests of the options: runs a command line. */
#pragma once

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
static inline int capture(int fd, FILE *stream, int (*run)(void *arg), void *arg)
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

static inline int parse(void *arg)
{
	struct arguments *a = arg;

	return options_parse(&o, a->argc, a->argv);
}

/* The command line as words, ended by NULL. Words are not changed. */
static inline int run_words(const char *first, ...)
{
	struct arguments a = { .argc = 1, .argv = { (char *)(uintptr_t) "dnstap-analyser" } };
	va_list words;

	va_start(words, first);
	for (const char *word = first; word; word = va_arg(words, const char *))
		a.argv[a.argc++] = (char *)(uintptr_t)word;
	va_end(words);
	return capture(STDERR_FILENO, stderr, parse, &a);
}

static inline void assert_ok(int result)
{
	if (result)
		fail_msg("refused: %s", said);
	assert_string_equal(said, "");
}

/* Refused with one line that contains both. */
static inline void assert_refused(int result, const char *what, const char *why)
{
	size_t len = strlen(said);

	assert_int_equal(result, -EINVAL);
	assert_int_equal(strncmp(said, "dnstap-analyser: ", 17), 0);
	if (len < 2 || strchr(said, '\n') != said + len - 1)
		fail_msg("not one line: %s", said);
	if (!strstr(said, what) || !strstr(said, why))
		fail_msg("neither \"%s\" nor \"%s\" may be missing: %s", what, why, said);
}
