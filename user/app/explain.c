#include "explain.h"

#include <ctype.h>
#include <stdio.h>

#include "explain_texts.h"

enum { TEXT_COLUMNS = 80, MARKDOWN_COLUMNS = 120, NAME_COLUMNS = 22, BITMAPS = 16 };

static const struct {
	const char *title;
	const char *heading; /* in Markdown; none is a topic's name, so that links lead to the topics */
	const struct explanation *table;
} kinds[] = {
	{ "Status", "Status", explain_statuses },
	{ "BitMap", "BitMap values", explain_bitmaps },
	{ "Cause", "Causes", explain_causes },
	{ "Field", "Fields", explain_fields },
	{ "Packets", "What only packets tell", explain_kernel },
};

enum { KINDS_OF_TOPIC = sizeof(kinds) / sizeof(*kinds) };

#define PLACEHOLDERS                                                                                        \
	"In the commands POD is a CoreDNS pod (`Server` of a record), UPSTREAM an address of `Upstreams`, " \
	"NAME and TYPE the question, ADDRESS the analyser's; sessions.jsonl is the analyser's output."

/* --- looking up */

/* The next byte that counts, in lower case; the dots of the text line's "CQ··FQ··" are beyond ASCII. */
static int next_letter(const char **s)
{
	while (**s && (strchr(" _-=", **s) || (unsigned char)**s >= 0x80))
		(*s)++;
	return **s ? tolower((unsigned char)*(*s)++) : 0;
}

static bool same_topic(const char *a, const char *b)
{
	int letter;

	do {
		letter = next_letter(&a);
		if (letter != next_letter(&b))
			return false;
	} while (letter);
	return true;
}

static bool is_about(const struct explanation *e, const char *topic)
{
	return same_topic(e->name, topic) || (e->alias && same_topic(e->alias, topic));
}

const struct explanation *explain_find(const char *topic)
{
	const struct explanation *e = NULL;

	while ((e = explain_next(e)))
		if (is_about(e, topic))
			return e;
	for (e = explain_bitmaps; e->name; e++)
		if (same_topic(e->name + strlen("BitMap "), topic))
			return e;
	return NULL;
}

const struct explanation *explain_next(const struct explanation *before)
{
	bool is_found = !before;

	for (unsigned kind = 0; kind < KINDS_OF_TOPIC; kind++) {
		for (const struct explanation *e = kinds[kind].table; e->name; e++) {
			if (is_found)
				return e;
			is_found = e == before;
		}
	}
	return NULL;
}

/* --- writing */

static void add_spaces(struct buf *out, size_t n)
{
	while (n--)
		buf_add_byte(out, ' ');
}

/*
 * The words of a text up to its end or newline, in lines of at most `columns`, all but the first indented. `column` is
 * where the first line stands. Returns what follows.
 */
static const char *add_wrapped(struct buf *out, const char *text, size_t column, size_t indent, size_t columns)
{
	bool is_first = true;

	while (*text && *text != '\n') {
		size_t len = strcspn(text, " \n");

		if (!is_first && column + 1 + len > columns) {
			buf_add_byte(out, '\n');
			add_spaces(out, indent);
			column = indent;
		} else if (!is_first) {
			buf_add_byte(out, ' ');
			column++;
		}
		buf_add(out, text, len);
		column += len;
		text += len;
		text += *text == ' ';
		is_first = false;
	}
	buf_add_byte(out, '\n');
	return text + (*text == '\n');
}

static void add_paragraphs(struct buf *out, const char *text, size_t columns)
{
	while (*text) {
		buf_add_byte(out, '\n');
		text = add_wrapped(out, text, 0, 0, columns);
	}
}

/* "  1. text", indented to match. */
static void add_item(struct buf *out, const char *mark, const char *text, size_t columns)
{
	size_t indent = strlen(mark);

	buf_add_str(out, mark);
	add_wrapped(out, text, indent, indent, columns);
}

static void add_command(struct buf *out, const char *command, size_t indent)
{
	while (*command) {
		size_t len = strcspn(command, "\n");

		add_spaces(out, indent);
		buf_add(out, command, len);
		buf_add_byte(out, '\n');
		command += len;
		command += *command == '\n';
	}
}

static const char *kind_of(const struct explanation *e)
{
	for (unsigned kind = 0; kind < KINDS_OF_TOPIC; kind++)
		for (const struct explanation *other = kinds[kind].table; other->name; other++)
			if (other == e)
				return kinds[kind].title;
	return "";
}

/* "Status Failed", "BitMap 5 (CQ FQ)", "Cause upstream_timeout", "Field Linked". */
static void add_title(struct buf *out, const struct explanation *e)
{
	if (!strchr(e->name, ' ')) {
		buf_add_str(out, kind_of(e));
		buf_add_byte(out, ' ');
	}
	buf_add_str(out, e->name);
	if (e->alias)
		buf_addf(out, " (%s)", e->alias);
}

void explain_print(const struct explanation *e, struct buf *out)
{
	unsigned n = 1;
	char mark[16];

	if (out->len)
		buf_add_byte(out, '\n');
	add_title(out, e);
	buf_add_byte(out, '\n');
	add_wrapped(out, e->summary, 0, 0, TEXT_COLUMNS);
	add_paragraphs(out, e->meaning, TEXT_COLUMNS);
	if (e->causes)
		buf_add_lit(out, "\nLikely causes, most likely first:\n");
	for (const char *const *cause = e->causes; cause && *cause; cause++) {
		snprintf(mark, sizeof(mark), "%3u. ", n++);
		add_item(out, mark, *cause, TEXT_COLUMNS);
	}
	if (e->steps)
		buf_add_lit(out, "\nWhat to look at next:\n");
	for (const struct explain_step *step = e->steps; step && step->text; step++) {
		add_item(out, "  - ", step->text, TEXT_COLUMNS);
		if (step->command)
			add_command(out, step->command, 8);
	}
}

static void add_topic(struct buf *out, const struct explanation *e)
{
	size_t from = out->len, indent = 2 + NAME_COLUMNS + 1;

	buf_addf(out, "  %s", e->name);
	if (e->alias)
		buf_addf(out, "%s%s", strlen(e->name) < 9 ? "   " : "  ", e->alias);
	while (out->len - from < indent && !out->failed)
		buf_add_byte(out, ' ');
	add_wrapped(out, e->summary, out->len - from, indent, TEXT_COLUMNS);
}

void explain_topics(struct buf *out)
{
	buf_add_lit(out, "Topics of `dnstap-analyser explain TOPIC...`:\n");
	for (unsigned kind = 0; kind < KINDS_OF_TOPIC; kind++) {
		buf_addf(out, "\n%s\n", kinds[kind].title);
		for (const struct explanation *e = kinds[kind].table; e->name; e++)
			add_topic(out, e);
	}
	add_paragraphs(out, PLACEHOLDERS, TEXT_COLUMNS);
}

/* --- Markdown */

/* As GitHub makes it of a heading: lower case, blanks to hyphens. */
static void add_anchor(struct buf *out, const char *name)
{
	for (; *name; name++)
		buf_add_byte(out, *name == ' ' ? '-' : (uint8_t)tolower((unsigned char)*name));
}

static void add_contents(struct buf *out, const struct explanation *table)
{
	buf_add_lit(out, "\n| | |\n|---|---|\n");
	for (const struct explanation *e = table; e->name; e++) {
		buf_addf(out, "| [%s](#", e->name);
		add_anchor(out, e->name);
		buf_addf(out, ") | %s |\n", e->summary);
	}
}

static void add_causes_markdown(struct buf *out, const char *const *causes)
{
	unsigned n = 1;
	char mark[16];

	buf_add_lit(out, "\nLikely causes, most likely first:\n\n");
	for (; *causes; causes++) {
		snprintf(mark, sizeof(mark), "%u. ", n++);
		add_item(out, mark, *causes, MARKDOWN_COLUMNS);
	}
}

static void add_steps_markdown(struct buf *out, const struct explain_step *steps)
{
	buf_add_lit(out, "\nWhat to look at next:\n\n");
	for (; steps->text; steps++) {
		add_item(out, "- ", steps->text, MARKDOWN_COLUMNS);
		if (!steps->command)
			continue;
		buf_add_lit(out, "  ```\n");
		add_command(out, steps->command, 2);
		buf_add_lit(out, "  ```\n");
	}
}

static void add_markdown(struct buf *out, const struct explanation *e)
{
	buf_addf(out, "\n### %s\n\n", e->name);
	if (e->alias)
		buf_addf(out, "%s. ", e->alias);
	add_wrapped(out, e->summary, e->alias ? strlen(e->alias) + 2 : 0, 0, MARKDOWN_COLUMNS);
	add_paragraphs(out, e->meaning, MARKDOWN_COLUMNS);
	if (e->causes)
		add_causes_markdown(out, e->causes);
	if (e->steps)
		add_steps_markdown(out, e->steps);
}

void explain_markdown(struct buf *out)
{
	buf_add_lit(out,
		    "<!-- Made by `dnstap-analyser explain --markdown`: change user/app/explain_*.c instead. -->\n\n"
		    "# What a verdict means, and what to do\n\n");
	add_wrapped(out, "The same as `dnstap-analyser explain TOPIC` prints. " PLACEHOLDERS, 0, 0, MARKDOWN_COLUMNS);
	for (unsigned kind = 0; kind < KINDS_OF_TOPIC; kind++) {
		buf_addf(out, "\n## %s\n", kinds[kind].heading);
		add_contents(out, kinds[kind].table);
		for (const struct explanation *e = kinds[kind].table; e->name; e++)
			add_markdown(out, e);
	}
}
