/*
 * explain - what each word of a verdict means, its likely causes, and what to look at next. From one constant table
 * `dnstap-analyser explain` prints and docs/explain.md is made. Everything returned is static.
 */
#pragma once

#include "base/buf.h"

struct explain_step {
	const char *text;
	const char *command; /* lines to be typed, NULL: none; POD, UPSTREAM and so on stand for the reader's own */
};

struct explanation {
	const char *name;		  /* "Failed", "BitMap 5", "upstream_timeout", "Linked" */
	const char *alias;		  /* of a BitMap the messages as in the text line, "CQ FQ"; else NULL */
	const char *summary;		  /* one sentence */
	const char *meaning;		  /* paragraphs, with a newline between them */
	const char *const *causes;	  /* most likely first, NULL behind the last; NULL: none to name */
	const struct explain_step *steps; /* in the order to try them; behind the last one without text */
};

/*
 * NULL for an unknown topic. Case, blanks, `_`, `-` and `=` make no difference: "5", "BitMap 5", "bitmap=5", "CQFQ",
 * "upstream-timeout", "SampleLoss".
 */
const struct explanation *explain_find(const char *topic);

/* The first for NULL, NULL behind the last: Status, BitMap, Cause, then fields of the record. */
const struct explanation *explain_next(const struct explanation *before);

/* Plain text, at most 80 columns wide, with an empty line before it if something stands there. Failure is the buf's. */
void explain_print(const struct explanation *e, struct buf *out);

/* All topics with their summaries, as plain text. */
void explain_topics(struct buf *out);

/* docs/explain.md, whole. */
void explain_markdown(struct buf *out);
