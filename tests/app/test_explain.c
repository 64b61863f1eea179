#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "app/explain.h"
#include "session/cause.h"

enum { COLUMNS = 80, DOCUMENT_MAX = 1 << 20 };

static void test_every_status_bitmap_and_cause_is_explained(void **state)
{
	char word[24];

	(void)state;
	for (int status = 0; status < STATUSES; status++) {
		const struct explanation *e = explain_find(status_name((enum status)status));

		assert_non_null(e);
		assert_string_equal(e->name, status_name((enum status)status));
	}
	for (int cause = 0; cause < CAUSES; cause++) {
		const struct explanation *e = explain_find(cause_name((enum cause)cause));

		assert_non_null(e);
		assert_string_equal(e->name, cause_name((enum cause)cause));
	}
	for (int bitmap = 0; bitmap < 16; bitmap++) {
		const struct explanation *e;

		snprintf(word, sizeof(word), "%d", bitmap);
		e = explain_find(word);
		snprintf(word, sizeof(word), "BitMap %d", bitmap);
		assert_non_null(e);
		assert_string_equal(e->name, word);
		assert_ptr_equal(explain_find(word), e);
	}
}

/* The messages that the name of a BitMap counts are the ones that its alias lists. */
static void test_aliases_are_the_bits(void **state)
{
	static const char *const mnemonics[] = { "CQ", "CR", "FQ", "FR" };

	(void)state;
	assert_null(explain_find("0")->alias);
	for (int bitmap = 1; bitmap < 16; bitmap++) {
		char word[24], expected[32] = "";

		for (int kind = 0; kind < 4; kind++) {
			if (!(bitmap >> kind & 1))
				continue;
			if (*expected)
				strcat(expected, " ");
			strcat(expected, mnemonics[kind]);
		}
		snprintf(word, sizeof(word), "%d", bitmap);
		assert_string_equal(explain_find(word)->alias, expected);
	}
}

static void test_lookup(void **state)
{
	static const struct {
		const char *topic, *name;
	} cases[] = {
		{ "5", "BitMap 5" },
		{ "BITMAP 5", "BitMap 5" },
		{ "bitmap=12", "BitMap 12" },
		{ "BitMap", "BitMap" },
		{ "CQFQ", "BitMap 5" },
		{ "CQ\xc2\xb7\xc2\xb7"
		  "FQ\xc2\xb7\xc2\xb7",
		  "BitMap 5" },
		{ "sampleloss", "SampleLoss" },
		{ "Upstream-Timeout", "upstream_timeout" },
		{ "losssuspected", "LossSuspected" },
		{ "16", NULL },
		{ "", NULL },
		{ " _-=", NULL },
		{ "upstream", NULL },
		{ "upstream_timeouts", NULL },
		{ "kernel", "Kernel" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct explanation *e = explain_find(cases[i].topic);

		if (cases[i].name)
			assert_string_equal(e ? e->name : cases[i].topic, cases[i].name);
		else if (e)
			fail_msg("\"%s\" found %s", cases[i].topic, e->name);
	}
}

static void test_walk_meets_each_topic_once(void **state)
{
	const struct explanation *e = NULL;
	unsigned n = 0;

	(void)state;
	while ((e = explain_next(e))) {
		assert_ptr_equal(explain_find(e->name), e);
		assert_true(++n < 1000);
	}
	assert_true(n >= STATUSES + 16 + CAUSES);
}

static void check_sentence(const char *text)
{
	if (!strchr(".:?", text[strlen(text) - 1]))
		fail_msg("not a sentence: %s", text);
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || (unsigned char)*c >= 0x7f)
			fail_msg("not plain ASCII: %s", text);
}

static void test_each_topic_is_whole(void **state)
{
	const struct explanation *e = NULL;

	(void)state;
	while ((e = explain_next(e))) {
		check_sentence(e->summary);
		assert_true(strlen(e->meaning) > 0);
		assert_non_null(e->steps);
		assert_non_null(e->steps[0].text);
		for (const char *const *cause = e->causes; cause && *cause; cause++)
			check_sentence(*cause);
		for (const struct explain_step *step = e->steps; step->text; step++)
			check_sentence(step->text);
	}
}

/* No line is too wide or ends with a blank, and code is closed. */
static void check_text(const struct buf *text, size_t columns)
{
	size_t from = 0, ticks = 0;

	assert_false(text->failed);
	assert_int_equal(text->data[text->len - 1], '\n');
	for (size_t i = 0; i < text->len; i++) {
		ticks += text->data[i] == '`';
		if (text->data[i] != '\n')
			continue;
		if (i - from > columns || (i > from && text->data[i - 1] == ' '))
			fail_msg("bad line: %.*s|", (int)(i - from), (const char *)text->data + from);
		from = i + 1;
	}
	assert_int_equal(ticks % 2, 0);
}

static void test_text_fits_the_terminal(void **state)
{
	const struct explanation *e = NULL;
	struct buf text;

	(void)state;
	buf_init(&text, DOCUMENT_MAX);
	while ((e = explain_next(e))) {
		buf_reset(&text);
		explain_print(e, &text);
		check_text(&text, COLUMNS);
	}
	buf_reset(&text);
	explain_topics(&text);
	check_text(&text, COLUMNS);
	buf_release(&text);
}

static void test_print(void **state)
{
	static const char expected[] =
		"-\n"
		"\n"
		"Field Extra\n"
		"The text that `extra` in the Corefile adds to each message.\n"
		"\n"
		"Of the form \"{remote} {port} {>id} {type} {name}\" it names the client in every\n"
		"message and is used to join them. Any other text is shown, and not used. An\n"
		"empty address with port 0 marks a refresh of the cache.\n"
		"\n"
		"What to look at next:\n"
		"  - CoreDNS 1.11.1 and later; older ones ignore the option without a word.\n";
	struct buf text;

	(void)state;
	buf_init(&text, DOCUMENT_MAX);
	buf_add_lit(&text, "-\n");
	explain_print(explain_find("extra"), &text);
	buf_add_byte(&text, 0);
	assert_string_equal((const char *)text.data, expected);
	buf_release(&text);
}

/* A buffer too small fails, and does not write past its end. */
static void test_small_buffer(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, 100);
	explain_print(explain_find("5"), &text);
	assert_true(text.failed);
	buf_reset(&text);
	explain_topics(&text);
	assert_true(text.failed);
	buf_reset(&text);
	explain_markdown(&text);
	assert_true(text.failed);
	buf_release(&text);
}

/* docs/explain.md is what the program says: `build/dnstap-analyser explain --markdown > docs/explain.md`. */
static void test_document_is_up_to_date(void **state)
{
	const char *source = getenv("DTA_SOURCE");
	uint8_t *document = calloc(1, DOCUMENT_MAX);
	struct buf text;
	char path[4096];
	size_t len;
	FILE *f;

	(void)state;
	assert_non_null(document);
	snprintf(path, sizeof(path), "%s/docs/explain.md", source ? source : ".");
	f = fopen(path, "rb");
	if (!f)
		fail_msg("cannot open %s", path);
	len = fread(document, 1, DOCUMENT_MAX, f);
	fclose(f);
	buf_init(&text, DOCUMENT_MAX);
	explain_markdown(&text);
	check_text(&text, DOCUMENT_MAX);
	if (!slice_eq(buf_slice(&text), slice_of(document, len)))
		fail_msg("%s is not what `dnstap-analyser explain --markdown` prints", path);
	buf_release(&text);
	free(document);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_status_bitmap_and_cause_is_explained),
		cmocka_unit_test(test_aliases_are_the_bits),
		cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_walk_meets_each_topic_once),
		cmocka_unit_test(test_each_topic_is_whole),
		cmocka_unit_test(test_text_fits_the_terminal),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_small_buffer),
		cmocka_unit_test(test_document_is_up_to_date),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
